"""A dead man's switch: pings a monitor elsewhere while all is well, which raises the alarm when the
pings stop.

A monitor inside the process dies with it, and sometimes the scraping machine does as well.

Security: the URL is a secret: whoever has it can keep the alarm quiet. It appears in no log; an
answer is not read, and a redirect not followed.
"""

from collections.abc import Callable

import structlog

from mailkeep.base.secret import Secret

from .metrics import Metrics

log = structlog.get_logger(__name__)

PATIENCE_SECONDS = 10.0


class Heartbeat:
    """Sends it.

    Args:
        url: where to.
        ready: whether all is well.
        clock: seconds since the epoch.
    """

    def __init__(
        self, url: Secret, metrics: Metrics, ready: Callable[[], bool], clock: Callable[[], float]
    ) -> None:
        self._url = url
        self._metrics = metrics
        self._ready = ready
        self._clock = clock
        for result in ("sent", "failed", "withheld"):
            metrics.count("mailkeep_heartbeats_total", result, by=0)

    async def beat(self) -> None:
        """Ping the monitor, when all is well. Never raises for what the network does."""
        if not self._ready():
            log.warning("heartbeat.withheld")
            self._metrics.count("mailkeep_heartbeats_total", "withheld")
            return
        why = await self._post()
        if why is None:
            self._metrics.count("mailkeep_heartbeats_total", "sent")
            self._metrics.set("mailkeep_heartbeat_last_success_timestamp_seconds", self._clock())
        else:
            log.warning("heartbeat.failed", why=why)
            self._metrics.count("mailkeep_heartbeats_total", "failed")

    async def _post(self) -> str | None:
        """None when it was heard, else why not, without the URL."""
        import aiohttp

        timeout = aiohttp.ClientTimeout(total=PATIENCE_SECONDS)
        try:
            async with (
                aiohttp.ClientSession(timeout=timeout, cookie_jar=aiohttp.DummyCookieJar()) as http,
                http.post(self._url.reveal(), allow_redirects=False) as reply,
            ):
                return None if 200 <= reply.status < 300 else f"status {reply.status}"
        except (aiohttp.ClientError, OSError, TimeoutError, ValueError) as error:
            return type(error).__name__  # its text holds the URL
