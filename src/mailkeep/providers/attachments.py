"""Validates attachments, and computes the size of a mail that has them (pure).

A file name is shown to people and written to disks: one with a path in it lands elsewhere, one with
a control character or a change of direction (U+202E) shows another ending than it has.
"""

import re
import unicodedata
from collections.abc import Mapping
from typing import Final

from .errors import MisconfiguredProvider, UnbuildableMessage
from .message import Attachment, OutgoingMessage
from .types import Capabilities

MOST: Final = 100  #: attachments of one mail
NAME_LIMIT: Final = 255  #: octets of a file's name in UTF-8, as the usual file systems have it

_WORD: Final = r"[A-Za-z0-9!#$%&'*+.^_`{|}~-]{1,100}"
# RFC 2045 section 5.1, without comments; a quoted value without escapes, which nobody needs.
_CONTENT_TYPE: Final = re.compile(
    rf"{_WORD}/{_WORD}(?: ?; ?{_WORD}=(?:{_WORD}|\"[ !#-\[\]-~]{{0,100}}\")){{0,8}}"
)
_PARAMETER: Final = re.compile(r"; ?([^=;]+)=")
#: Said by other fields, or by whoever writes the mail.
_OURS: Final = frozenset({"name", "filename", "boundary"})
# RFC 5322 section 3.6.4, less than an addr-spec: no quotes, spaces or angle brackets.
_CONTENT_ID: Final = re.compile(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~.@-]{1,200}")
#: A whole mail in itself. What else begins with message/ is a piece or a pointer to elsewhere.
_MESSAGES: Final = frozenset({"message/rfc822", "message/global"})
_SEPARATORS: Final = frozenset("/\\:")
# Controls, line ends, lone surrogates, private use; format characters change the direction or are
# not seen, but for the two joiners that some scripts and emoji are written with.
_UNSEEN: Final = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})
_JOINERS: Final = frozenset("\u200c\u200d")
_HEAD: Final = 2000  # octets of the headers that a mail, and 400 that a part has, about
_PART: Final = 400


def check(attachments: tuple[Attachment, ...]) -> None:
    """Refuse what cannot be a part of a mail.

    Raises:
        UnbuildableMessage: names the field, as ``attachments[0].filename``, and what is wrong.
    """
    if len(attachments) > MOST:
        raise UnbuildableMessage(f"at most {MOST} attachments", field="attachments")
    seen = set()
    for at, one in enumerate(attachments):
        field = f"attachments[{at}]"
        if wrong := _wrong_name(one.filename):
            raise UnbuildableMessage(f"the file's name {wrong}", field=f"{field}.filename")
        if wrong := _wrong_type(one):
            raise UnbuildableMessage(wrong, field=f"{field}.content_type")
        if one.content_id:
            if _CONTENT_ID.fullmatch(one.content_id) is None or one.content_id in seen:
                raise UnbuildableMessage(
                    "a content id is letters, digits and .-_@, each once",
                    field=f"{field}.content_id",
                )
            seen.add(one.content_id)


def _wrong_name(name: str) -> str:
    if not name.strip() or name != name.strip() or not name.strip("."):
        return "is empty, or begins or ends with a space"
    if not _SEPARATORS.isdisjoint(name):
        return "holds / \\ or :"
    if any(unicodedata.category(char) in _UNSEEN and char not in _JOINERS for char in name):
        return "holds a control character"
    if len(name.encode()) > NAME_LIMIT:
        return f"is longer than {NAME_LIMIT} octets"
    return ""


def _wrong_type(one: Attachment) -> str:
    if _CONTENT_TYPE.fullmatch(one.content_type) is None:
        return "not a content type, as in application/pdf"
    names = [name.strip().lower() for name in _PARAMETER.findall(one.content_type)]
    if not _OURS.isdisjoint(names) or len(set(names)) != len(names):
        return "say the name as filename, and each parameter once"
    kind = one.media_type
    if kind.startswith("multipart/") or (kind.startswith("message/") and kind not in _MESSAGES):
        return f"{kind} cannot be attached"
    if one.alternative and (kind != "text/calendar" or one.content_id):
        return "only text/calendar stands beside the text"
    return ""


def ending(filename: str) -> str:
    """What a name ends with after its last dot, in lower case; "" without one."""
    return filename.rstrip(" .").rpartition(".")[2].lower() if "." in filename else ""


def size(message: OutgoingMessage) -> int:
    """About how many octets the whole mail has as it leaves, with its attachments in base64."""
    bodies = sum(_octets(text) for text in (message.text, message.html) if text is not None)
    # RFC 2045 section 6.8: four characters for three octets, and a line end after every 76.
    files = sum((len(one.content) + 2) // 3 * 4 * 78 // 76 + _PART for one in message.attachments)
    return _HEAD + bodies + files


def max_size(options: Mapping[str, str], able: Capabilities) -> int:
    """How large a mail an account takes: what its kind does, or less by its option ``max_size``.

    Raises:
        MisconfiguredProvider: the option is no number of octets.
    """
    text = options.get("max_size", "")
    if not text:
        return able.max_size
    if not (text.isascii() and text.isdigit() and len(text) < 12):
        raise MisconfiguredProvider("max_size is a number of octets", field="options.max_size")
    return min(int(text), able.max_size)


def content_size(text: str | None, html: str | None, attachments: tuple[Attachment, ...]) -> int:
    """How many octets the bodies and the decoded attachments have."""
    bodies = sum(_octets(one) for one in (text, html) if one is not None)
    return bodies + sum(len(one.content) for one in attachments)


def _octets(text: str) -> int:
    return len(text) if text.isascii() else len(text.encode("utf-8", "replace"))
