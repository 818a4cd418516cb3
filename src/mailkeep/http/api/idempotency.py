"""Parses the ``Idempotency-Key`` header (draft-ietf-httpapi-idempotency-key-header; pure)."""

import re
from collections.abc import Sequence

from mailkeep.base.errors import Invalid

NAME = "Idempotency-Key"
LONGEST = 255

#: RFC 8941 section 3.3.3, a String; most clients write the bare words, which are taken as they are.
_QUOTED = re.compile(r'"((?:[ !#-\[\]-~]|\\["\\])*)"')
_BARE = re.compile(r"[!#-~]+")


def read(values: Sequence[str]) -> str | None:
    """The key in the header; None when it was not sent.

    Raises:
        Invalid: it was sent twice, is empty, too long, or no string of visible ASCII.
    """
    if not values:
        return None
    if len(values) > 1:
        raise Invalid("this header is given twice", field=NAME)
    given = values[0].strip()
    quoted = _QUOTED.fullmatch(given)
    key = re.sub(r"\\(.)", r"\1", quoted[1]) if quoted else given
    if not 0 < len(key) <= LONGEST or not (quoted or _BARE.fullmatch(key)):
        raise Invalid(f"must be 1 to {LONGEST} visible ASCII characters", field=NAME)
    return key


def choose(header: str | None, own: str | None, field: str) -> str | None:
    """The key of a message that may name one itself.

    Raises:
        Invalid: both are there, and differ.
    """
    if header is not None and own is not None and header != own:
        raise Invalid("the header gives another key", field=f"{field}idempotency_key")
    return header if own is None else own
