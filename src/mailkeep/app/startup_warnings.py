"""Logs warnings at startup about problems that would otherwise show only when somebody needs the
service."""

from typing import Protocol

import structlog

from mailkeep.accounts.services import Accounts
from mailkeep.base.clock import Clock, iso
from mailkeep.http.client import Network
from mailkeep.mail.returns import Returns
from mailkeep.operators.provider import Provider
from mailkeep.posture.types import SinglePoint
from mailkeep.recovery.services import Recovery

from . import wiring_trust
from .settings import Settings
from .telemetry.service import Telemetry

log = structlog.get_logger(__name__)


class Starting(Protocol):
    """The application, as far as it is looked at."""

    settings: Settings
    dev: bool
    public_url: str
    trusted_proxies: tuple[Network, ...]
    accounts: Accounts
    recovery: Recovery | None
    returns: Returns
    telemetry: Telemetry
    openid: Provider | None

    @property
    def clock(self) -> Clock: ...


def warn(app: Starting, *, listening: bool) -> None:
    """Log the warnings. ``listening``: mail from outside is received."""
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
    if app.returns.domains and not listening and not app.dev:
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
    if app.openid is not None and app.recovery is None:
        log.warning(
            "console.no_second_way",
            meaning="without [recovery] no operator can bind a passkey: when the OpenID provider"
            " is away, nobody comes to the console",
        )
    points = wiring_trust.single_points(app.settings, iso(app.clock.now())[:10])
    for one in {point.party: point for point in reversed(points)}.values():
        log.warning("trust.single_point", party=one.party, meaning=single_point(one))


def single_point(one: SinglePoint) -> str:
    """A single point of failure in one line, with the path that makes it one."""
    path = "; ".join(one.path)
    return f"{one.name} alone could take accounts of class {one.account_class}: {path}"
