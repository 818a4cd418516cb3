"""Analyses a mail's HTML: its links, what mail programs do not support, and the copy for the
sandboxed frame (pure).

Security: reads hostile input, bounded; nothing here raises. The frame's own policy forbids scripts,
forms and every fetch; only what no policy covers is changed here: elements for which browsers open
connections ahead of need. Images of the mail itself are put in as data, so that the frame needs no
address of ours.
"""

import base64
import re
from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Protocol
from urllib.parse import unquote, urlsplit

import msgspec

from mailkeep.watch.reading import UNREADABLE, plain

from . import tags

MAX_LOOKED_AT = 200_000  #: characters that are taken apart
MAX_LINKS = 200
MAX_URL = 2000
MAX_PICTURES = 16 * 1024 * 1024  #: bytes of pictures that are put into one frame
CLIPPED = 102 * 1024  #: bytes from which Gmail hides the rest of a mail

#: Elements for which browsers open connections before they ask the policy: no byte is sent, but the
#: connection alone says that the mail was opened.
_EAGER = re.compile(r"<(?=(?:link|i?frame|frameset|fencedframe|portal)\b)", re.IGNORECASE)
_CID = re.compile(r"\bcid:([^\s\"'<>()]{1,200})", re.IGNORECASE)
_URL = re.compile(r"https?://[^\s<>\"'\]]{1,2000}", re.IGNORECASE)
_STYLE_URL = re.compile(r"url\(\s*[\"']?\s*((?:https?:)?//[^\s\"')]{1,2000})", re.IGNORECASE)
_READS_AS_HOST = re.compile(
    r"(?:https?://)?((?:[\w-]{1,63}\.){1,8}[a-z]{2,24})(?=[/\s:?#]|$)", re.I
)
_ADDRESS = re.compile(r"@([^\s@<>()\[\],;\"]{1,253})")
_IGNORED = re.compile(r"[\x00-\x20]+")
_BLOCKS = frozenset({"p", "div", "br", "tr", "li", "h1", "h2", "h3", "h4", "table", "ul", "ol"})
_ACTIVE = frozenset({"iframe", "frame", "object", "embed", "applet", "video", "audio"})
#: Files that are shown as pictures, and nothing else.
_PICTURES = re.compile(r"image/[a-z0-9.+-]{1,40}")


class Picture(Protocol):
    """A file of the mail that ``cid:`` names."""

    @property
    def kind(self) -> str: ...
    @property
    def body(self) -> bytes: ...


class Link(msgspec.Struct, frozen=True):
    """A link, and what a reader sees of it; ``host`` "" where it leads to none."""

    url: str
    host: str
    label: str


class Look(msgspec.Struct, frozen=True):
    """What was found in the HTML: ``pictures`` by ``cid:``, ``remote``: hosts it would fetch from,
    ``odd``: how often each thing that mail programs drop stands there."""

    links: tuple[Link, ...]
    text: str
    pictures: frozenset[str]
    remote: Mapping[str, int]
    odd: Mapping[str, int]


def look(html: str) -> Look:
    """Take the HTML apart. Never raises."""
    found = _Looker()
    for one in tags.read(html[:MAX_LOOKED_AT]):
        if isinstance(one, tags.Text):
            found.hear(one)
        elif one.closing:
            found.close(one.name)
        else:
            found.open(one)
    found.end_link()
    lines = (" ".join(line.split()) for line in "".join(found.words).split("\n"))
    text = re.sub(r"\n{3,}", "\n\n", "\n".join(lines)).strip()
    pictures = frozenset(unquote(one) for one in _CID.findall(html[:MAX_LOOKED_AT]))
    return Look(tuple(found.links), text, pictures, found.remote, found.odd)


def in_text(text: str) -> tuple[Link, ...]:
    """The links that a mail program would make of plain text."""
    urls = dict.fromkeys(
        match[0].rstrip(".,;:!?)") for match in _URL.finditer(text[:MAX_LOOKED_AT])
    )
    return tuple(Link(url, host_of(url), url) for url in list(urls)[:MAX_LINKS])


def host_of(url: str) -> str:
    """The host that a browser would go to, in the form in which hosts are compared; "" for none."""
    tight = _IGNORED.sub("", url).replace("\\", "/")
    if tight.startswith("//"):
        tight = f"http:{tight}"
    try:
        parts = urlsplit(tight)
    except ValueError:
        return UNREADABLE
    if parts.scheme.lower() not in {"http", "https", "ftp"}:
        return ""
    return plain(parts.netloc)


def frame(html: str, pictures: Mapping[str, Picture]) -> str:
    """The document that the frame gets. Links open in a tab of their own: a page of ours refuses to
    stand in a frame."""
    left = MAX_PICTURES

    def put_in(match: re.Match[str]) -> str:
        nonlocal left
        found = pictures.get(unquote(match[1])) or pictures.get(match[1])
        if found is None or not _PICTURES.fullmatch(found.kind) or len(found.body) > left:
            return match[0]
        left -= len(found.body)
        return f"data:{found.kind};base64,{base64.b64encode(found.body).decode()}"

    return '<base target="_blank">' + _CID.sub(put_in, _EAGER.sub("<x-", html))


def remarks(html: str, found: Look, pictures: Iterable[str], has_text: bool) -> list[str]:
    """What a developer would want to know before a mail program shows it, worst first."""
    odd, out = found.odd, []
    for name, words in _SAID.items():
        if odd.get(name):
            out.append(words.format(n=odd[name], s="" if odd[name] == 1 else "s"))
    for link in found.links:
        reads = _READS_AS_HOST.match(link.label.strip().lower())
        if reads and link.host and plain(reads[1]) != link.host:
            out.append(f"A link reads as {reads[1]} and leads to {link.host}.")
    for name in sorted(found.pictures - set(pictures)):
        out.append(f"No part of this mail is cid:{name}; its picture stays empty.")
    if found.remote:
        hosts = ", ".join(sorted(found.remote))
        out.append(f"From elsewhere, and not loaded here: pictures or styles from {hosts}.")
    if not has_text:
        out.append("There is no text part: some readers, and some spam filters, want one.")
    size = len(html.encode("utf-8", "replace"))
    if size > CLIPPED:
        out.append(f"The HTML has {size // 1024} kB; Gmail hides what is past 102 kB.")
    return list(dict.fromkeys(out))[:30]


_SAID = {
    "script": "{n} script{s}: no mail program runs any.",
    "handler": "{n} event handler{s} (onclick and its like): mail programs drop them.",
    "javascript": "{n} link{s} with a script in place of an address: they do nothing.",
    "refresh": "{n} redirect{s} by meta refresh: mail programs drop them.",
    "active": "{n} embedded object{s} (frame, video, plug-in): mail programs drop most of them.",
    "form": "{n} form{s}: many mail programs drop forms or warn of them.",
    "sheet": "{n} outside style sheet{s}: most mail programs ignore them; write styles inline.",
    "relative": "{n} link{s} without a host: in a mail they lead nowhere.",
    "clear": "{n} link{s} over http, without encryption.",
    "alt": "{n} picture{s} without alt text: readers who see no pictures get nothing.",
}


class _Looker:
    """What has been seen so far."""

    def __init__(self) -> None:
        self.links: list[Link] = []
        self.words: list[str] = []
        self.remote: Counter[str] = Counter()
        self.odd: Counter[str] = Counter()
        self._link: tuple[str, int] | None = None

    def hear(self, text: tags.Text) -> None:
        if text.inside == "style":
            self._styles(text.text)
        elif not text.inside or text.inside == "textarea":
            self.words.append(text.text.replace("\n", " "))

    def open(self, tag: tags.Tag) -> None:
        values = tag.values
        self.odd["handler"] += sum(name.startswith("on") for name in values)
        if tag.name in _BLOCKS:
            self.words.append("\n")
        match tag.name:
            case "a" | "area" if "href" in values:
                self.end_link()
                self._link = (values["href"][:MAX_URL], len(self.words))
                self._judge(values["href"])
            case "img":
                self._image(values)
            case "script" | "form":
                self.odd[tag.name] += 1
            case "link":
                self.odd["sheet"] += "stylesheet" in values.get("rel", "").lower()
                self._fetches(values.get("href", ""))
            case "meta":
                self.odd["refresh"] += values.get("http-equiv", "").lower() == "refresh"
        self.odd["active"] += tag.name in _ACTIVE
        self._styles(values.get("style", ""))
        self._fetches(values.get("background", ""))

    def close(self, name: str) -> None:
        if name in _BLOCKS:
            self.words.append("\n")
        if name == "a":
            self.end_link()

    def end_link(self) -> None:
        """A link that nothing closes is one all the same."""
        if self._link is None:
            return
        url, start = self._link
        self._link = None
        if len(self.links) < MAX_LINKS:
            label = " ".join("".join(self.words[start : start + 50]).split())[:200]
            self.links.append(Link(url, host_of(url), label))

    def _styles(self, text: str) -> None:
        for match in _STYLE_URL.finditer(text):
            self._fetches(match[1])

    def _image(self, values: dict[str, str]) -> None:
        self.odd["alt"] += "alt" not in values
        self.words.append(f"[{values['alt']}]" if values.get("alt") else "")
        self._fetches(values.get("src", ""))
        for one in values.get("srcset", "").split(",")[:20]:
            self._fetches(one.strip().partition(" ")[0])

    def _judge(self, url: str) -> None:
        tight = _IGNORED.sub("", url).lower()
        scheme = tight.partition(":")[0] if re.match(r"[a-z][a-z0-9+.-]*:", tight) else ""
        self.odd["javascript"] += scheme in {"javascript", "data", "vbscript"}
        self.odd["clear"] += scheme == "http" and not _local(host_of(url))
        self.odd["relative"] += not scheme and not tight.startswith(("#", "//"))

    def _fetches(self, url: str) -> None:
        host = host_of(url[:MAX_URL])
        if host and (host in self.remote or len(self.remote) < 50):
            self.remote[host] += 1


def _local(host: str) -> bool:
    return host == "localhost" or host.startswith("127.") or host.endswith(".localhost")


def domain(field: str) -> str:
    """The domain of the address in a ``From`` or its like; "" for none."""
    found = _ADDRESS.findall(field)
    return plain(found[-1]) if found else ""


def below(host: str, parent: str) -> bool:
    """Whether a host is a domain, or below it."""
    return bool(parent) and (host == parent or host.endswith(f".{parent}"))
