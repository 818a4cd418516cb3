"""Mails of recoveries and notices about accounts (pure); their texts are in ``accounts/words``. A
secret is in the fragment of a link, which no server sees, and beside it for typing, since mail
gateways rewrite links."""

from collections.abc import Callable
from html import escape

import msgspec

from mailkeep.accounts.wording import Words
from mailkeep.base import tokens
from mailkeep.base.clock import SECOND, Instant
from mailkeep.mail.genuine import LINK, PATH
from mailkeep.mail.types import Content

from .types import ProofKind, RecoverySettings


class MailComposer(msgspec.Struct, frozen=True):
    """Who writes, in which language, and where the pages are."""

    settings: RecoverySettings
    public_url: str
    words: Words
    application: str = ""  # whose user is written to; "": an owner of an account of ours
    home: str = ""  # where users of that application begin
    genuine: bool = False  # its mail is marked, so that its reader can ask whether we sent it

    @property
    def at(self) -> str:
        """What follows 'your account'."""
        return self.words.say("mail.at", application=self.application) if self.application else ""

    @property
    def again(self) -> str:
        """Where to ask anew."""
        return (self.home or self.application) if self.application else self.page("/recover")

    def page(self, path: str, secret: str = "") -> str:
        """The address of a page, with a secret in its fragment."""
        return f"{self.public_url.rstrip('/')}{path}" + (f"#{secret}" if secret else "")

    def write(self, to: str, subject: str, lines: list[str]) -> Content:
        """A mail of paragraphs; the HTML says the same, with links that can be pressed."""
        words = self.words
        body = "".join(f"<p>{_linked(line)}</p>" for line in lines)
        if self.genuine:
            ask = words.say("mail.genuine")
            lines = [*lines, f"{ask} {LINK}"]
            body += f'<p><a href="{LINK}">{escape(ask)} {self.page(PATH)}</a></p>'
        spoken = f'lang="{words.tag}"' + (' dir="rtl"' if words.direction == "rtl" else "")
        return Content(
            sender=self.settings.sender,
            sender_name=self.settings.sender_name,
            to=to,
            subject=subject,
            text="\n\n".join(lines) + "\n",
            html=f"<!doctype html><html {spoken}><body>{body}</body></html>",
            headers=(("Content-Language", words.tag),),
        )

    def twice(self, content: Content) -> Content:
        """A notice that goes over two routes says so: else its reader wonders at the second one."""
        told = self.words.say("mail.twice")
        return msgspec.structs.replace(
            content,
            text=f"{content.text}\n{told}\n",
            html=(content.html or "").replace("</body>", f"<p>{escape(told)}</p></body>"),
        )


#: Writes a notice: (house, address, denial secret) to what the owner reads.
Notice = Callable[[MailComposer, str, str], Content]


def proof(house: MailComposer, to: str, kind: ProofKind, secret: str, denial: str) -> Content:
    """One of the two mails of a recovery."""
    say, typed = house.words.say, tokens.grouped(secret)
    page = house.page("/recover/proof")
    if kind is ProofKind.LINK:
        subject = say("proof.link_subject")
        lines = [
            say("proof.link", at=house.at),
            say("proof.open", url=house.page("/recover/proof", secret)),
            say("proof.long", page=page, code=typed),
        ]
    else:
        subject = say("proof.code_subject")
        lines = [say("proof.code", at=house.at), say("proof.type", page=page, code=typed)]
    deny = say("proof.deny", url=house.page("/deny", denial))
    return house.write(to, subject, [*lines, say("proof.never"), deny])


def completed(house: MailComposer, to: str, denial: str) -> Content:
    """The notice after a new password was written (SP 800-63B-4 section 4.2.3)."""
    say, span = house.words.say, house.words.span(house.settings.freeze)
    deny = say("completed.deny", url=house.page("/deny", denial), span=span)
    return house.write(to, say("completed.subject"), [say("completed.what"), deny])


def held(house: MailComposer, to: str, denial: str, length: Instant, *, lost: bool) -> Content:
    """The notice of a hold: there is time to stop it (SP 800-63B-4 section 4.2.3)."""
    say = house.words.say
    what = say("held.lost", at=house.at) if lost else say("held.what", at=house.at)
    wait = say("held.wait", span=house.words.span(length / SECOND))
    deny = say("held.deny", url=house.page("/deny", denial))
    return house.write(to, say("held.subject"), [f"{what} {wait}", deny, say("held.mine")])


def stopped(house: MailComposer, to: str, denial: str) -> Content:
    """The notice when both proofs came, and the second factor did not (ASVS 6.3.5)."""
    say = house.words.say
    deny = say("stopped.deny", url=house.page("/deny", denial))
    return house.write(to, say("stopped.subject"), [say("stopped.what", at=house.at), deny])


def stopped_for_good(house: MailComposer, to: str, _denial: str) -> Content:
    """The same when that recovery is over: there is nothing left to deny."""
    say = house.words.say
    what = f"{say('stopped.what', at=house.at)} {say('stopped.over')}"
    return house.write(to, say("stopped.subject"), [what, say("stopped.again", url=house.again)])


def handed_over(house: MailComposer, to: str, denial: str) -> Content:
    """The notice after an application was told that an owner may set a new password there."""
    say, application = house.words.say, house.application
    return house.write(
        to,
        say("handed_over.subject", at=house.at),
        [
            say("handed_over.what", at=house.at, application=application),
            say("handed_over.deny", url=house.page("/deny", denial), application=application),
        ],
    )


def opened(house: MailComposer, to: str) -> Content:
    """The notice of a new account, by another way than the code that opened it."""
    say = house.words.say
    deny = say("opened.deny", url=house.page("/recover"))
    return house.write(to, say("opened.subject"), [say("opened.what"), say("mail.mine"), deny])


def changed(house: MailComposer, to: str, what: str, *, denied: bool = False) -> Content:
    """The notice after somebody who was signed in changed what opens the account.

    Args:
        what: as ``factor_words`` says it, in the language of the house.
        denied: it is gone because of what an owner denied: nobody who was signed in did it.
    """
    say = house.words.say
    if denied:
        lines = [
            say("changed.denied", what=what),
            say("changed.again", url=house.page("/account/factors")),
        ]
    else:
        lines = [
            say("changed.what", what=what),
            say("changed.deny", url=house.page("/recover")),
        ]
    return house.write(to, say("changed.subject"), lines)


def class_changed(house: MailComposer, to: str, until: Instant | None) -> Content:
    """The notice after an operator gave the account another class.

    Args:
        until: until when what guarded it before still holds; None where nothing was lowered.
    """
    say = house.words.say
    lines = [say("class.what")]
    if until:
        lines.append(say("class.until", until=house.words.time(until)))
    return house.write(to, say("class.subject"), [*lines, say("class.deny")])


def erasure_asked(house: MailComposer, to: str, until: Instant) -> Content:
    """The notice that everything about the owner is going to be erased at ``until``."""
    say = house.words.say
    what = say("erasure.what", until=house.words.time(until))
    return house.write(to, say("erasure.subject"), [what, say("erasure.deny")])


def confirmation(house: MailComposer, to: str, code: str | None) -> Content:
    """The mail after a sign-up; without a code to an address that has an account already."""
    say = house.words.say
    if code is None:
        where = (
            say("sign_up.taken_sign_in", url=house.page("/sign-in")),
            say("sign_up.taken_reset", url=house.page("/recover")),
        )
        return house.write(
            to, say("sign_up.taken_subject"), [say("sign_up.taken"), "\n".join(where)]
        )
    return house.write(
        to,
        say("sign_up.subject"),
        [
            say("sign_up.code", code=tokens.grouped(code)),
            say("sign_up.open", url=house.page("/sign-up/confirm", code)),
            say("sign_up.deny"),
        ],
    )


def _linked(line: str) -> str:
    return "<br>".join(" ".join(_pressed(part.split(" "))) for part in line.split("\n"))


def _pressed(words: list[str]) -> list[str]:
    """Words of which the addresses can be pressed. What says so, up to a colon, is pressed as well:
    where a screen reader reads the links of a mail one after the other, their words are all that
    tells going on from stopping (WCAG 2.2, 2.4.9)."""
    out: list[str] = []
    begun = 0  # where the sentence began
    for word in words:
        if word.startswith(("https://", "http://")):
            says = out[begun:] if out and out[-1].endswith(":") else []
            del out[len(out) - len(says) :]
            text = " ".join([*says, escape(word.partition("#")[0])])
            out.append(f'<a href="{escape(word)}">{text}</a>')
            begun = len(out)
            continue
        out.append(escape(word))
        if word.endswith((".", "?", "!")):
            begun = len(out)
    return out
