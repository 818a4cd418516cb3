"""View models of the development mailbox: rows of the list, an open mail, times as people read
them (pure)."""

from collections.abc import Iterable, Mapping

import msgspec

from mailkeep.base.clock import DAY, HOUR, MINUTE, Instant, iso
from mailkeep.mail.types import StreamSettings

from . import markup
from .letter import Brief, Letter
from .search import Known

MAX_SHOWN = 256 * 1024  #: characters of a source that a page shows; the download has all
VIEWS = {"html": "HTML", "text": "Text", "headers": "Headers", "source": "Source", "files": "Files"}


class Row(msgspec.Struct, frozen=True):
    """A mail in the list. ``known`` None: Mailkeep knows no such message."""

    mail: Brief
    known: Known | None

    @property
    def carrier(self) -> str:
        """The provider that took the message last, or who the mail says carried it."""
        return (self.known.provider if self.known else "") or self.mail.carrier


class Host(msgspec.Struct, frozen=True):
    """A host that links of a mail lead to; ``whose`` "": neither the sender's nor ours."""

    name: str
    whose: str
    links: tuple[markup.Link, ...]


class Open(msgspec.Struct, frozen=True):
    """A mail that is open, with what was found in it."""

    letter: Letter
    text: str
    hosts: tuple[Host, ...]
    nowhere: tuple[markup.Link, ...]
    remarks: tuple[str, ...]


def known(
    found: Mapping[str, tuple[str, str]], streams: Mapping[str, StreamSettings]
) -> dict[str, Known]:
    """What Mailkeep knows of messages, by their ids."""
    return {
        message: Known(provider, stream, stream in streams and streams[stream].secret)
        for message, (provider, stream) in found.items()
    }


def opened(letter: Letter, ours: str) -> Open:
    """A mail with its links, hosts and remarks.

    Args:
        ours: our own public host.
    """
    links: list[markup.Link] = []
    remarks: list[str] = []
    text = letter.text
    if letter.html is not None:
        looked = markup.look(letter.html)
        links += looked.links
        remarks = markup.remarks(letter.html, looked, letter.images(), letter.text is not None)
        text = looked.text if text is None else text
    if letter.text is not None:
        links += markup.in_text(letter.text)
    sender = markup.domain(letter.field("From"))
    reply = markup.domain(letter.field("Reply-To"))
    if reply and not markup.below(reply, sender):
        remarks.insert(0, f"Answers go to {reply}, which is not the sender's domain.")
    hosts = _hosts(links, sender, ours)
    nowhere = tuple(one for one in links if not one.host)
    return Open(letter, text or "", hosts, nowhere, tuple(remarks))


def clock(at: Instant, now: Instant) -> str:
    """The time of day in UTC, with the date where it is another day."""
    text = iso(at)
    day = "" if text[:10] == iso(now)[:10] else f"{text[:10]} "
    return f"{day}{text[11:19]} UTC"


def ago(at: Instant, now: Instant) -> str:
    """How long ago, roughly."""
    past = now - at
    for size, word in ((DAY, "day"), (HOUR, "h"), (MINUTE, "min")):
        if past >= size:
            count = past // size
            return f"{count} {word}{'s' if word == 'day' and count > 1 else ''} ago"
    return "just now"


def _hosts(links: Iterable[markup.Link], sender: str, ours: str) -> tuple[Host, ...]:
    """By host, strangers first; a link that stands in both bodies counts once."""
    by_host: dict[str, dict[str, markup.Link]] = {}
    for one in links:
        if one.host:
            by_host.setdefault(one.host, {}).setdefault(one.url, one)
    out = []
    for name, found in by_host.items():
        whose = "this Mailkeep" if name == ours else ""
        if not whose and markup.below(name, sender):
            whose = "the sender's domain"
        out.append(Host(name, whose, tuple(found.values())))
    return tuple(sorted(out, key=lambda one: (bool(one.whose), one.name)))
