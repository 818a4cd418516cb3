"""Claims of the ID token about a completed recovery (pure): OpenID Connect Core section 2, RFC
8176."""

from collections.abc import Mapping, Sequence
from typing import Any

from mailkeep.base.clock import SECOND, Instant

LIFE = 60  #: seconds for which an ID token is to be believed

PROVEN, OUTSTANDING, NO_FACTOR = "proven", "outstanding", "none"

#: Authentication context: two proofs over parties of which none could read both.
TWO_ROUTES = "urn:mailkeep:acr:two-routes"
WITH_FACTOR = "urn:mailkeep:acr:two-routes-and-factor"
CONTEXTS = (TWO_ROUTES, WITH_FACTOR)


def claims(
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
