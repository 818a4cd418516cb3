"""Checks a message's size and features against our own limits and each provider's (pure).

Decided at intake, where the sender still hears the answer. A message too large for a route is never
sent there: the provider would refuse it, or accept and truncate it.
"""

from collections.abc import Iterable, Mapping

from mailkeep.base.errors import Invalid
from mailkeep.providers import attachments, registry
from mailkeep.providers.message import OutgoingMessage
from mailkeep.providers.types import Capabilities, ProviderConfig

from . import recipients
from .types import Content

MAX_SIZE = 25 * 1024 * 1024  #: octets of bodies and decoded attachments
#: A secret's mail carries at most a picture: what else is in it would be sealed and shredded too.
MAX_SECRET_ATTACHMENTS = 100 * 1024
MOST_STORED = 100 * 1024 * 1024  #: octets that one request may come to, for all whom it goes to
MOST_MADE = 5_000  #: messages that one request may come to
SMALL = 256 * 1024  #: below this no provider minds the size, and no thread is worth its while


class Request:
    """What one request comes to: where mail carries a code, each of its blind copies is a message
    of its own, with a body of its own. A thousand small ones with fifty each would fill the
    memory."""

    def __init__(self) -> None:
        self._messages = 0
        self._octets = 0

    def take(self, octets: int, blind: int, field: str) -> None:
        """Count one more message of the request.

        Args:
            octets: of its body, as it is stored.
            blind: how many of its blind copies are messages of their own.
            field: its path in the request.

        Raises:
            Invalid: it would be too much; it is not counted.
        """
        made = self._messages + 1 + blind
        stored = self._octets + (octets * (1 + blind) if blind else 0)
        over = ""
        if stored > MOST_STORED:
            over = f"the request would come to more than {MOST_STORED >> 20} MB"
        elif made > MOST_MADE:
            over = f"the request would come to more than {MOST_MADE:,} messages"
        if over:
            words = "each blind copy is one of its own, with a code of its own"
            raise Invalid(f"{over}: {words}; send fewer at a time", field=f"{field}bcc")
        self._messages, self._octets = made, stored


def check(content: Content, *, secret: bool, most: int = MAX_SIZE) -> None:
    """Refuse what is over our own bounds.

    Raises:
        Invalid: naming the field.
    """
    for field, people in (
        ("cc" if content.cc else "to", (*content.more_to, *content.cc, *content.bcc)),
        ("To", () if content.shown is None else (*content.shown.to, *content.shown.cc)),
    ):
        if len(people) >= recipients.MOST + (field == "To"):
            raise Invalid(f"at most {recipients.MOST} people in all", field=field)
    if secret:
        _check_secret(content)
    size = attachments.content_size(content.text, content.html, content.attachments)
    if size > most:
        field = "attachments" if content.attachments else _larger(content)
        raise Invalid(f"the message is larger than {most >> 20} MB", field=field)


def _check_secret(content: Content) -> None:
    """A secret that goes to two people is no secret."""
    for field, people in (
        ("to[1]", content.more_to),
        ("cc", content.cc),
        ("bcc", content.bcc),
        ("To", () if content.shown is None else recipients.copies(content)),
    ):
        if people:
            raise Invalid("mail of a secret stream goes to one person only", field=field)
    if sum(len(one.content) for one in content.attachments) > MAX_SECRET_ATTACHMENTS:
        limit = f"{MAX_SECRET_ATTACHMENTS >> 10} kB"
        raise Invalid(
            f"mail of a secret stream carries files of {limit} at most", field="attachments"
        )


def unfit(
    message: OutgoingMessage, providers: Mapping[str, ProviderConfig], routes: Iterable[str]
) -> dict[str, tuple[str, str]]:
    """The routes that cannot carry a message: for each the field at fault, and why."""
    size = attachments.size(message)
    people = len(message.recipients())
    endings = [attachments.ending(one.filename) for one in message.attachments]
    found = {}
    for name in routes:
        config = providers.get(name)
        if config is None:
            continue
        able = registry.get(config.kind).capabilities
        why = _why_not(able, attachments.max_size(config.options, able), size, people, endings)
        if why is not None:
            found[name] = why
    return found


def _why_not(
    able: Capabilities, max_size: int, size: int, people: int, endings: list[str]
) -> tuple[str, str] | None:
    if size > max_size:
        return "attachments", f"takes {max_size >> 20} MB at most"
    if people > able.max_recipients:
        return "cc", f"takes {able.max_recipients} recipients at most"
    for at, ending in enumerate(endings):
        if ending in able.forbidden:
            return f"attachments[{at}].filename", f"takes no .{ending} files"
    return None


def plain(content: Content) -> bool:
    """Whether a message is so ordinary that every provider can carry it: nothing to look at."""
    return not (
        content.attachments
        or content.more_to
        or content.cc
        or content.bcc
        or content.shown is not None
        or len(content.text or "") + len(content.html or "") > SMALL
    )


def _larger(content: Content) -> str:
    return "html" if len(content.html or "") > len(content.text or "") else "text"
