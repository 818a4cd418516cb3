"""Key escrow: the long-lived keys in one file, encrypted under a passphrase, for disaster recovery.

It never holds the hourly keys: what they seal must be unreadable everywhere when their hour is
over, and any copy would keep it readable.

Security: the file opens all that the keys do. The passphrase is stretched with Argon2id (RFC 9106
section 4, second recommended option) and the whole is encrypted with AES-256-GCM.
"""

import secrets
from collections.abc import Mapping
from pathlib import Path

import msgspec
from argon2.low_level import Type, hash_secret_raw
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from .errors import Invalid, Unavailable
from .files import write_new
from .secret import Secret

#: Every long-lived key of a ring (``keys``); what is not named here never leaves the machine.
LASTING = ("pseudonym", "lookup", "pepper", "seal", "sign")
SHORTEST = 12  #: characters of a passphrase

_PURPOSE = b"mailkeep keys 1"
_LARGEST = 64 * 1024


class _Sealed(msgspec.Struct, forbid_unknown_fields=True):
    """The file: how the passphrase is stretched, and what it seals."""

    format: int
    salt: bytes
    nonce: bytes
    sealed: bytes


def lasting(home: Path) -> dict[str, str]:
    """The long-lived keys of a home, by name. Raises ``Unavailable`` when one is not there."""
    try:
        return {one: _path(home, one).read_text().strip() for one in LASTING}
    except OSError as error:
        raise Unavailable(f"the keys in {home / 'keys'} cannot be read") from error


def pack(keys: Mapping[str, str], passphrase: Secret) -> bytes:
    """The file's content. Raises ``Invalid`` for a passphrase that is too short."""
    if len(passphrase.reveal()) < SHORTEST:
        raise Invalid(f"the passphrase must have {SHORTEST} characters or more")
    salt, nonce = secrets.token_bytes(16), secrets.token_bytes(12)
    plain = msgspec.json.encode({name: keys[name] for name in LASTING})
    sealed = AESGCM(_stretch(passphrase, salt)).encrypt(nonce, plain, _PURPOSE)
    return msgspec.json.encode(_Sealed(1, salt, nonce, sealed))


def unpack(content: bytes, passphrase: Secret) -> dict[str, str]:
    """The keys in a file that ``pack`` made. Raises ``Invalid``."""
    try:
        if len(content) > _LARGEST:
            raise msgspec.ValidationError("too large")
        found = msgspec.json.decode(content, type=_Sealed)
        key = _stretch(passphrase, found.salt)
        plain = AESGCM(key).decrypt(found.nonce, found.sealed, _PURPOSE)
        keys = msgspec.json.decode(plain, type=dict[str, str])
    except InvalidTag as error:
        raise Invalid("the passphrase is wrong, or the file of keys was altered") from error
    except (msgspec.MsgspecError, ValueError) as error:
        raise Invalid("this is no file of keys") from error
    if keys.keys() != set(LASTING):
        raise Invalid("this is no file of keys")
    return keys


def install(home: Path, keys: Mapping[str, str]) -> None:
    """Write the keys into a home that has none; those that it has must be the same.

    Raises:
        Invalid: the home has other keys.
    """
    directory = home / "keys"
    for name in LASTING:
        path = _path(home, name)
        if path.exists() and path.read_text().strip() != keys[name]:
            raise Invalid(f"{directory} has other keys; move them away if they are not needed")
    directory.mkdir(parents=True, exist_ok=True, mode=0o700)
    for name in LASTING:
        if not _path(home, name).exists():
            write_new(_path(home, name), keys[name].encode())


def _path(home: Path, name: str) -> Path:
    return home / "keys" / f"{name}.key"


def _stretch(passphrase: Secret, salt: bytes) -> bytes:
    return hash_secret_raw(
        passphrase.reveal().encode(),
        salt,
        time_cost=3,
        memory_cost=64 * 1024,
        parallelism=4,
        hash_len=32,
        type=Type.ID,
    )
