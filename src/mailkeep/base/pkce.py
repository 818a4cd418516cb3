"""Proof key for code exchange (RFC 7636), by S256 alone (pure)."""

import base64
import hashlib
import hmac
import re

METHOD = "S256"
_CHALLENGE = re.compile(r"[A-Za-z0-9_-]{43}")
_VERIFIER = re.compile(r"[A-Za-z0-9._~-]{43,128}")


def challenge(verifier: str) -> str:
    """The challenge of a verifier (section 4.2)."""
    digest = hashlib.sha256(verifier.encode()).digest()
    return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()


def is_challenge(text: str) -> bool:
    """Whether it can be a challenge."""
    return _CHALLENGE.fullmatch(text) is not None


def fits(verifier: str, made: str) -> bool:
    """Whether a verifier is the one that a challenge was made of (section 4.6)."""
    if not _VERIFIER.fullmatch(verifier):
        return False
    return hmac.compare_digest(challenge(verifier), made)
