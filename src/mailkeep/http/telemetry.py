"""``/healthz``, ``/readyz`` and ``/metrics``: for operators and their monitoring.

Security: the numbers tell an attacker how well the attack goes, so they are never public. A network
is believed only when nothing forwarded the request, or one of our own proxies did: behind an
unknown proxy, everyone seems to come from loopback.
"""

from litestar import Response, get

from mailkeep.mail.grants import Scope

from .bearer import authorise
from .client import address, contains
from .port import Incoming, Running

#: What proxies add. A request that bears one of them did not come from its peer.
_FORWARDING = ("forwarded", "via", "x-forwarded-for", "x-forwarded-host", "x-real-ip")


@get("/healthz", include_in_schema=False)
async def healthz() -> dict[str, str]:
    """The process answers."""
    return {"status": "ok"}


@get("/readyz", include_in_schema=False)
async def readyz(request: Incoming, running: Running) -> Response[dict[str, object]]:
    """Whether to give this process work: 200, or 503. From memory, so it may be asked every second.

    Which check fails is said to those who may read the metrics.
    """
    checks = running.telemetry.checks()
    ready = all(checks.values())
    said: dict[str, object] = {"status": "ready" if ready else "not ready"}
    if _is_near(request, running):
        said["checks"] = checks
    return Response(said, status_code=200 if ready else 503)


@get("/metrics", include_in_schema=False)
async def metrics(request: Incoming, running: Running) -> Response[bytes]:
    """The metrics, as Prometheus reads them: from ``[telemetry] networks``, or with an API key of
    the scope ``read``."""
    if not _is_near(request, running):
        await authorise(request, running, Scope.READ)
    text, media_type = await running.telemetry.exposition(request.headers.get("Accept", ""))
    return Response(text, media_type=media_type)


def _is_near(request: Incoming, running: Running) -> bool:
    peer = "" if request.client is None else request.client.host
    trusted = running.trusted_proxies
    forwarded = any(name in request.headers for name in _FORWARDING)
    if forwarded and not contains(trusted, peer):
        return False
    found = address(peer, request.headers.getall("x-forwarded-for", []), trusted)
    return contains(running.telemetry.networks, found)
