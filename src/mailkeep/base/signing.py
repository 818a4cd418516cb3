"""Signing keys whose signatures others verify: security events and ID tokens (RS256, RFC 7518
section 3.3), with rotation.

A new key is published for ``LEAD`` before it signs, so that whoever caches the key set has it by
then, and the old one for ``OVERLAP`` after its last signature, so that tokens under way can still
be verified. Then its file is destroyed.

Security: kept as ``<home>/keys/signing/<number>.key`` beside the other keys, never in the database
and never in a backup: verifiers fetch the key set, so a lost key costs nothing, while a copied one
signs in our name. Every process of a home reads the same files, and so finds a key that another one
made or destroyed.
"""

from collections.abc import Mapping
from itertools import pairwise
from pathlib import Path
from typing import Any

import msgspec
from joserfc import jwt
from joserfc.jwk import RSAKey

from .clock import DAY, Instant
from .keys import destroy, put

ALGORITHM = "RS256"  #: what every verifier can (OpenID Connect Core section 15.1, CAEP interop)
BITS = 2048

PERIOD = 90 * DAY  #: for which a key signs
LEAD = DAY  #: how long a key is known before it signs
OVERLAP = 7 * DAY  #: how long it is known after it signed last; longer than anything signed lives


class _Kept(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A key's file."""

    made_at: Instant
    pem: str


class KeyState(msgspec.Struct, frozen=True):
    """A key as an operator sees it. ``state``: ``coming``, ``signing`` or ``leaving``."""

    id: str
    made_at: Instant
    state: str


class _Key(msgspec.Struct, frozen=True):
    path: Path
    id: str
    made_at: Instant
    key: RSAKey

    def __repr__(self) -> str:
        return f"_Key({self.id})"


class SigningKeys:
    """The signing keys of a home, the oldest first.

    Args:
        home: directory that holds ``keys/``.
    """

    def __init__(self, home: Path) -> None:
        self._dir = home / "keys" / "signing"
        self._known: dict[str, _Key] = {}

    def __repr__(self) -> str:
        return "SigningKeys(…)"

    def sign(self, claims: Mapping[str, Any], *, kind: str, now: Instant) -> str:
        """A signed JWT (RFC 7519) in its compact form. About half a millisecond of CPU.

        Args:
            kind: the ``typ`` of its header, ``secevent+jwt`` or ``JWT``: what is signed for one
                purpose must not pass for another (RFC 8725 section 3.11).
        """
        key = _signing(self._read() or self._make(now), now)
        header = {"alg": ALGORITHM, "typ": kind, "kid": key.id}
        return jwt.encode(header, dict(claims), key.key)

    def key_set(self) -> dict[str, list[dict[str, Any]]]:
        """What verifiers may know, as a JWK Set (RFC 7517 section 5)."""
        return {
            "keys": [
                {**one.key.as_dict(private=False), "kid": one.id, "use": "sig", "alg": ALGORITHM}
                for one in self._read()
            ]
        }

    def any(self) -> bool:
        """Whether there is a key: the first is made when somebody first wants to verify, or to
        sign."""
        return bool(self._read())

    def published(self, now: Instant) -> dict[str, list[dict[str, Any]]]:
        """As ``key_set``, with a first key where there is none: about 150 ms of CPU, once."""
        if not self._read():
            self._make(now)
        return self.key_set()

    def states(self, now: Instant) -> list[KeyState]:
        """Every key that is known, and what it does."""
        keys = self._read()
        if not keys:
            return []
        at = keys.index(_signing(keys, now))
        words = ["leaving"] * at + ["signing"] + ["coming"] * (len(keys) - at - 1)
        return [KeyState(one.id, one.made_at, word) for one, word in zip(keys, words, strict=True)]

    def keep(self, now: Instant) -> bool:
        """Make the next key when it is due, and destroy expired ones; returns whether anything
        changed. Making one takes about 150 ms of CPU: call it in a thread."""
        keys = self._read()
        due = not keys or keys[-1].made_at + PERIOD - LEAD <= now
        if due:
            keys = self._make(now)
        over = [one for one, after in pairwise(keys) if after.made_at + LEAD + OVERLAP <= now]
        for one in over:
            destroy(one.path)
        return due or bool(over)

    def replace(self, now: Instant) -> str:
        """Make a key that signs from now on and destroy every other one; returns its id.

        For a key that somebody else may have: what it signed cannot be verified any more as soon
        as verifiers fetch the set again.
        """
        before = self._read()
        last = self._make(now)[-1]
        for one in before:
            destroy(one.path)
        return last.id

    def _make(self, now: Instant) -> list[_Key]:
        """The keys with one more; of two processes that make one at once, both get the same."""
        self._dir.mkdir(parents=True, exist_ok=True, mode=0o700)
        number = max((int(path.stem) for path in self._dir.glob("*.key")), default=0) + 1
        key = RSAKey.generate_key(BITS)
        kept = _Kept(now, key.as_pem(private=True).decode())
        put(self._dir / f"{number:06}.key", msgspec.json.encode(kept))
        return self._read()

    def _read(self) -> list[_Key]:
        paths = sorted(self._dir.glob("*.key"))
        self._known = {
            path.name: self._known.get(path.name) or _load(path) for path in paths if path.exists()
        }
        return list(self._known.values())


def _load(path: Path) -> _Key:
    kept = msgspec.json.decode(path.read_bytes(), type=_Kept)
    key = RSAKey.import_key(kept.pem)
    return _Key(path, key.thumbprint(), kept.made_at, key)  # the id as RFC 7638 has it


def _signing(keys: list[_Key], now: Instant) -> _Key:
    """The key that signs now (pure): the newest that has been published for long enough, else the
    oldest."""
    return next((one for one in reversed(keys) if one.made_at + LEAD <= now), keys[0])
