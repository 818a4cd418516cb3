"""Parses ``Authentication-Results``: a mailbox host's verdict on who sent a mail (RFC 8601; pure).

Only the topmost field under the name that an operator trusts is read: a host writes its own on top,
and anything else in a mail was written by its sender. Only failures are taken from it: a 'pass'
earns nothing here, so nobody gains by forging one where the host wrote none.

Security: reads hostile input; what is looked at is bounded, and comes out as words of ours.
"""

import re

MAX_HEAD = 64 * 1024
MAX_FIELD = 8 * 1024
METHODS = ("dkim", "dmarc", "spf")
#: Words of a failure. ``neutral``, ``temperror`` and their kin say that nothing is known.
_FAILED = frozenset({"fail", "hardfail", "permerror"})

_FIELD = re.compile(rb"^authentication-results:((?:[^\n]|\n[ \t])*)", re.IGNORECASE | re.MULTILINE)
_COMMENT = re.compile(r"\([^()]*\)")
_RESULT = re.compile(r"\s*([a-z][a-z0-9-]*)(?:/\d+)?\s*=\s*([a-z]+)")


def failed(raw: bytes, trust: str) -> tuple[str, ...]:
    """The methods of ``METHODS`` of which no result passed and one failed, in their order.

    Args:
        trust: the authserv-id of the host.
    """
    head = re.split(rb"\r?\n\r?\n", raw[:MAX_HEAD], maxsplit=1)[0]
    for match in _FIELD.finditer(head):
        text = match[1][:MAX_FIELD].decode("ascii", "replace").lower()
        for _ in range(4):  # comments may nest
            text = _COMMENT.sub(" ", text)
        name, *results = text.split(";")
        if name.split()[:1] != [trust.lower()]:
            continue
        said: dict[str, set[str]] = {}
        for one in results:
            found = _RESULT.match(one)
            if found is not None:
                said.setdefault(found[1], set()).add(found[2])
        return tuple(
            one for one in METHODS if said.get(one, set()) & _FAILED and "pass" not in said[one]
        )
    return ()
