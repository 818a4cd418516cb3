"""Claims of the ID token about a completed recovery (pure): OpenID Connect Core section 2, RFC
8176."""

import base64
import hashlib
import hmac
import re
from collections.abc import Mapping, Sequence
from typing import Any

from mailkeep.base.clock import SECOND, Instant

LIFE = 60  #: seconds for which an ID token is to be believed

PROVEN, OUTSTANDING, NO_FACTOR = "proven", "outstanding", "none"

#: Authentication context: two proofs over parties of which none could read both.
TWO_ROUTES = "urn:mailkeep:acr:two-routes"
WITH_FACTOR = "urn:mailkeep:acr:two-routes-and-factor"
CONTEXTS = (TWO_ROUTES, WITH_FACTOR)

_CHALLENGE = re.compile(r"[A-Za-z0-9_-]{43}")
_VERIFIER = re.compile(r"[A-Za-z0-9._~-]{43,128}")


def id_token(
    *,
    issuer: str,
    verdict: str,
    application: str,
    subject: str,
    nonce: str,
    made_at: Instant,
    now: Instant,
    factor: str,
    proofs: Sequence[Mapping[str, Any]],
    locale: str,
    since: Instant,
) -> dict[str, Any]:
    """The claims.

    Args:
        factor: ``proven``, ``outstanding`` or ``none``.
        proofs: ``kind``, and the ``parties`` that could have read it.
        since: when the application registered the subject: one that is older than that there was
            registered late, or by somebody else.
    """
    seconds = now // SECOND
    claims: dict[str, Any] = {
        "iss": issuer,
        "sub": subject,
        "aud": application,
        "iat": seconds,
        "exp": seconds + LIFE,
        "auth_time": made_at // SECOND,
        "jti": verdict,
        "acr": WITH_FACTOR if factor == PROVEN else TWO_ROUTES,
        # RFC 8176 section 2: over several channels; and with several factors.
        "amr": ["mca", "mfa"] if factor == PROVEN else ["mca"],
        "factor": factor,
        "proofs": [dict(one) for one in proofs],
        "registered_at": since // SECOND,
    }
    if nonce:
        claims["nonce"] = nonce
    if locale:
        claims["locale"] = locale
    return claims


def is_challenge(text: str) -> bool:
    """Whether it can be a challenge by S256 (RFC 7636 section 4.2)."""
    return _CHALLENGE.fullmatch(text) is not None


def fits(verifier: str, challenge: str) -> bool:
    """Whether a verifier is the one that a challenge was made of (RFC 7636 section 4.6)."""
    if not _VERIFIER.fullmatch(verifier):
        return False
    digest = hashlib.sha256(verifier.encode()).digest()
    made = base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
    return hmac.compare_digest(made, challenge)
