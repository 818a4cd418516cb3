"""``/hooks/<provider>``: receives delivery webhooks from providers.

Security: anyone may post here, and a body must be read whole before it can be verified. So each
request is bounded in size and time, and all of them together in memory.
"""

from litestar import head, post

from mailkeep.base.errors import NotFound
from mailkeep.http.held import Held
from mailkeep.http.port import Incoming, Running
from mailkeep.providers import registry
from mailkeep.providers.errors import MalformedWebhook
from mailkeep.providers.types import WebhookRequest

READ_SECONDS = 20.0  #: providers send a webhook at once; who dawdles holds memory
MOST_HELD = 64 * 1024 * 1024  #: bytes of webhooks that are being read

_held = Held(MOST_HELD)


@post("/hooks/{provider:str}", status_code=200, include_in_schema=False)
async def receive(request: Incoming, running: Running, provider: str) -> dict[str, int]:
    """Verify, deduplicate and store the claims, then say 200, so that none is lost on the way.

    What the provider signed is the public URL that it was given, never the Host header of the
    request: that is the caller's to choose.
    """
    config = running.providers.get(provider)
    if config is None:
        raise NotFound("no such provider")
    # One byte more than the module accepts: the module then refuses it, on the record.
    limit = registry.get(config.kind).capabilities.max_webhook + 1
    body = await _held.read(request, limit, READ_SECONDS)
    try:
        webhook = WebhookRequest(
            url=config.webhook_url or "",
            headers=dict(request.headers),
            body=bytes(body),
            received_at=running.database.clock.now(),
        )
        return {"new": await running.claims.receive(provider, webhook)}
    except MalformedWebhook:
        # It is authentic and on record. An error would have the provider repeat it for a day, or
        # disable the webhook, and leave us blind.
        return {"new": 0}
    finally:
        _held.release(len(body))


@head("/hooks/{provider:str}", include_in_schema=False)
async def probe(provider: str) -> None:
    """Providers look whether the address answers before they accept it; the same for any name."""
