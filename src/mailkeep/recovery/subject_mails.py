"""Texts of the mails about changes that an application makes to how its users are recovered
(pure)."""

from mailkeep.accounts.events import SubjectChangeHeld
from mailkeep.accounts.subject_answers import OWNER
from mailkeep.mail.types import Content

from .mails import MailComposer


def held(
    house: MailComposer, to: str, change: SubjectChangeHeld, secret: str, until: str
) -> Content:
    """The notice that an application wants changed what would recover an account there.

    Args:
        secret: stops it; shown out of two mails over two routes it agrees.
        until: when it is good, or lapses while nobody agreed; UTC.
    """
    wants = f"{house.application} wants changed how {house.account} is recovered: {change.what}."
    page = house.page("/change", secret)
    if not change.agreed:
        return house.write(
            to,
            f"Was it you who changed {house.account}?",
            [
                f"{wants} Nothing changes so far.",
                (
                    f"This was you? Open {page} and press 'this was me', here and in the second "
                    "mail that says the same: each comes by another carrier, and it takes both. "
                    f"Without that nothing changes, unless {house.application} answers for it by "
                    f"other means. After {until} UTC it is dropped."
                ),
                "This was not you? Press 'this was not me' on the same page; one mail is enough.",
            ],
        )
    by = "You agreed" if change.agreed == OWNER else f"{house.application} answers for it"
    return house.write(
        to,
        f"A change of how {house.account} is recovered",
        [
            f"{wants} {by}, so it counts from {until} UTC on. Until then nothing changes.",
            f"If this was you, there is nothing to do. This was not you? Stop it: {page}",
        ],
    )
