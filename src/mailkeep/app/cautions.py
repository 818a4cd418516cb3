"""What is said at the start that would only be noticed when somebody needs it."""

from typing import Protocol

import structlog

from mailkeep.accounts.services import Accounts
from mailkeep.http.client import Network
from mailkeep.mail.returns import Returns
from mailkeep.operators.provider import Provider
from mailkeep.recovery.services import Recovery

from .settings import Settings
from .telemetry.service import Telemetry

log = structlog.get_logger(__name__)


class House(Protocol):
    """What is looked at."""

    settings: Settings
    dev: bool
    public_url: str
    trusted_proxies: tuple[Network, ...]
    accounts: Accounts
    recovery: Recovery | None
    returns: Returns
    telemetry: Telemetry
    openid: Provider | None


def say(house: House, *, listens: bool) -> None:
    """Write it into the log.

    Args:
        listens: mail from outside is taken in.
    """
    if house.recovery is not None and not house.recovery.possible():
        log.warning(
            "recovery.no_two_routes",
            meaning="no two routes of the recovery stream are independent: nobody can recover",
        )
    if house.recovery is not None and not house.accounts.factors.site.rp_id:
        log.warning(
            "passkeys.impossible",
            meaning="public_url is no https address with a name: passkeys are not offered",
        )
    if house.settings.telemetry.heartbeat_url and house.telemetry.heartbeat is None:
        log.warning("heartbeat.missing", meaning="heartbeat_url is empty: nobody is told")
    if house.returns.domains and not listens and not house.dev:
        log.warning(
            "bounces.unread",
            domains=sorted(house.returns.domains),
            meaning="bounces come to these domains, and nothing takes them in: [bounces]",
        )
    https = house.public_url.startswith("https:")
    if house.recovery is not None and https and not house.trusted_proxies:
        log.warning(
            "trusted_proxies.missing",
            meaning="public_url is https, which a proxy must speak for us: without"
            " trusted_proxies the whole world is one network, and shares one network's limits",
        )
    if house.openid is not None and house.recovery is None:
        log.warning(
            "console.no_second_way",
            meaning="without [recovery] no operator can bind a passkey: when the OpenID provider"
            " is away, nobody comes to the console",
        )
