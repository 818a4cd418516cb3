"""Verifies password hashes imported from other systems, by computing them again from a password
(pure).

Reads Django's PBKDF2, scrypt, bcrypt and argon2 strings, and the ``$…$`` strings that crypt(3),
passlib and argon2 write. Fast hashes such as MD5 are not accepted.

No hash is stored as it came: it is wrapped in our own slow hash with our key, so that a stolen
database is as slow to guess at, and as useless without the key, as one with hashes of our own. Only
the method, salt and cost stand beside it. The first correct password replaces it with a hash of our
own.

Security: the cost and memory that an imported hash may ask for are bounded, since anyone may have
us check a password. One that no function accepts is refused when it is read, not when somebody
signs in. ``fill`` makes up for what one costs less than another, so that the time does not tell
them apart.
"""

import base64
import binascii
import hashlib
import re
from collections.abc import Callable

import argon2.low_level as argon2
import bcrypt
import msgspec
from argon2.exceptions import HashingError

from mailkeep.base.errors import Invalid

SEPARATOR = "|"  #: between how the other system made it and our hash over it
LONGEST = 100  #: characters of how it was made: both fit into one column
#: What ``derive`` raises where it cannot be made again; ``read`` lets no such one in.
UNMAKEABLE = (ValueError, HashingError)

_MOST_ROUNDS = 5_000_000  # of PBKDF2
_MOST_COST = 16  # of bcrypt
_MOST_MEMORY = 256 * 1024 * 1024  # octets of scrypt and argon2
_MOST_PASSES = 20  # of argon2
_TEXT = re.compile(r"[!-{}~]+")  # printable, without blanks and without SEPARATOR

_PBKDF2 = re.compile(r"pbkdf2_(sha256|sha1)\$(\d{1,8})\$([^$]+)\$([^$]+)")
_PBKDF2_CRYPT = re.compile(r"\$pbkdf2-(sha256|sha512)\$(\d{1,8})\$([^$]+)\$([^$]+)")
_BCRYPT = re.compile(r"(bcrypt_sha256\$|bcrypt\$)?(\$2[aby]\$(\d\d)\$[./A-Za-z0-9]{22})(\S{31})")
_SCRYPT = re.compile(r"scrypt\$(\d{1,8})\$([^$]+)\$(\d{1,2})\$(\d{1,2})\$([^$]+)")
_SCRYPT_CRYPT = re.compile(r"\$scrypt\$ln=(\d{1,2}),r=(\d{1,2}),p=(\d{1,2})\$([^$]+)\$([^$]+)")
_ARGON2 = re.compile(
    r"(?:argon2)?\$argon2(id|i|d)\$v=(\d+)\$m=(\d{1,8}),t=(\d{1,3}),p=(\d{1,3})\$([^$]+)\$([^$]+)"
)
_TYPES = {"id": argon2.Type.ID, "i": argon2.Type.I, "d": argon2.Type.D}


class Foreign(msgspec.Struct, frozen=True):
    """A hash that was read.

    Attributes:
        how: how it was made, without what it came to; ``derive`` reads it.
        output: what it came to.
    """

    how: str
    output: bytes

    def __repr__(self) -> str:
        return "Foreign(…)"


def read(text: str) -> Foreign:
    """Read a hash.

    Raises:
        Invalid: no form that is known, damaged, or dearer than anyone may have us work.
    """
    if not _TEXT.fullmatch(text) or len(text) > 400:
        raise Invalid("not a password hash", field="password")
    for pattern, take in _FORMS:
        match = pattern.fullmatch(text)
        if match is None:
            continue
        try:
            how, output = take(match)
        except (ValueError, binascii.Error) as error:
            raise Invalid("a damaged password hash", field="password") from error
        if len(how) > LONGEST:
            raise Invalid("a password hash with too long a salt", field="password")
        if len(output) < 16:
            raise Invalid("a damaged password hash", field="password")
        return Foreign(how, output)
    raise Invalid("a password hash of a form that is not known", field="password")


def derive(how: str, password: str) -> bytes:
    """What the other system would have come to for a password; slow.

    Args:
        how: as ``read`` gives it.
    """
    kind, _, rest = how.partition(":")
    typed = password.encode("utf-8", "surrogatepass")
    return _MAKERS[kind](rest.split("$"), typed)


def family(how: str) -> str:
    """Those of one family differ in cost alone, and ``fill`` can make up for that."""
    kind, _, rest = how.partition(":")
    parts = rest.split("$")
    if kind == "pbkdf2":
        return f"{kind}:{parts[0]}"
    return "bcrypt" if kind.startswith("bcrypt") else f"{kind}:{'$'.join(parts[:-2])}"


def cost(how: str) -> int:
    """The work of one, to be compared within its family."""
    kind, _, rest = how.partition(":")
    parts = rest.split("$")
    if kind == "pbkdf2":
        blocks = -(-int(parts[3]) // hashlib.new(parts[0], usedforsecurity=False).digest_size)
        return int(parts[1]) * blocks
    return 1 << int(rest.split(",")[2]) if kind.startswith("bcrypt") else 1


def fill(how: str, dearest: str, password: str) -> None:
    """The work that is left of ``dearest`` after ``derive`` of ``how``, which is of its family."""
    typed = password.encode("utf-8", "surrogatepass")
    left = cost(dearest) - cost(how)
    if how.startswith("pbkdf2:") and left > 0:
        kind = how.partition(":")[2].partition("$")[0]
        hashlib.pbkdf2_hmac(kind, typed, b"fill", left)
    elif left > 0 and how.startswith("bcrypt"):
        # Each step doubles the work: what lies between two costs adds up to the difference.
        _, setting = how.split(":")
        own, most = (int(one.split(",")[2]) for one in (how, dearest))
        for step in range(own, most):
            _make_bcrypt([f"{setting[:4]}{step:02d}{setting[6:]}"], typed)


def is_foreign(kept: str) -> bool:
    """Whether a kept hash is ours over another system's."""
    return SEPARATOR in kept


def split(kept: str) -> tuple[str, str]:
    """(how the other system made it, our hash over it)."""
    how, _, ours = kept.partition(SEPARATOR)
    return how, ours


def join(how: str, ours: str) -> str:
    """What ``split`` takes apart."""
    return f"{how}{SEPARATOR}{ours}"


def _pbkdf2(match: re.Match[str]) -> tuple[str, bytes]:
    kind, rounds, salt, output = match.groups()
    salted = base64.b64encode(salt.encode()).decode()
    raw = base64.b64decode(output, validate=True)
    return f"pbkdf2:{kind}${_rounds(rounds)}${salted}${len(raw)}", raw


def _pbkdf2_crypt(match: re.Match[str]) -> tuple[str, bytes]:
    kind, rounds, salt, output = match.groups()
    raw = _b64(output.replace(".", "+"))
    salted = base64.b64encode(_b64(salt.replace(".", "+"))).decode()
    return f"pbkdf2:{kind}${_rounds(rounds)}${salted}${len(raw)}", raw


def _rounds(text: str) -> int:
    rounds = int(text)
    if not 1 <= rounds <= _MOST_ROUNDS:
        raise Invalid(f"a password hash with more than {_MOST_ROUNDS} rounds", field="password")
    return rounds


def _bcrypt(match: re.Match[str]) -> tuple[str, bytes]:
    form, setting, cost, output = match.groups()
    if not 4 <= int(cost) <= _MOST_COST:
        raise Invalid(f"a bcrypt hash whose cost is above {_MOST_COST}", field="password")
    kind = "bcrypt_sha256" if form == "bcrypt_sha256$" else "bcrypt"
    # The last sign of salt and output has spare bits, which other writers may set.
    bcrypt.checkpw(b"", f"{setting}{output}".encode())  # damaged ones raise
    return f"{kind}:{setting.replace('$', ',')}", output.encode()


def _scrypt(match: re.Match[str]) -> tuple[str, bytes]:
    n, salt, r, p, output = match.groups()
    salted = base64.b64encode(salt.encode()).decode()
    return _scrypted(int(n), int(r), int(p), salted, base64.b64decode(output, validate=True))


def _scrypt_crypt(match: re.Match[str]) -> tuple[str, bytes]:
    ln, r, p, salt, output = match.groups()
    salted = base64.b64encode(_b64(salt)).decode()
    return _scrypted(1 << min(int(ln), 31), int(r), int(p), salted, _b64(output))


def _scrypted(n: int, r: int, p: int, salt: str, raw: bytes) -> tuple[str, bytes]:
    # RFC 7914 section 6: N is a power of two, and less than 2^(128 * r / 8).
    if n < 2 or n & (n - 1) or r < 1 or p < 1 or n >= 1 << 16 * r:
        raise ValueError
    if 128 * n * r * p > _MOST_MEMORY:
        raise Invalid("a scrypt hash that asks for more than 256 MB", field="password")
    return f"scrypt:{n}${r}${p}${salt}${len(raw)}", raw


def _argon2(match: re.Match[str]) -> tuple[str, bytes]:
    kind, version, memory, passes, lanes, salt, output = match.groups()
    if int(memory) * 1024 > _MOST_MEMORY or int(passes) > _MOST_PASSES:
        raise Invalid("an argon2 hash that asks for too much", field="password")
    # RFC 9106 section 3.1: a pass and a lane at least, and 8 KiB for each lane.
    few = int(passes) < 1 or int(lanes) < 1 or int(memory) < 8 * int(lanes)
    if few or int(version) not in {16, 19} or len(_b64(salt)) < 8:
        raise ValueError
    raw = _b64(output)
    salted = base64.b64encode(_b64(salt)).decode()
    return f"argon2:{kind}${version}${memory}${passes}${lanes}${salted}${len(raw)}", raw


def _b64(text: str) -> bytes:
    """Base64 without its padding."""
    return base64.b64decode(text + "=" * (-len(text) % 4), validate=True)


_FORMS: tuple[tuple[re.Pattern[str], Callable[[re.Match[str]], tuple[str, bytes]]], ...] = (
    (_PBKDF2, _pbkdf2),
    (_PBKDF2_CRYPT, _pbkdf2_crypt),
    (_BCRYPT, _bcrypt),
    (_SCRYPT, _scrypt),
    (_SCRYPT_CRYPT, _scrypt_crypt),
    (_ARGON2, _argon2),
)


def _make_pbkdf2(parts: list[str], typed: bytes) -> bytes:
    kind, rounds, salt, length = parts
    return hashlib.pbkdf2_hmac(kind, typed, base64.b64decode(salt), int(rounds), int(length))


def _make_bcrypt(parts: list[str], typed: bytes) -> bytes:
    setting = parts[0].replace(",", "$").encode()
    # As every bcrypt does: 72 octets are looked at, and none behind a NUL.
    return bcrypt.hashpw(typed.partition(b"\0")[0][:72], setting)[len(setting) :]


def _make_bcrypt_sha256(parts: list[str], typed: bytes) -> bytes:
    return _make_bcrypt(parts, hashlib.sha256(typed).hexdigest().encode())


def _make_scrypt(parts: list[str], typed: bytes) -> bytes:
    n, r, p, salt, length = parts
    return hashlib.scrypt(
        typed,
        salt=base64.b64decode(salt),
        n=int(n),
        r=int(r),
        p=int(p),
        maxmem=_MOST_MEMORY + 64 * 1024 * 1024,
        dklen=int(length),
    )


def _make_argon2(parts: list[str], typed: bytes) -> bytes:
    kind, version, memory, passes, lanes, salt, length = parts
    return argon2.hash_secret_raw(
        typed,
        base64.b64decode(salt),
        time_cost=int(passes),
        memory_cost=int(memory),
        parallelism=int(lanes),
        hash_len=int(length),
        type=_TYPES[kind],
        version=int(version),
    )


_MAKERS: dict[str, Callable[[list[str], bytes], bytes]] = {
    "pbkdf2": _make_pbkdf2,
    "bcrypt": _make_bcrypt,
    "bcrypt_sha256": _make_bcrypt_sha256,
    "scrypt": _make_scrypt,
    "argon2": _make_argon2,
}
