"""Events that the mail room records. Addresses appear as pseudonyms (``address_…``) only."""

from mailkeep.events.types import Fact, fact

from .types import GiveUpReason


@fact("mail.accepted")
class MessageAccepted(Fact, frozen=True, kw_only=True):
    """A message was stored durably and acknowledged."""

    message: str
    stream: str
    address: str


@fact("mail.attempted")
class AttemptFinished(Fact, frozen=True, kw_only=True):
    """A provider answered an attempt, or failed to.

    ``outcome`` is a word of ``providers.types.OutcomeKind``: accepted, deferred, rejected,
    suppressed_there, suspended, unauthorised, throttled, unavailable, ambiguous. ``family``: who
    keeps the recipient's mailbox (``families``); ``recipients``: how many the provider was given.
    ``told``: an application says in the journal that it sent this by itself. Nobody here saw a
    provider answer, so it is no observation of ours.
    """

    message: str
    attempt: str
    provider: str
    stream: str
    address: str
    outcome: str
    detail: str
    seconds: float
    family: str = ""
    recipients: int = 1
    told: bool = False


@fact("mail.failed_over")
class FailedOver(Fact, frozen=True, kw_only=True):
    """A message goes to another provider than the last one tried. Never silent."""

    message: str
    stream: str
    left: str
    taken: str
    because: str


@fact("mail.breaker_opened")
class BreakerOpened(Fact, frozen=True, kw_only=True):
    """This process's mail of a stream avoids a provider for a time: what is sent next goes
    elsewhere at once, and fails over from nobody.

    ``because``: an outcome, as in ``AttemptFinished``; often a canary's.
    """

    provider: str
    stream: str
    because: str


@fact("mail.breaker_closed")
class BreakerClosed(Fact, frozen=True, kw_only=True):
    """A provider that a stream avoided has served it again."""

    provider: str
    stream: str


@fact("mail.copy_split")
class CopySplit(Fact, frozen=True, kw_only=True):
    """One of several would not be served by the provider that took a mail: their copy goes on as a
    message of its own, by another one.

    ``message`` is the mail's, ``copy`` the copy's; ``address`` is whose it is. ``because``: an
    outcome, as in ``AttemptFinished``.
    """

    message: str
    copy: str
    stream: str
    address: str
    left: str
    because: str


@fact("mail.given_up")
class MessageGivenUp(Fact, frozen=True, kw_only=True):
    """A message will not be sent: expired, or refused for good. ``why`` says which."""

    message: str
    stream: str
    address: str
    why: GiveUpReason


@fact("mail.requeued")
class MessageRequeued(Fact, frozen=True, kw_only=True):
    """A message that had been given up is sent after all, because a person said so."""

    message: str
    stream: str
    address: str
    by: str


@fact("mail.reported")
class DeliveryReported(Fact, frozen=True, kw_only=True):
    """A provider claims something about a message. It is a claim, not an observation.

    ``message`` is None when the claim names no message of ours. ``copy``: it is about somebody
    else than the message's own recipient; ``address`` is then theirs, or None if it is not known.
    ``late``: seconds from when it happened, by the provider's clock, to when we heard; None where
    it says no time. ``weight``: what it counts for that, 0 to 1 (``lateness``).
    """

    provider: str
    claim: str
    event: str
    message: str | None
    stream: str | None
    address: str | None
    at_provider: int | None
    copy: bool = False
    late: float | None = None
    weight: float = 1.0


@fact("mail.foreign_mail")
class ForeignMailReported(Fact, frozen=True, kw_only=True):
    """A provider told of a mail in our account there that we never gave it; once for each mail.

    Attributes:
        mail: a digest of the provider's own name for it.
        why: ``unmarked`` (it carries no id of ours: another system of ours, or a stranger),
            ``unknown`` (an id that we never gave out), ``not_given`` (the id of a message of ours
            that another provider had, or that it had as another mail or for others).
        untold: how many more there were since the last that was told; a flood is not told singly.
    """

    provider: str
    mail: str
    why: str
    untold: int = 0


@fact("mail.claim_refused")
class ClaimRefused(Fact, frozen=True, kw_only=True):
    """A webhook was forged, malformed or stale, and nothing of it was believed; or it told too much
    of mail that is not ours (``flood``)."""

    provider: str
    why: str


@fact("mail.provider_cut")
class ProviderCut(Fact, frozen=True, kw_only=True):
    """A provider was cut off: no request to it starts after this."""

    provider: str
    by: str
    reason: str


@fact("mail.provider_rested")
class ProviderRested(Fact, frozen=True, kw_only=True):
    """A provider is left alone: no ordinary mail while another stands, canaries still."""

    provider: str
    by: str
    reason: str


@fact("mail.provider_unrested")
class ProviderUnrested(Fact, frozen=True, kw_only=True):
    """A provider that rested carries ordinary mail again."""

    provider: str
    by: str
    reason: str


@fact("mail.provider_distrusted")
class ProviderDistrusted(Fact, frozen=True, kw_only=True):
    """No word of a provider about our mail is believed from now on."""

    provider: str
    by: str
    reason: str


@fact("mail.provider_trusted")
class ProviderTrusted(Fact, frozen=True, kw_only=True):
    """A provider's word counts again."""

    provider: str
    by: str
    reason: str


@fact("mail.provider_restored")
class ProviderRestored(Fact, frozen=True, kw_only=True):
    """A provider that had been cut off may carry mail again."""

    provider: str
    by: str
    reason: str


@fact("mail.routes_shifted")
class RoutesShifted(Fact, frozen=True, kw_only=True):
    """Of what ``source`` carries of a stream by the settings, ``target`` has ``share`` from now
    on."""

    stream: str
    source: str
    target: str
    share: float
    by: str
    reason: str


@fact("mail.suppression_changed")
class SuppressionChanged(Fact, frozen=True, kw_only=True):
    """Somebody put an address on the list of suppressions by hand (``listed``), or took it off.
    Here stands whose it was: of the audit chain nothing can be erased.

    ``reason``, ``stream``: of the entry; of what was taken off, None and "" for every one.
    """

    address: str
    listed: bool
    reason: str | None
    stream: str
    by: str
