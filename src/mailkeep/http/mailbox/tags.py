"""A small HTML tokenizer (pure): texts and tags in one pass of linear time.

The standard library's parser takes minutes for some inputs of a few hundred kilobytes, and a mail
is hostile input. This one does no more than is needed to list what a mail holds; what people see
goes to the browser as it came, behind a content security policy, and does not depend on it.
"""

import html
import re
from collections.abc import Iterator

import msgspec

MAX_VALUE = 4000

_NAME = re.compile(r"/?[a-zA-Z][^\s/>]{0,40}")
_STOP = re.compile(r"[>\"']")
_ATTRIBUTE = re.compile(r"([^\s\"'<>/=]{1,60})(?:\s*=\s*(\"[^\"]*\"|'[^']*'|[^\s>]*))?")
#: Elements whose content is no markup (HTML Living Standard section 13.2.5.2 and on).
_RAW = {
    name: re.compile(rf"</{name}\b", re.IGNORECASE)
    for name in ("script", "style", "title", "textarea", "xmp", "iframe", "noembed", "noframes")
}


class Text(msgspec.Struct, frozen=True):
    """What stands between tags, its references decoded. ``inside``: the element whose content is no
    markup, if it stands in one."""

    text: str
    inside: str = ""


class Tag(msgspec.Struct, frozen=True):
    """A start tag, or an end tag (``closing``)."""

    name: str
    closing: bool
    values: dict[str, str]


def read(source: str) -> Iterator[Text | Tag]:
    """The texts and tags in order. Never raises; what nothing closes ends the reading."""
    position = 0
    while (start := source.find("<", position)) >= 0:
        if start > position:
            yield Text(html.unescape(source[position:start]))
        if source.startswith("<!--", start):
            end = source.find("-->", start + 4)
            position = end + 3
        elif source.startswith(("<!", "<?"), start):
            end = source.find(">", start)
            position = end + 1
        elif (name := _NAME.match(source, start + 1)) is None:
            yield Text("<")
            position = start + 1
            continue
        else:
            end = _end(source, name.end())
            if end >= 0:
                tag = _tag(name[0].lower(), source[name.end() : end])
                yield tag
                position = end + 1
                raw = None if tag.closing else _RAW.get(tag.name)
                if raw is not None:
                    close = raw.search(source, position)
                    stop = len(source) if close is None else close.start()
                    yield Text(source[position:stop], tag.name)
                    position = stop
        if end < 0:
            return
    if position < len(source):
        yield Text(html.unescape(source[position:]))


def _end(source: str, position: int) -> int:
    """Where a tag ends: a ``>`` within a quoted value does not count."""
    while (found := _STOP.search(source, position)) is not None:
        if found[0] == ">":
            return found.start()
        before = found.start() - 1
        while before > position and source[before].isspace():
            before -= 1
        position = found.end()
        if source[before] == "=":
            position = source.find(found[0], position) + 1
            if position == 0:
                return -1
    return -1


def _tag(name: str, inner: str) -> Tag:
    values: dict[str, str] = {}
    for match in _ATTRIBUTE.finditer(inner):
        value = (match[2] or "")[: MAX_VALUE + 2]
        if value[:1] in {'"', "'"}:
            value = value.strip(value[0])
        values.setdefault(match[1].lower(), html.unescape(value))
        if len(values) >= 100:
            break
    return Tag(name.lstrip("/"), name.startswith("/"), values)
