"""The key ring: secret keys in files outside the database, and the operations that use them.

Layout under ``<home>/keys`` (directory 0700, files 0600)::

    pseudonym.key   names people in events without naming them (HMAC-SHA256)
    lookup.key      keyed hashes of high-entropy secrets (HMAC-SHA256)
    pepper.key      server-side key over slow hashes of passwords and codes (HMAC-SHA256)
    seal.key        seals what must be read back and lives long (AES-256-GCM)
    sign.key        signs the audit chain's head (Ed25519)
    hourly/<hour>.key   seals secret bodies that expire in that hour; destroyed when it has passed
    signing/<number>.key   signs what others verify (``signing``); follow one another

Deleting a row is not shredding: the log, free pages, replicas and backups keep it. What lies sealed
under an hourly key is gone everywhere at once when that key's file is destroyed.
"""

import contextlib
import hashlib
import hmac
import os
import secrets
from pathlib import Path

from cryptography.exceptions import InvalidSignature, InvalidTag
from cryptography.hazmat.primitives.asymmetric.ed25519 import (
    Ed25519PrivateKey,
    Ed25519PublicKey,
)
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from .clock import HOUR, Instant
from .errors import Unavailable
from .files import sync_directory, write_new

_NONCE = 12


class Unsealable(Exception):
    """The sealed value cannot be opened: altered, of another purpose, or its key is destroyed."""


class KeyRing:
    """The keys of one process.

    Args:
        home: directory that holds ``keys/``; created with restrictive modes if it is missing.
    """

    def __init__(self, home: Path) -> None:
        self._dir = home / "keys"
        self._hourly = self._dir / "hourly"
        self._hourly.mkdir(parents=True, exist_ok=True)
        self._dir.chmod(0o700)
        self._hourly.chmod(0o700)
        self._pseudonym = self._load("pseudonym")
        self._lookup = self._load("lookup")
        self._pepper = self._load("pepper")
        self._seal = AESGCM(self._load("seal"))
        self._sign = Ed25519PrivateKey.from_private_bytes(self._load("sign"))
        self._hours: dict[int, AESGCM] = {}

    def __repr__(self) -> str:
        return "KeyRing(…)"

    def _load(self, name: str) -> bytes:
        return _read_or_create(self._dir / f"{name}.key")

    def pseudonym(self, kind: str, value: str) -> str:
        """A stable name for a personal value (an address, a network) that does not show it.

        The same value has the same name in every room, so that rooms can be joined without one of
        them handing out addresses. 120 bits.
        """
        digest = hmac.digest(self._pseudonym, f"{kind}\0{value}".encode(), "sha256")
        return f"{kind}_{digest[:15].hex()}"

    def lookup_hash(self, purpose: str, secret: str) -> str:
        """Keyed hash under which a secret of 128+ bits is stored and found again."""
        return hmac.digest(self._lookup, f"{purpose}\0{secret}".encode(), "sha256").hex()

    def pepper(self, purpose: str, secret: str) -> bytes:
        """Key a low-entropy secret before a slow salted hash: a database dump alone is no use."""
        return hmac.digest(self._pepper, f"{purpose}\0{secret}".encode(), "sha256")

    def seal(self, purpose: str, plain: bytes) -> bytes:
        """Seal something that must be read back (AES-256-GCM, the purpose is authenticated)."""
        return _seal(self._seal, purpose, plain)

    def unseal(self, purpose: str, sealed: bytes) -> bytes:
        """Open what ``seal`` made. Raises ``Unsealable``."""
        return _unseal(self._seal, purpose, sealed)

    def seal_until(self, expires_at: Instant, purpose: str, plain: bytes) -> tuple[int, bytes]:
        """Seal under the key of the hour in which ``expires_at`` lies; returns (hour, sealed).

        Raises:
            Unavailable: the hour has no key yet, and there is no room for one.
        """
        hour = expires_at // HOUR
        return hour, _seal(self._hour_key(hour, create=True), purpose, plain)

    def unseal_hour(self, hour: int, purpose: str, sealed: bytes) -> bytes:
        """Open what ``seal_until`` made. Raises ``Unsealable`` once the hour's key is gone."""
        return _unseal(self._hour_key(hour, create=False), purpose, sealed)

    def destroy_expired(self, now: Instant) -> list[int]:
        """Destroy every hourly key whose hour has passed; returns the hours."""
        gone = []
        for path in sorted(self._hourly.glob("*.key")):
            hour = int(path.stem)
            if _past(hour, now):
                with contextlib.suppress(FileNotFoundError):  # another one was quicker
                    destroy(path)
                    gone.append(hour)
        # What is in memory goes last, and also where another process has destroyed the file: else a
        # key that is read meanwhile would stay.
        for hour in [one for one in list(self._hours) if _past(one, now)]:
            self._hours.pop(hour, None)
        return gone

    def hourly_count(self) -> int:
        """How many hourly keys there are: each hour with secret bodies that are not expired."""
        return sum(1 for _ in self._hourly.glob("*.key"))

    def sign(self, data: bytes) -> str:
        """Ed25519 signature, hex."""
        return self._sign.sign(data).hex()

    def public_key(self) -> str:
        """The verifying key, hex, to be kept where this process cannot write."""
        return self._sign.public_key().public_bytes_raw().hex()

    def _hour_key(self, hour: int, *, create: bool) -> AESGCM:
        if hour not in self._hours:
            path = self._hourly / f"{hour}.key"
            if not create and not path.exists():
                raise Unsealable("the key of that hour has been destroyed")
            self._hours[hour] = AESGCM(_read_or_create(path))
        return self._hours[hour]


def _past(hour: int, now: Instant) -> bool:
    return (hour + 1) * HOUR <= now


def verify(public_key: str, data: bytes, signature: str) -> bool:
    """Whether ``sign`` of the ring with that public key made the signature."""
    try:
        key = Ed25519PublicKey.from_public_bytes(bytes.fromhex(public_key))
        key.verify(bytes.fromhex(signature), data)
    except (InvalidSignature, ValueError):
        return False
    return True


def digest(data: bytes) -> str:
    """SHA-256, hex: for chains and content comparison, never for secrets."""
    return hashlib.sha256(data).hexdigest()


def _seal(key: AESGCM, purpose: str, plain: bytes) -> bytes:
    nonce = secrets.token_bytes(_NONCE)
    return nonce + key.encrypt(nonce, plain, purpose.encode())


def _unseal(key: AESGCM, purpose: str, sealed: bytes) -> bytes:
    try:
        return key.decrypt(sealed[:_NONCE], sealed[_NONCE:], purpose.encode())
    except (InvalidTag, ValueError) as error:
        raise Unsealable("altered, or sealed for another purpose") from error


def _read_or_create(path: Path) -> bytes:
    """The key in ``path``; created by the first process that needs it, and durable before it is
    used.

    Raises:
        Unavailable: there is none, and no room for one.
    """
    try:
        return bytes.fromhex(path.read_text())
    except FileNotFoundError:
        put(path, secrets.token_bytes(32).hex().encode())
    return bytes.fromhex(path.read_text())


def put(path: Path, content: bytes) -> bool:
    """Write a key's file unless there is one; returns whether it was written. Durable on return.

    Two processes that start together end up with the same one.

    Raises:
        Unavailable: there is no room for it; nothing was left behind.
    """
    try:
        write_new(path, content)
    except FileExistsError:
        return False
    except OSError as error:
        raise Unavailable("a key cannot be written now") from error
    return True


def destroy(path: Path) -> None:
    """Overwrite, sync, unlink: on media that write in place nothing readable remains."""
    with path.open("r+b") as file:
        file.write(secrets.token_bytes(path.stat().st_size))
        file.flush()
        os.fsync(file.fileno())
    path.unlink()
    sync_directory(path.parent)
