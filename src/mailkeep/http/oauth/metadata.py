"""Server metadata for client applications (OpenID Connect Discovery section 3, RFC 8414)."""

from typing import Any

from litestar import Response, get

from mailkeep.accounts import signing_in
from mailkeep.base.signing import ALGORITHM
from mailkeep.http.port import Running
from mailkeep.http.well_known import KEY_SET
from mailkeep.recovery.id_token import CONTEXTS

from . import asking

KEPT = 3600  #: seconds for which a copy is good
_CLAIMS = (
    *("iss", "sub", "aud", "exp", "iat", "auth_time", "jti", "nonce", "acr", "amr"),
    *("factor", "proofs", "registered_at", "locale", "sid", "email", "email_verified"),
)


def document(public_url: str) -> dict[str, Any]:
    """What we are and can (pure)."""
    issuer = asking.issuer(public_url)
    return {
        "issuer": issuer,
        "authorization_endpoint": f"{issuer}{asking.AUTHORIZE}",
        "token_endpoint": f"{issuer}{asking.EXCHANGE}",
        "userinfo_endpoint": f"{issuer}{asking.USERINFO}",
        "jwks_uri": f"{issuer}{KEY_SET}",
        "scopes_supported": ["openid", "email"],
        "response_types_supported": ["code"],
        "response_modes_supported": ["query"],
        "grant_types_supported": ["authorization_code"],
        "subject_types_supported": ["public"],
        "id_token_signing_alg_values_supported": [ALGORITHM],
        "token_endpoint_auth_methods_supported": ["client_secret_basic", "client_secret_post"],
        "code_challenge_methods_supported": ["S256"],
        "acr_values_supported": [*CONTEXTS, *signing_in.CONTEXTS],
        "claims_supported": list(_CLAIMS),
        "authorization_response_iss_parameter_supported": True,
        "request_parameter_supported": False,
        "request_uri_parameter_supported": False,
    }


@get(
    ["/.well-known/openid-configuration", "/.well-known/oauth-authorization-server"],
    include_in_schema=False,
)
async def metadata(running: Running) -> Response[dict[str, Any]]:
    """The document."""
    headers = {"Cache-Control": f"public, max-age={KEPT}"}
    return Response(document(running.public_url), headers=headers)
