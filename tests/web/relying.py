"""What a stock client of OpenID Connect makes of an ID token."""

from authlib.oidc.core import CodeIDToken
from joserfc import jwt
from joserfc.jwk import KeySet

from .conftest import Up

NONCE = "the nonce"


async def claims_of(up: Up, client: str, token: str, keys_at: str) -> CodeIDToken:
    """The claims, validated as Authlib does for ``client``."""
    async with up.session.get(keys_at) as reply:
        keys = KeySet.import_key_set(await reply.json())
    options = {"iss": {"values": [up.url]}, "aud": {"values": [client]}, "nonce": {"value": NONCE}}
    found = CodeIDToken(jwt.decode(token, keys, algorithms=["RS256"]).claims, {}, options=options)
    found.validate()
    return found
