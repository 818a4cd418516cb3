"""``/.well-known/…``: the key set and metadata by which others verify our signatures (RFC 8615)."""

import asyncio
from typing import Any

from litestar import Response, get

from .port import Running

KEY_SET = "/.well-known/jwks.json"
KEPT = 3600  #: seconds for which a copy is good; far below ``base.signing.LEAD``


@get(KEY_SET, include_in_schema=False)
async def key_set(running: Running) -> Response[dict[str, Any]]:
    """The keys that verify our security events and ID tokens (RFC 7517 section 5)."""
    return Response(
        await asyncio.to_thread(running.signing.published, running.database.clock.now()),
        media_type="application/jwk-set+json",
        headers={"Cache-Control": f"public, max-age={KEPT}"},
    )
