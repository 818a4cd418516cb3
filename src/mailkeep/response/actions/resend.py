"""Chooses the time from which accepted mail that was not seen to arrive is sent again."""

from mailkeep.base.clock import MINUTE, SECOND, Instant

from .port import At

#: The first sign is seen some time after the first mail is lost: a canary goes every few seconds.
#: What did arrive in that time is confirmed, and not sent again.
BEFORE_THE_FIRST_SIGN = 10 * MINUTE


def since(at: At) -> Instant:
    """The start of mail to send again, not further back than the settings allow: old mail is stale
    mail."""
    oldest = at.tx.now - round(at.means.settings.resend * SECOND)
    return max(at.case.incident.since - BEFORE_THE_FIRST_SIGN, oldest)
