"""Mails about changes to an account (pure); their texts are in ``accounts/words``."""

import msgspec

from mailkeep.accounts.types import ChangeKind
from mailkeep.base.clock import Instant
from mailkeep.mail.types import Content

from .mails import MailComposer


class Told(msgspec.Struct, frozen=True):
    """What a notice of a change says.

    Attributes:
        what: the kind of change.
        about: the address that it is about, or the kind of factor; "" for a password.
        until: when it counts; before that it can be stopped.
        recovers: the account can be recovered by mail.
    """

    what: ChangeKind
    about: str
    until: Instant
    recovers: bool


def held(house: MailComposer, to: str, told: Told, denial: str | None) -> Content:
    """The notice of a change, to every address (ASVS 6.3.7, SP 800-63B-4 section 4.6).

    Args:
        denial: the secret with which its reader can stop it; at the address that is new, take that
            one off and nothing else: it must not speak against the owner.
    """
    if house.application:
        return _kept(house, to, told, denial)
    if to == told.about and told.what is ChangeKind.ADDED:
        return _welcome(house, to, told, denial)
    say, until = house.words.say, house.words.time(told.until)
    subject, what, effect = _said(house, told, until)
    lines = [f"{what} {say('change.who')}", effect, say("mail.mine")]
    if denial is not None:
        url = house.page("/deny", denial)
        password = told.what is ChangeKind.PASSWORD
        stop = say("change.deny", url=url) if password else ""
        stop = stop or say("change.deny_until", until=until, url=url)
        then = say("change.then")
        if told.recovers:
            then = say("change.then_reset", url=house.page("/recover"))
        lines.append(f"{stop}\n{then}")
    return house.write(to, subject, lines)


def _said(house: MailComposer, told: Told, until: str) -> tuple[str, str, str]:
    """(subject, what was changed, what comes of it)."""
    say, about = house.words.say, told.about
    match told.what:
        case ChangeKind.ADDED:
            return (
                say("change.added_subject"),
                say("change.added", about=about),
                say("change.added_effect", until=until),
            )
        case ChangeKind.REMOVED:
            return (
                say("change.removed_subject"),
                say("change.removed", about=about),
                say("change.removed_effect", until=until),
            )
        case ChangeKind.PASSWORD:
            return (
                say("change.password_subject"),
                say("change.password"),
                say("change.password_effect", until=until),
            )
        case ChangeKind.FACTOR:
            return (
                say("change.factor_subject"),
                say("change.factor", about=about),
                say("change.factor_effect", until=until),
            )


def _welcome(house: MailComposer, to: str, told: Told, denial: str | None) -> Content:
    say, until = house.words.say, house.words.time(told.until)
    lines = [
        say("welcome.what"),
        say("welcome.effect", until=until),
        say("welcome.manage", url=house.page("/account/addresses")),
    ]
    if denial is not None:
        lines.append(say("welcome.deny", until=until, url=house.page("/deny", denial)))
    return house.write(to, say("welcome.subject"), lines)


def _kept(house: MailComposer, to: str, told: Told, denial: str | None) -> Content:
    """Of a factor that a user of an application has bound here."""
    say, until, application = house.words.say, house.words.time(told.until), house.application
    lines = [
        say("kept.what", at=house.at, about=told.about, application=application),
        say("kept.effect", until=until),
        say("mail.mine"),
    ]
    if denial is not None:
        url = house.page("/deny", denial)
        lines.append(say("kept.deny", until=until, url=url, application=application))
    return house.write(to, say("kept.subject", at=house.at), lines)


def stopped(house: MailComposer, to: str, removed: str = "") -> Content:
    """The notice after changes were stopped.

    Args:
        removed: the factors that went with them, as ``factor_words.removed`` says it; "": none.
    """
    say = house.words.say
    went = [say("change.stopped_with", what=removed)] if removed else []
    if house.application:
        lines = [say("kept.stopped", at=house.at), *went]
        return house.write(to, say("kept.stopped_subject"), lines)
    look = say("change.stopped_look", url=house.page("/account"))
    return house.write(to, say("change.stopped_subject"), [say("change.stopped"), *went, look])


def confirm(house: MailComposer, to: str, code: str | None, grouped: str) -> Content:
    """The mail that confirms an address which was added; without a code where an account has it."""
    say = house.words.say
    if code is None:
        return house.write(to, say("address.taken_subject"), [say("address.taken")])
    return house.write(
        to,
        say("address.subject"),
        [
            say("address.code", code=grouped),
            say("address.open", url=house.page("/account/addresses/confirm", code)),
            say("address.deny"),
        ],
    )
