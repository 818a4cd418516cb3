"""The notice for each event about second factors (pure); None for what needs no mail.

A factor that was replaced by another one, or removed along with the last one, is reported with its
cause: one change, one mail.
"""

from collections.abc import Sequence

from mailkeep.accounts.events import (
    FactorBlocked,
    FactorBound,
    FactorLeaving,
    FactorReminderDue,
    FactorRevoked,
    FactorStays,
    PasskeyCopied,
    PasswordRemoved,
    SavedCodeUsed,
)
from mailkeep.accounts.factors.saved_codes import FEW
from mailkeep.accounts.factors.types import Kind
from mailkeep.base.clock import iso
from mailkeep.events.types import Fact
from mailkeep.mail.types import Content

from .mails import MailComposer

#: Facts that are told of.
FACTS: tuple[type[Fact], ...] = (
    FactorBound,
    FactorLeaving,
    FactorStays,
    FactorRevoked,
    FactorBlocked,
    PasskeyCopied,
    SavedCodeUsed,
    PasswordRemoved,
)

_NAMES = {
    Kind.TOTP: "an authenticator app",
    Kind.PASSKEY: "a passkey",
    Kind.SAVED_CODES: "a set of saved codes",
}
_TOLD = {"owner", "lost", "denied"}


def what(fact: Fact) -> str | None:
    """A sentence without its capital and its end."""
    match fact:
        case FactorBound() if not fact.held:  # else the change is told, with a way to stop it
            return f"a second factor was added: {_NAMES[Kind(fact.factor_kind)]}"
        case FactorRevoked() if fact.why in _TOLD:
            return removed((fact,))
        case FactorLeaving():
            return (
                f"the last second factor is being removed: {_NAMES[Kind(fact.factor_kind)]}. It is"
                f" still asked until {iso(fact.until)[:16].replace('T', ' ')} UTC; until then you"
                " can keep it, on the page of your account"
            )
        case FactorStays():
            return "the second factor that was being removed stays"
        case FactorBlocked():
            return (
                f"so many wrong answers were given for {_NAMES[Kind(fact.factor_kind)]} that no"
                " more are taken there; somebody may know your password"
            )
        case PasskeyCopied():
            return (
                "a passkey was refused because a copy of it seems to be in use elsewhere; remove it"
                " and add a new one"
            )
        case SavedCodeUsed() if fact.left == 0:
            return "the last of your saved codes was used; make new ones now"
        case SavedCodeUsed() if fact.left <= FEW:
            return f"a saved code was used, and only {fact.left} are left; make new ones soon"
        case SavedCodeUsed():
            return f"a saved code was used; {fact.left} are left"
        case PasswordRemoved():
            return "the password was removed; from now on passkeys open the account"
        case _:
            return None


def removed(facts: Sequence[FactorRevoked]) -> str:
    """The same of all that went together."""
    names = ", ".join(_NAMES[Kind(one.factor_kind)] for one in facts)
    several = len(facts) > 1
    return f"{'second factors were' if several else 'a second factor was'} removed: {names}"


def named(kind: Kind) -> str:
    """A kind of factor, in the words of a mail."""
    return _NAMES[kind]


def reminder(house: MailComposer, to: str, fact: FactorReminderDue) -> Content:
    """The mail to who has no second factor. It asks for nothing but a sign-in."""
    lines = [
        (
            "Your account is opened by its password alone. With a passkey, or an app that shows "
            "codes, whoever knows your password or reads your mail still cannot take it."
        ),
        f"It takes a minute: sign in, and choose 'Add a second factor'. {house.page('/account')}",
    ]
    if fact.until is not None:
        lines.insert(
            1, f"From {iso(fact.until)[:10]} on you need one: you then add it when you sign in."
        )
    lines.append(
        "We ask for no code and no password by mail. If in doubt, type our address yourself."
    )
    return house.write(to, "Add a second factor to your account", lines)
