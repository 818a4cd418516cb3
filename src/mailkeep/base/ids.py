"""Time-ordered ids: ``<prefix>_<26 characters>``, sorted by creation.

Random keys cost more than half the insert rate of a B-tree index; the ULID layout (48 bits of
milliseconds, 80 random bits, Crockford base32) keeps inserts at the right edge. Ids are names, not
secrets: nothing is ever granted for knowing one.
"""

import secrets

from .clock import Instant

_ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"


def _base32(value: int, length: int) -> str:
    out = []
    for _ in range(length):
        value, digit = divmod(value, 32)
        out.append(_ALPHABET[digit])
    return "".join(reversed(out))


def new_id(prefix: str, at: Instant) -> str:
    """A fresh id for something that came to be at ``at``."""
    return f"{prefix}_{_base32(at // 1000, 10)}{_base32(secrets.randbits(80), 16)}"
