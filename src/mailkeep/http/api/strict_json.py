"""A strict JSON reader for request bodies: what is wrong is refused by name, and nothing is
guessed.

A duplicate key is refused: another reader of the same text, a proxy or a log, may believe the other
value.

Security: reads hostile input. Nothing is decoded into objects that no field asks for, so a body
takes no more memory than a few times its own size.
"""

import json
import re
from collections import Counter
from collections.abc import Iterator
from itertools import islice
from typing import Any, TypeVar

import msgspec
from litestar.exceptions import HTTPException

from mailkeep.base.errors import Invalid
from mailkeep.http.port import Incoming

from . import whole

T = TypeVar("T")

MOST_KEYS = 100_000  #: keys of objects in one body: a hundred for each message of the largest batch
MOST_TEXTS = 400_000  #: texts in one body, its keys among them
SHOWN = 80  #: characters of a name of theirs that an error repeats
EXPLAINED = 1024 * 1024  #: bytes of a broken body in which we look for what is broken

#: At least as many as there are keys: a text may hold what looks like the end of one.
_KEY = re.compile(rb'"[ \t\r\n]*:')
#: PostgreSQL takes none, not even to look for: it would be a fault of ours.
_NUL = re.compile(rb"(?<!\\)(?:\\\\)*+\\u0000")
#: Each text once: one that never ends goes to the end of all.
_TEXT = re.compile(rb'"(?:[^"\\]++|\\.)*+"?', re.DOTALL)
#: How the decoder names a field that is missing, or one that it does not know.
_FIELD = re.compile(r"Object (?:(missing required)|contains unknown) field `(.*)`", re.DOTALL)
_LONE = re.compile("[\0\ud800-\udfff]")
_NO_TEXT = "half a character (a lone surrogate), or NUL, is no text"
_BROKEN = "the body is not JSON in UTF-8"
CROWDED = "there are too many fields in it"


async def body(request: Incoming) -> bytes:
    """The body of a request that says that it is JSON.

    Raises:
        HTTPException: 413, it is too large; 415, it says that it is something else.
    """
    kind, _, parameters = request.headers.get("Content-Type", "").partition(";")
    charset = parameters.strip().lower().replace('"', "")
    if kind.strip().lower() != "application/json" or charset not in {"", "charset=utf-8"}:
        raise HTTPException("send 'Content-Type: application/json'", status_code=415)
    if request.headers.get("Content-Encoding", "identity").lower() != "identity":
        raise HTTPException("send the body without a Content-Encoding", status_code=415)
    return await whole.body(request)


def decode(text: bytes | msgspec.Raw, kind: type[T], field: str = "") -> T:
    """Decode a text of which nothing was decoded before.

    Args:
        field: path of it in the whole body, ``messages[3].``.

    Raises:
        Invalid: naming the field.
    """
    if is_crowded(text):
        raise Invalid(CROWDED, field=field.rstrip(".") or None)
    try:
        found = msgspec.json.decode(text, type=kind)
    except msgspec.ValidationError as error:
        raise refusal(str(error), field) from error
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise broken(text, field) from error
    nul = b"\\u0000" in bytes(text) and _NUL.search(text)
    if nul or len(_KEY.findall(text)) != _different(text):
        _explain(text, field)
    return found


def query(request: Incoming, kind: type[T]) -> T:
    """What stands in the query of a URL, each word once.

    Raises:
        Invalid: naming the word.
    """
    given: dict[str, str] = {}
    for name, value in request.query_params.multi_items():
        if name in given:
            raise Invalid("this is given twice", field=name[:SHOWN])
        if "\0" in value:
            raise Invalid(_NO_TEXT, field=name[:SHOWN])
        given[name] = value
    try:
        return msgspec.convert(given, kind, strict=False)
    except msgspec.ValidationError as error:
        raise refusal(str(error)) from error


def check_top(text: bytes, parts: list[msgspec.Raw]) -> None:
    """Refuse a duplicate key outside the parts, which are checked separately.

    Raises:
        Invalid: naming it.
    """
    inside = sum(len(_KEY.findall(one)) for one in parts)
    if len(_KEY.findall(text)) - inside != len(_OBJECT.decode(text)):
        _explain(text, "", deep=False)


def is_crowded(text: bytes | msgspec.Raw) -> bool:
    """Whether it has more keys, or more strings, than any request needs. Each becomes an object,
    thirty octets from a single one, and all in one go in which nobody else is served."""
    raw = bytes(text)
    return (raw.count(b":") > MOST_KEYS and _many(_KEY, raw, MOST_KEYS)) or (
        raw.count(b'"') > 2 * MOST_TEXTS and _many(_TEXT, raw, MOST_TEXTS)
    )


def _many(pattern: re.Pattern[bytes], text: bytes, most: int) -> bool:
    return sum(1 for _ in islice(pattern.finditer(text), most + 1)) > most


def broken(text: bytes | msgspec.Raw, field: str = "") -> Invalid:
    """Why a text cannot be decoded."""
    if len(bytes(text)) <= EXPLAINED:
        try:
            _explain(text, field)
        except Invalid as error:
            return error
    return Invalid(_BROKEN, field=field.rstrip(".") or None)


def refusal(said: str, prefix: str = "") -> Invalid:
    """What the decoder says, with the field that is missing or that nobody knows (pure)."""
    text, _, place = said.partition(" - at `")
    place = place.removesuffix("`").removeprefix("key in ").removeprefix("$").strip(".")
    field = prefix + place
    found = _FIELD.fullmatch(text)
    if found is None:
        return Invalid(text, field=field.rstrip(".") or None)
    missing, name = found[1], found[2][:SHOWN]
    text = f"`{name}` is missing" if missing else f"there is no field `{name}` here"
    return Invalid(text, field=f"{prefix}{place}.{name}" if place else f"{prefix}{name}")


def _different(text: bytes | msgspec.Raw) -> int:
    """How many different keys there are, each counted where it stands."""
    parts = _OBJECT.decode(text)
    return len(parts) + sum(_below(one) for one in parts.values())


def _below(value: msgspec.Raw) -> int:
    """The same of any value; most are texts and hold none."""
    first = memoryview(value)[0]
    if first == _BRACE:
        return _different(value)
    return sum(map(_below, _ARRAY.decode(value))) if first == _BRACKET else 0


_BRACE, _BRACKET = b"{["
_OBJECT = msgspec.json.Decoder(dict[str, msgspec.Raw])
_ARRAY = msgspec.json.Decoder(list[msgspec.Raw])


class _Object(dict[str, Any]):
    """A dictionary that remembers a duplicate key."""

    twice: str | None = None


def _object(pairs: list[tuple[str, Any]]) -> _Object:
    made = _Object(pairs)
    if len(made) != len(pairs):
        names = Counter(name for name, _ in pairs)
        made.twice = next(name for name, count in names.items() if count > 1)
    return made


def _explain(text: bytes | msgspec.Raw, field: str, *, deep: bool = True) -> None:
    """Look for errors that the decoder does not name. Raises ``Invalid`` when one is found."""
    try:
        found = json.loads(bytes(text), object_pairs_hook=_object)
        wrong = next(_faults(found, "", deep=deep), None)
    except RecursionError as error:
        raise Invalid("it is nested too deeply", field=field.rstrip(".") or None) from error
    except ValueError as error:  # of the text, its encoding, or a number of a million digits
        raise Invalid(_BROKEN, field=field.rstrip(".") or None) from error
    if wrong is not None:
        place, why = wrong
        raise Invalid(why, field=field + place.lstrip(".") or None)


def _faults(node: Any, place: str, *, deep: bool = True) -> Iterator[tuple[str, str]]:
    """(where, what) is wrong, in order."""
    if isinstance(node, str) and _LONE.search(node):
        yield place, _NO_TEXT
    elif isinstance(node, _Object):
        if node.twice is not None:
            yield f"{place}.{_shown(node.twice)}", "this key is given twice"
        for name, one in node.items() if deep else ():
            if _LONE.search(name):
                yield place, _NO_TEXT
            yield from _faults(one, f"{place}.{_shown(name)}")
    elif isinstance(node, list):
        for index, one in enumerate(node):
            yield from _faults(one, f"{place}[{index}]")


def _shown(name: str) -> str:
    return _LONE.sub("\N{REPLACEMENT CHARACTER}", name[:SHOWN])
