"""Mail addresses: one check and one canonical form for every door."""

import re

import idna

from .errors import Invalid

# RFC 5321 4.5.3.1: 64 octets of local part, 255 of domain, 254 in all (RFC 3696 erratum 1690).
_ADDRESS = re.compile(
    r"(?P<local>[^\s@\"(),:;<>\[\\\]\x00-\x20\x7f]{1,64})"
    r"@(?P<domain>(?:[^\s@.\"(),:;<>\[\\\]\x00-\x20\x7f]{1,63}\.)*[^\s@.\"(),:;<>\[\\\]\x00-\x20\x7f]{1,63})"
)


def parse(text: str, *, field: str = "address") -> str:
    """Check an address and return it with its domain in lower case (IDNA 2008 for other
    scripts: the older rules turn one registered domain into another).

    Raises:
        Invalid: naming ``field``. Quoted local parts, literals, comments, control characters and
            lone surrogates are refused: no mailbox of a person has them, and header injection does.
    """
    text = text.strip()
    match = _ADDRESS.fullmatch(text)
    if match is None or len(text) > 254 or ".." in text or text.startswith("."):
        raise Invalid("not a mail address", field=field)
    try:
        domain = idna.encode(match["domain"], uts46=True).decode().lower()
        match["local"].encode("ascii")  # SMTPUTF8 is not offered by every route
    except UnicodeError as error:
        raise Invalid("not a mail address", field=field) from error
    return f"{match['local']}@{domain}"


def key(address: str) -> str:
    """The form under which two spellings are the same person: wholly in lower case.

    RFC 5321 leaves the local part's case to the receiver; no large mailbox provider uses it, and
    an account reachable under two spellings is an enumeration and takeover hazard.
    """
    return address.lower()


def domain(address: str) -> str:
    """The domain part."""
    return address.rpartition("@")[2]
