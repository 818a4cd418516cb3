"""Options for Mailkeep in a submitted header: the idempotency key and the stream (pure)."""

import re

from mailkeep.base.errors import Invalid
from mailkeep.base.raw_mail import HEADERS

IDEMPOTENCY_HEADER = "X-Mailkeep-Idempotency-Key"

_END = re.compile(rb"\r?\n\r?\n")
_KEY = re.compile(rb"^x-mailkeep-idempotency-key[ \t]*:([^\r\n]*)(\r?\n[ \t])?", re.I | re.M)
_LONGEST = 255


def idempotency(raw: bytes) -> str | None:
    """The idempotency key of a submitted message.

    Raises:
        Invalid: it stands there twice, is folded, empty, too long or not visible ASCII.
    """
    raw = raw[:HEADERS]  # of a message that was parsed: its header is not larger
    end = _END.search(raw)
    head = raw if end is None else raw[: end.start()]
    found = _KEY.findall(head)
    if not found:
        return None
    value, folded = found[0]
    key = value.strip()
    if len(found) > 1 or folded or not 0 < len(key) <= _LONGEST or not key.isascii():
        raise Invalid("must be one line of 1 to 255 visible characters", field=IDEMPOTENCY_HEADER)
    text = str(key, "ascii")
    if not text.isprintable():
        raise Invalid("must be one line of 1 to 255 visible characters", field=IDEMPOTENCY_HEADER)
    return text


def stream(asked: str | None, bound: frozenset[str], default: str) -> str:
    """The stream of a message: the one that it asks for, else the only one that the key may use,
    else the default. Whether the key may use it is judged where the message is stored.

    Args:
        asked: by its header.
        bound: streams that the key may use; empty when it may use all.
    """
    if asked is not None:
        return asked
    if len(bound) == 1:
        return next(iter(bound))
    return default
