"""E-mail addresses: one validation and one canonical form for every entry point."""

import re
from functools import lru_cache

import idna

from .errors import Invalid

# RFC 5322 section 3.4.1, dot-atom on both sides: no quoted local parts, comments or literals.
_ATOM = r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+"
_LABEL = r"[A-Za-z0-9](?:[A-Za-z0-9_-]{0,61}[A-Za-z0-9])?"
_ADDRESS = re.compile(rf"(?P<local>{_ATOM}(?:\.{_ATOM})*)@(?P<domain>{_LABEL}(?:\.{_LABEL})*)")
#: What IDNA leaves as it is: no hyphens where ``xn--`` has them, none at an end.
_ASCII = r"(?!.{2}--)[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
_ASCII_NAME = re.compile(rf"{_ASCII}(?:\.{_ASCII})*")
#: RFC 5321 section 4.5.3.1: octets of the local part; of all (RFC 3696 erratum 1690).
_LOCAL, _WHOLE = 64, 254


def is_plain(text: str) -> bool:
    """Whether ``text`` is one plain ASCII addr-spec whose domain is a name, not a number."""
    match = _ADDRESS.fullmatch(text)
    return (
        match is not None
        and len(text) <= _WHOLE
        and len(match["local"]) <= _LOCAL
        and not match["domain"].replace(".", "").isdigit()
    )


def parse(text: str, *, field: str = "address") -> str:
    """Check an address and return it with its domain in lower case (IDNA 2008 for other
    scripts: the older rules turn one registered domain into another).

    What comes back is plain (``is_plain``), so that no provider refuses it later.

    Raises:
        Invalid: naming ``field``. Quoted local parts, literals, comments, control characters and
            lone surrogates are refused: no mailbox of a person has them, and header injection does.
    """
    text = text.strip()
    local, at, domain = text.rpartition("@")
    if not at or len(text) > _WHOLE:
        raise Invalid("not a mail address", field=field)
    try:
        found = f"{local}@{_name(domain)}"
    except UnicodeError as error:
        raise Invalid("not a mail address", field=field) from error
    if not is_plain(found):  # SMTPUTF8 is not offered by every route
        raise Invalid("not a mail address", field=field)
    return found


def _name(domain: str) -> str:
    if _ASCII_NAME.fullmatch(domain):
        return domain.lower()
    return _idna(domain)


@lru_cache(maxsize=10_000)  # few domains receive most mail
def _idna(domain: str) -> str:
    return idna.encode(domain, uts46=True).decode().lower()


def key(address: str) -> str:
    """The form under which two spellings are the same person: wholly in lower case.

    RFC 5321 leaves the local part's case to the receiver; no large mailbox provider uses it, and
    an account reachable under two spellings is an enumeration and takeover hazard.
    """
    return address.lower()


def domain(address: str) -> str:
    """The domain part."""
    return address.rpartition("@")[2]


def organisation(domain: str) -> str:
    """The name under which a domain's neighbours are most likely of one house (pure): whoever has a
    name has as many below it as they like."""
    labels = domain.lower().split(".")
    short = len(labels) > 2 and len(labels[-1]) == 2 and len(labels[-2]) <= 3  # as in co.uk
    return ".".join(labels[-3 if short else -2 :])


def masked(address: str) -> str:
    """A masked form of an address, by which its owner can recognise it and nobody else can write to
    it (pure): ``a…@e….net``."""
    local, _, of = address.rpartition("@")
    name, _, top = of.rpartition(".")
    return f"{local[:1]}…@{name[:1]}….{top}"
