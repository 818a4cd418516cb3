"""What goes on beside the mail: erasures, anchors of the audit chain; what is said at the start."""

from collections.abc import Callable, Coroutine, Iterator, Mapping
from typing import TYPE_CHECKING, Any

import structlog

from mailkeep.privacy.services import Privacy

from . import anchoring
from .anchoring import Anchors

if TYPE_CHECKING:
    from .application import Application

log = structlog.get_logger(__name__)

ERASE_SECONDS = 20.0
ANCHOR_SECONDS = 10.0


def privacy(app: "Application") -> Privacy:
    """The privacy room."""
    settings = app.settings
    return Privacy(app.database, app.keys, settings.privacy, settings.incidents.lead)


def anchors(app: "Application", environ: Mapping[str, str]) -> Anchors:
    """What takes heads of the audit chain elsewhere."""
    settings = app.settings.audit
    places = anchoring.places(settings, environ)
    return Anchors(app.database, app.keys, places, settings.every)


def loops(
    app: "Application", keep: Callable[..., Coroutine[Any, Any, None]]
) -> Iterator[tuple[str, Any]]:
    """What goes on beside, by name."""
    yield "erasures", keep("erasures", app.privacy.erasing.step, ERASE_SECONDS)
    yield "anchors", keep("anchors", app.anchors.step, ANCHOR_SECONDS, app.anchors.awake)


def warn(app: "Application") -> None:
    """Say at the start what would only be noticed when somebody needs it."""
    if app.recovery is not None and not app.recovery.possible():
        log.warning(
            "recovery.no_two_routes",
            meaning="no two routes of the recovery stream are independent: nobody can recover",
        )
    if app.recovery is not None and not app.accounts.factors.site.rp_id:
        log.warning(
            "passkeys.impossible",
            meaning="public_url is no https address with a name: passkeys are not offered",
        )
    if app.settings.telemetry.heartbeat_url and app.telemetry.heartbeat is None:
        log.warning("heartbeat.missing", meaning="heartbeat_url is empty: nobody is told")
    if app.returns.domains and not app.listeners and not app.dev:
        log.warning(
            "bounces.unread",
            domains=sorted(app.returns.domains),
            meaning="bounces come to these domains, and nothing takes them in: [bounces]",
        )
    https = app.public_url.startswith("https:")
    if app.recovery is not None and https and not app.trusted_proxies:
        log.warning(
            "trusted_proxies.missing",
            meaning="public_url is https, which a proxy must speak for us: without"
            " trusted_proxies the whole world is one network, and shares one network's limits",
        )
