"""Texts of recovery mails (pure). A secret is in the fragment of a link, which no server sees, and
beside it for typing, since mail gateways rewrite links."""

from collections.abc import Callable
from html import escape

import msgspec

from mailkeep.base import tokens
from mailkeep.base.clock import DAY, HOUR, MINUTE, SECOND, Instant
from mailkeep.mail.genuine import LINK, PATH
from mailkeep.mail.types import Content

from .types import ProofKind, RecoverySettings


class MailComposer(msgspec.Struct, frozen=True):
    """Who writes, and where the pages are."""

    settings: RecoverySettings
    public_url: str
    application: str = ""  # whose user is written to; "": an owner of an account of ours
    home: str = ""  # where users of that application begin
    genuine: bool = False  # its mail is marked, so that its reader can ask whether we sent it

    @property
    def account(self) -> str:
        return f"your account at {self.application}" if self.application else "your account"

    @property
    def again(self) -> str:
        """Where to ask anew."""
        return (self.home or self.application) if self.application else self.page("/recover")

    def page(self, path: str, secret: str = "") -> str:
        """The address of a page, with a secret in its fragment."""
        return f"{self.public_url.rstrip('/')}{path}" + (f"#{secret}" if secret else "")

    def write(self, to: str, subject: str, lines: list[str]) -> Content:
        """A mail of paragraphs; the HTML says the same, with links that can be pressed."""
        body = "".join(f"<p>{_linked(line)}</p>" for line in lines)
        if self.genuine:
            ask = "Did we really send this? Ask at"
            lines = [*lines, f"{ask} {LINK}"]
            body += f'<p>{ask} <a href="{LINK}">{self.page(PATH)}</a></p>'
        return Content(
            sender=self.settings.sender,
            sender_name=self.settings.sender_name,
            to=to,
            subject=subject,
            text="\n\n".join(lines) + "\n",
            html=f'<!doctype html><html lang="en"><body>{body}</body></html>',
        )


_TWICE = (
    "You get this mail twice, by two carriers, so that nobody at one of them can keep it from you."
)


def twice(content: Content) -> Content:
    """A notice that goes over two routes says so: else its reader wonders at the second one."""
    return msgspec.structs.replace(
        content,
        text=f"{content.text}\n{_TWICE}\n",
        html=(content.html or "").replace("</body>", f"<p>{_TWICE}</p></body>"),
    )


def span(seconds: float) -> str:
    """A time in words, rounded up to a whole unit, so that nobody comes back too early."""
    micros = max(1, round(seconds * SECOND))
    for unit, one, many in (
        (DAY, "a day", "days"),
        (HOUR, "an hour", "hours"),
        (MINUTE, "a minute", "minutes"),
        (SECOND, "a second", "seconds"),
    ):
        if micros >= unit and (micros % unit == 0 or micros >= 2 * unit or unit == SECOND):
            count = -(-micros // unit)
            return one if count == 1 else f"{count} {many}"
    return "a second"


_LOST = (
    ", and says that your second factor is lost. Whoever reads your mail could say the same: if "
    "nobody stops this, every second factor is removed."
)

#: Writes a notice: (house, address, denial secret) to what the owner reads.
Notice = Callable[[MailComposer, str, str], Content]


def proof(house: MailComposer, to: str, kind: ProofKind, secret: str, denial: str) -> Content:
    """One of the two mails of a recovery."""
    page = house.page("/recover/proof")
    asked = f"Somebody, perhaps you, asked to reset the password of {house.account}."
    if kind is ProofKind.LINK:
        subject = "Reset your password: the link"
        lines = [
            (
                f"{asked} Two mails are on their way, by two carriers: this one has a link, "
                "the other one a short code. You need both."
            ),
            f"Open this link: {house.page('/recover/proof', secret)}",
            f"Or go to {page} and type the long code.\nLong code: {tokens.grouped(secret)}",
        ]
    else:
        subject = "Reset your password: the code"
        lines = [
            (
                f"{asked} Two mails are on their way, by two carriers: this one has a short "
                "code, the other one a link. You need both."
            ),
            (
                f"Open the link of the other mail first, or go to {page} in the browser that "
                f"asked, and type the code.\nCode: {tokens.grouped(secret)}"
            ),
        ]
    lines.append(_denial(house, denial))
    return house.write(to, subject, lines)


def completed(house: MailComposer, to: str, denial: str) -> Content:
    """The notice after a new password was written (SP 800-63B-4 section 4.2.3)."""
    return house.write(
        to,
        "Your password was changed",
        [
            (
                "The password of your account was reset with a link and a code from two mails. "
                "Everybody who was signed in has been signed out."
            ),
            (
                f"This was not you? Say so: {house.page('/deny', denial)}\nThe account is then "
                f"closed for {span(house.settings.freeze)}, or until a fresh reset with two new "
                "mails, and we look into it."
            ),
        ],
    )


def held(house: MailComposer, to: str, denial: str, length: Instant, *, lost: bool) -> Content:
    """The notice of a hold: there is time to stop it (SP 800-63B-4 section 4.2.3)."""
    return house.write(
        to,
        "Your password is about to be reset",
        [
            (
                f"Somebody has the link and the code to reset the password of {house.account}"
                f"{_LOST if lost else '.'} The "
                f"password can be changed after {span(length / SECOND)}, counted from when this "
                "notice has left over two carriers, and not before."
            ),
            f"This was not you? Stop it now: {house.page('/deny', denial)}",
            (
                "If it was you, there is nothing to do: come back to the browser in which you gave "
                "the link and the code when the time is over."
            ),
        ],
    )


def stopped(house: MailComposer, to: str, denial: str) -> Content:
    """The notice when both proofs came, and the second factor did not (ASVS 6.3.5)."""
    return house.write(
        to,
        "Somebody could not reset your password",
        [
            _stopped(house),
            (
                "If this was you, try again with your authenticator app at hand. If not, somebody "
                f"reads your mail: change the password of your mailbox, and tell us: "
                f"{house.page('/deny', denial)}"
            ),
        ],
    )


def stopped_for_good(house: MailComposer, to: str, _denial: str) -> Content:
    """The same when that recovery is over: there is nothing left to deny."""
    return house.write(
        to,
        "Somebody could not reset your password",
        [
            f"{_stopped(house)} That reset is over.",
            (
                "If this was you, ask again with your authenticator app at hand: "
                f"{house.again}\nIf not, somebody reads your mail: change the password "
                "of your mailbox."
            ),
        ],
    )


def handed_over(house: MailComposer, to: str, denial: str) -> Content:
    """The notice after an application was told that an owner may set a new password there."""
    return house.write(
        to,
        f"The password of {house.account} may be set anew",
        [
            (
                f"With a link and a code from two mails somebody showed that {house.account} is "
                f"theirs. {house.application} was told so, and lets them set a new password."
            ),
            (
                f"This was not you? Say so: {house.page('/deny', denial)}\nWhat "
                f"{house.application} has not acted on yet is taken back, and it is told. Then "
                f"tell {house.application} yourself."
            ),
        ],
    )


def opened(house: MailComposer, to: str) -> Content:
    """The notice of a new account, by another way than the code that opened it."""
    return house.write(
        to,
        "An account was opened with this address",
        [
            "A code that we mailed here confirmed this address: there is an account with it now.",
            "If this was you, there is nothing to do.",
            (
                "This was not you? Then somebody has read that mail. Set a password of your own: "
                f"{house.page('/recover')}\nEverybody is then signed out, and what was added and "
                "does not count yet is removed."
            ),
        ],
    )


def changed(house: MailComposer, to: str, what: str, *, denied: bool = False) -> Content:
    """The notice after somebody who was signed in changed what opens the account.

    Args:
        denied: it is gone because of what an owner denied: nobody who was signed in did it.
    """
    if denied:
        lines = [
            (
                f"In your account: {what}. It went with what was denied from one of your mails, "
                "since the same person may have added it."
            ),
            f"Was it yours? Then add it again, after a reset: {house.page('/account/factors')}",
        ]
    else:
        lines = [
            f"In your account: {what}. Somebody did this who was signed in, or was signing in.",
            f"This was not you? Reset the password now: {house.page('/recover')}",
        ]
    return house.write(to, "Your account was changed", lines)


def class_changed(house: MailComposer, to: str, until: str) -> Content:
    """The notice after an operator gave the account another class.

    Args:
        until: until when what guarded it before still holds; "" where nothing was lowered.
    """
    lines = ["Our staff changed the rules by which your account is guarded, and signed you out."]
    if until:
        lines.append(
            f"Some of them are less strict than before. What had to wait before still waits until "
            f"{until} UTC."
        )
    lines.append("If you did not ask for this, tell our support.")
    return house.write(to, "The rules of your account were changed", lines)


def erasure_asked(house: MailComposer, to: str, until: str) -> Content:
    """The notice that everything about the owner is going to be erased at ``until``, UTC."""
    lines = [
        (
            "We were asked to erase your account and all that we keep about you. It will be done "
            f"at {until} UTC, and cannot be undone then."
        ),
        (
            "If you do not want this, sign in before that time and keep your account: it says so "
            "at the top of the account page. Our support can stop it as well."
        ),
    ]
    return house.write(to, "Your account will be erased", lines)


def confirmation(house: MailComposer, to: str, code: str | None) -> Content:
    """The mail after a sign-up; without a code to an address that has an account already."""
    if code is None:
        return house.write(
            to,
            "You have an account already",
            [
                (
                    "Somebody, perhaps you, signed up with this address. It has an account "
                    "already, and nothing was changed."
                ),
                (
                    f"Sign in: {house.page('/sign-in')}\nForgotten the password? "
                    f"{house.page('/recover')}"
                ),
            ],
        )
    return house.write(
        to,
        "Confirm your address",
        [
            f"Type this code in the browser in which you signed up.\nCode: {tokens.grouped(code)}",
            f"Or open this link in that browser: {house.page('/sign-up/confirm', code)}",
            "You did not sign up? Then do nothing: without the code there is no account.",
        ],
    )


def _denial(house: MailComposer, denial: str) -> str:
    return (
        "This was not you? Nothing happens unless somebody has both mails. "
        f"To stop it and tell us: {house.page('/deny', denial)}"
    )


def _linked(line: str) -> str:
    out = []
    for part in line.split("\n"):
        words = [
            f'<a href="{escape(word)}">{escape(word.partition("#")[0])}</a>'
            if word.startswith(("https://", "http://"))
            else escape(word)
            for word in part.split(" ")
        ]
        out.append(" ".join(words))
    return "<br>".join(out)


def _stopped(house: MailComposer) -> str:
    return (
        f"Somebody had the link and the code to reset the password of {house.account}, and did "
        "not have your second factor. The password is unchanged."
    )
