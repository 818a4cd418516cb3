"""Random secrets that people carry: long ones for links, short ones to type.

The alphabet is Crockford's base32, without the letters that are mistaken for digits (I, L, O) or
make words (U). Input is normalised before it is compared, so a typed ``O`` is read as ``0``, and
case and dashes do not matter.
"""

import secrets

ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_FOLD = str.maketrans({"O": "0", "I": "1", "L": "1", "U": "V"})

LINK_LENGTH = 26  #: 130 bits, over the 128 that ASVS 11.5.1 asks for
CODE_LENGTH = 8  #: 40 bits: guessing is bounded by the number of tries, not by this


def link_secret() -> str:
    """A secret for a link's fragment, also typeable."""
    return random(LINK_LENGTH)


def code() -> str:
    """A short code to type; kept only under a slow salted hash."""
    return random(CODE_LENGTH)


def code_of(digest: bytes) -> str:
    """The short code that a keyed digest of 8 bytes or more stands for, the same each time."""
    return "".join(ALPHABET[one % len(ALPHABET)] for one in digest[:CODE_LENGTH])


def random(length: int) -> str:
    """A secret of ``length`` characters, 5 bits each."""
    return "".join(secrets.choice(ALPHABET) for _ in range(length))


def fold(typed: str) -> str:
    """What a person typed or pasted, in canonical form; at most 64 characters are looked at."""
    kept = (c for c in typed.strip()[:64].upper() if c.isalnum())
    return "".join(kept).translate(_FOLD)


def grouped(token: str, size: int = 4) -> str:
    """The token in groups, for reading aloud and typing."""
    return "-".join(token[i : i + size] for i in range(0, len(token), size))
