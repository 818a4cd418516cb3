"""The notice for each event about second factors, the password and the language (pure); None for
what needs no mail.

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
    LanguageChosen,
    PasskeyCopied,
    PasswordRemoved,
    SavedCodeUsed,
)
from mailkeep.accounts.factors.saved_codes import FEW
from mailkeep.accounts.factors.types import Kind
from mailkeep.accounts.wording import Words
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
    LanguageChosen,
)

_TOLD = {"owner", "lost", "denied"}


def what(words: Words, fact: Fact) -> str | None:
    """A sentence without its end."""
    match fact:
        case FactorBound() if not fact.held:  # else the change is told, with a way to stop it
            return words.say("factor.added", factor=named(words, fact.factor_kind))
        case FactorRevoked() if fact.why in _TOLD:
            return removed(words, (fact,))
        case FactorLeaving():
            factor, until = named(words, fact.factor_kind), words.time(fact.until)
            return words.say("factor.leaving", factor=factor, until=until)
        case FactorStays():
            return words.say("factor.stays")
        case FactorBlocked():
            return words.say("factor.blocked", factor=named(words, fact.factor_kind))
        case PasskeyCopied():
            return words.say("factor.copied")
        case SavedCodeUsed() if fact.left == 0:
            return words.say("factor.last")
        case SavedCodeUsed() if fact.left <= FEW:
            return words.count("factor.few", fact.left)
        case SavedCodeUsed():
            return words.count("factor.used", fact.left)
        case PasswordRemoved():
            return words.say("factor.password")
        case LanguageChosen():
            return words.say("factor.language", language=fact.chosen)
        case _:
            return None


def removed(words: Words, facts: Sequence[FactorRevoked]) -> str:
    """The same of all that went together."""
    names = ", ".join(named(words, one.factor_kind) for one in facts)
    if len(facts) > 1:
        return words.say("factor.all_removed", factors=names)
    return words.say("factor.removed", factor=names)


def named(words: Words, kind: str) -> str:
    """A kind of factor, in the words of a mail."""
    match Kind(kind):
        case Kind.TOTP:
            return words.say("factor.totp")
        case Kind.PASSKEY:
            return words.say("factor.passkey")
        case Kind.SAVED_CODES:
            return words.say("factor.saved_codes")


def reminder(house: MailComposer, to: str, fact: FactorReminderDue) -> Content:
    """The mail to who has no second factor. It asks for nothing but a sign-in."""
    say = house.words.say
    lines = [say("reminder.what")]
    if fact.until is not None:
        lines.append(say("reminder.until", date=house.words.date(fact.until)))
    lines += [say("reminder.how", url=house.page("/account")), say("reminder.never")]
    return house.write(to, say("reminder.subject"), lines)
