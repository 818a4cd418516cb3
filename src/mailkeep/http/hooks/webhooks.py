"""``/hooks/<provider>``: providers tell us what became of mail."""

from litestar import head, post
from litestar.exceptions import ClientException

from mailkeep.http.port import Incoming, Running
from mailkeep.providers.errors import MalformedWebhook
from mailkeep.providers.types import MAX_WEBHOOK, WebhookRequest


@post("/hooks/{provider:str}", status_code=200, include_in_schema=False)
async def receive(request: Incoming, running: Running, provider: str) -> dict[str, int]:
    """Verify, deduplicate and store the claims, then say 200, so that none is lost on the way.

    What the provider signed is the public URL that it was given, never the Host header of the
    request: that is the caller's to choose.
    """
    config = running.providers.get(provider)
    webhook = WebhookRequest(
        url=(config.webhook_url or "") if config else "",
        headers=dict(request.headers),
        body=await _bounded(request),
        received_at=running.database.clock.now(),
    )
    try:
        return {"new": await running.claims.receive(provider, webhook)}
    except MalformedWebhook:
        # It is the provider's and it is on record. An error would have it sent again for a day,
        # or the webhook switched off, and we blind.
        return {"new": 0}


@head("/hooks/{provider:str}", include_in_schema=False)
async def probe(provider: str) -> None:
    """Providers look whether the address answers before they accept it; the same for any name."""


async def _bounded(request: Incoming) -> bytes:
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > 4 * MAX_WEBHOOK:
            raise ClientException("the webhook is too large", status_code=413)
    return bytes(body)
