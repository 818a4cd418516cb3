"""Authenticated return paths (VERP) that name the message that bounced, and cannot be forged
(pure).

For relays whose bounces come back to us: the envelope sender carries our message's id and a MAC of
it (variable envelope return path). A bounce to an address without the right MAC is a stranger's: if
it were believed, anyone could silence a customer.

The local part is lower-case letters, digits and dashes only, and is read without regard to case:
some servers change the case, and none rewrites these characters. 49 of 64 octets (RFC 5321 section
4.5.3.1.1).
"""

import hmac
import re

from mailkeep.base.addresses import is_plain

_ID = re.compile(r"msg_([0-9a-hjkmnp-tv-z]{26})")
_LOCAL = re.compile(r"b-([0-9a-hjkmnp-tv-z]{26})-([0-9a-f]{20})")
_LONGEST = 254
_MAC = 20  #: hexadecimal digits: 80 bits, each guess of which is a mail to us


def return_path(message_id: str, domain: str, key: bytes) -> str:
    """The envelope sender of a message.

    Args:
        message_id: ours, ``msg_…``.
        domain: of the mailboxes that take bounces; in the MAC, so that an address of one provider's
            domain is none of another's.
        key: secret, used for nothing else.

    Raises:
        ValueError: it is no message's id, or no domain.
    """
    found = _ID.fullmatch(message_id)
    address = f"b-{found[1]}-{_mac(found[1], domain, key)}@{domain.lower()}" if found else ""
    if not is_plain(address):
        raise ValueError("not a message's id, or not a domain")
    return address


def read(address: str, key: bytes) -> str | None:
    """The message that a bounce came back for; None for an address that ``return_path`` with this
    key did not make. Compares in constant time."""
    local, at, domain = address[: _LONGEST + 1].strip("<> ").lower().rpartition("@")
    found = _LOCAL.fullmatch(local)
    if not at or found is None:
        return None
    if not hmac.compare_digest(found[2].encode(), _mac(found[1], domain, key).encode()):
        return None
    return f"msg_{found[1]}"


def _mac(message: str, domain: str, key: bytes) -> str:
    data = f"return path\0{message}\0{domain.lower()}".encode()
    return hmac.digest(key, data, "sha256").hex()[:_MAC]
