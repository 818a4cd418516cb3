"""Changes that a provider makes to a mail: tracking as configured, and an attacker's additions."""

import html
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from email.headerregistry import Address
from email.message import EmailMessage

from .faults import ForeignSender
from .mail import NO_PARTS, Part

Wrap = Callable[[str], str]
"""Turns a link into the provider's redirecting one."""

_ANCHOR = re.compile(r"<a\b[^>]*>", re.IGNORECASE)
_HREF = re.compile(r"(\bhref\s*=\s*)(\"|')(https?://[^\"'<>]+)\2", re.IGNORECASE)
_BARE = re.compile(r"https?://[^\s<>\"']*[^\s<>\"'.,;:!?)\]]", re.IGNORECASE)
_BODY_END = re.compile(r"</body\s*>", re.IGNORECASE)
_NO_TRACK = "data-pm-no-track"  # Postmark's way to leave one link alone


@dataclass(slots=True)
class Plan:
    """What to do to one mail.

    Attributes:
        links: the parts whose links are rewritten.
        pixel: HTML that reports an opening, or "".
        foreign: the stranger's address to put in.
    """

    links: frozenset[Part] = NO_PARTS
    wrap: Wrap = field(default=lambda url: url)
    pixel: str = ""
    foreign: ForeignSender | None = None

    @property
    def changes_anything(self) -> bool:
        """False: the mail goes out as it came in."""
        return bool(self.links or self.pixel or self.foreign)


def tamper(message: EmailMessage, plan: Plan) -> None:
    """Carry out the plan on the message."""
    wrap = plan.wrap
    if "html" in plan.links:
        _edit(message, "html", lambda text: rewrite_html(text, wrap))
    if "text" in plan.links:
        _edit(message, "plain", lambda text: _BARE.sub(lambda m: wrap(m[0]), text))
    if plan.pixel:
        _edit(message, "html", lambda text: before_end(text, plan.pixel))
    if plan.foreign is not None:
        _add_stranger(message, plan.foreign)


def rewrite_html(text: str, wrap: Wrap) -> str:
    """Send the http and https links of anchors through the provider."""

    def anchor(found: re.Match[str]) -> str:
        if _NO_TRACK in found[0].lower():
            return found[0]
        return _HREF.sub(
            lambda m: f"{m[1]}{m[2]}{html.escape(wrap(html.unescape(m[3])))}{m[2]}", found[0]
        )

    return _ANCHOR.sub(anchor, text)


def before_end(text: str, addition: str) -> str:
    """Put HTML at the end of the body."""
    ends = list(_BODY_END.finditer(text))
    place = ends[-1].start() if ends else len(text)
    return text[:place] + addition + text[place:]


def _add_stranger(message: EmailMessage, foreign: ForeignSender) -> None:
    address = foreign.address
    site = address.rpartition("@")[2]
    if "reply_to" in foreign.kinds:
        del message["Reply-To"]
        message["Reply-To"] = address
    if "from" in foreign.kinds:
        old = message["From"]
        names = [box.display_name for box in getattr(old, "addresses", ())]
        del message["From"]
        message["From"] = str(Address(display_name=names[0] if names else "", addr_spec=address))
    if "text" in foreign.kinds:
        _edit(message, "plain", lambda text: f"{text.rstrip()}\n\nQuestions? Write to {address}\n")
        mark = f'<p>Questions? Write to <a href="mailto:{address}">{address}</a></p>'
        _edit(message, "html", lambda text: before_end(text, mark))
    if "link" in foreign.kinds:
        url = f"https://{site}/account"
        _edit(message, "plain", lambda text: f"{text.rstrip()}\n\nYour account: {url}\n")
        mark = f'<p><a href="{url}">Your account</a></p>'
        _edit(message, "html", lambda text: before_end(text, mark))


def _edit(message: EmailMessage, subtype: str, change: Callable[[str], str]) -> None:
    for part in message.walk():
        if part.get_content_type() != f"text/{subtype}" or part.is_attachment():
            continue
        try:
            content = part.get_content()
        except (LookupError, UnicodeError):
            continue  # a charset that nobody can read stays as it is
        part.set_content(change(content), subtype=subtype, cte="quoted-printable")
