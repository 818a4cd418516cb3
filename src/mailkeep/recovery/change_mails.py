"""Texts of the mails about changes to an account (pure)."""

import msgspec

from mailkeep.accounts.types import ChangeKind
from mailkeep.base.clock import Instant, iso
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
    subject, what, effect = _WORDS[told.what]
    lines = [
        (
            f"{what.format(about=told.about)} It was done by somebody who was signed in and gave "
            "the password once more."
        ),
        effect.format(until=_time(told.until)),
        "If this was you, there is nothing to do.",
    ]
    if denial is not None:
        lines.append(
            "This was not you? Stop it"
            + (f" before {_time(told.until)}" if told.what is not ChangeKind.PASSWORD else "")
            + f": {house.page('/deny', denial)}\nEverybody is then signed out, and the "
            "password of now opens nothing any more"
            + (f": set a new one with {house.page('/recover')}" if told.recovers else "")
        )
    return house.write(to, subject, lines)


_WORDS = {
    ChangeKind.ADDED: (
        "An address was added to your account",
        "The address {about} was added to your account.",
        "From {until} on the password can also be reset through it. Until then it cannot.",
    ),
    ChangeKind.REMOVED: (
        "An address is being removed from your account",
        "The address {about} is being removed from your account.",
        "It is gone at {until}. Until then the password can still be reset through it.",
    ),
    ChangeKind.PASSWORD: (
        "Your password was changed",
        "The password of your account was changed.",
        "Everybody who was signed in has been signed out. Until {until} this mail can undo it.",
    ),
    ChangeKind.FACTOR: (
        "A second factor was added to your account",
        "A second factor was added to your account: {about}.",
        (
            "Signing in asks for it from now on, a password reset from {until} on. Until then a "
            "reset neither asks for it nor takes it, and removes it."
        ),
    ),
}


def _welcome(house: MailComposer, to: str, told: Told, denial: str | None) -> Content:
    lines = [
        "This address belongs to an account with us now. A code from here confirmed it.",
        (
            f"From {_time(told.until)} on the password can also be reset through it. Until "
            "then the addresses that were there before can stop it."
        ),
        f"Manage your addresses: {house.page('/account/addresses')}",
    ]
    if denial is not None:
        lines.append(
            "You know of no such account? Then somebody has read that code. Take this address off "
            f"it before {_time(told.until)}: {house.page('/deny', denial)}\nNothing else of that "
            "account is changed by it."
        )
    return house.write(to, "This address was added to an account", lines)


def _kept(house: MailComposer, to: str, told: Told, denial: str | None) -> Content:
    """Of a factor that a user of an application has bound here."""
    lines = [
        (
            f"We keep a second factor for {house.account} from now on: {told.about}. "
            f"{house.application} sent somebody here to add it who was signed in there."
        ),
        (
            f"From {_time(told.until)} on a password reset asks for it. Until then a reset neither "
            "asks for it nor takes it, and removes it."
        ),
        "If this was you, there is nothing to do.",
    ]
    if denial is not None:
        lines.append(
            f"This was not you? Stop it before {_time(told.until)}: {house.page('/deny', denial)}\n"
            f"Then tell {house.application}: somebody may be signed in there as you."
        )
    return house.write(to, f"A second factor was added for {house.account}", lines)


def stopped(house: MailComposer, to: str, removed: str = "") -> Content:
    """The notice after changes were stopped.

    Args:
        removed: the factors that went with them, as ``factor_words.removed`` says it; "": none.
    """
    went = []
    if removed:
        went = [
            (
                f"With it {removed}, since it was denied from one of your mails, and the same "
                "person may have added that. Was it yours? Then add it again, after a reset."
            )
        ]
    if house.application:
        return house.write(
            to,
            "A second factor was not added",
            [f"A second factor for {house.account} was stopped, and nothing of it counts.", *went],
        )
    return house.write(
        to,
        "A change of your account was stopped",
        [
            (
                "A change of the addresses or of the second factors of your account was stopped, "
                "and nothing of it counts."
            ),
            *went,
            f"Look at your account: {house.page('/account')}",
        ],
    )


def confirm(house: MailComposer, to: str, code: str | None, grouped: str) -> Content:
    """The mail that confirms an address which was added; without a code where an account has it."""
    if code is None:
        return house.write(
            to,
            "This address has an account already",
            [
                (
                    "Somebody who is signed in to another account, perhaps you, wanted to add this "
                    "address to it. It belongs to an account already, and nothing was changed."
                )
            ],
        )
    return house.write(
        to,
        "Confirm this address",
        [
            (
                "Somebody, perhaps you, wants to add this address to an account with us. Type this "
                f"code in the browser in which you added it.\nCode: {grouped}"
            ),
            f"Or open this link in that browser: {house.page('/account/addresses/confirm', code)}",
            "This was not you? Then do nothing: without the code nothing happens.",
        ],
    )


def _time(at: Instant) -> str:
    return iso(at)[:16].replace("T", " ") + " UTC"
