"""Whether what mitigates a threat is on in this installation: "" when it is, else why not
(pure)."""

from collections.abc import Callable

from mailkeep.accounts.classes import FactorPolicy

from . import scene
from .types import Live, TrustConfiguration


def always(_house: TrustConfiguration, _live: Live) -> str:
    return ""


def accounts(house: TrustConfiguration, _live: Live) -> str:
    return "" if house.recovery is not None else "Mailkeep keeps no accounts here"


def two_routes(house: TrustConfiguration, live: Live) -> str:
    if house.recovery is None:
        return "Mailkeep keeps no accounts here"
    stream = house.streams[house.recovery.stream]
    if len({one.provider for one in stream.routes} & live.standing) < 2:
        return "fewer than two routes stand"
    return "" if scene.world(house, live).pairs else "one party reads each two that stand"


def factors(house: TrustConfiguration, _live: Live) -> str:
    lax = [
        name
        for name in house.classes.names
        if house.classes.of(name).factor in {FactorPolicy.OPTIONAL, FactorPolicy.ENCOURAGED}
    ]
    return f"not asked of class {', '.join(lax)}" if lax else ""


def watch(name: str) -> Callable[[TrustConfiguration, Live], str]:
    def on(house: TrustConfiguration, _live: Live) -> str:
        found = house.watchers.get(name)
        return "there is no such detector" if found is None else found.off

    return on


def tls(house: TrustConfiguration, _live: Live) -> str:
    return "" if house.encrypted else "public_url is not https"


def passkey(_house: TrustConfiguration, live: Live) -> str:
    return "" if live.console_passkey else "no operator has bound a passkey"


def own_dkim(house: TrustConfiguration, _live: Live) -> str:
    able = [one.name for one in house.providers if one.domains != () or one.returns]
    return f"not so of {', '.join(sorted(able))}" if able else ""


def several(house: TrustConfiguration, live: Live) -> str:
    thin = [
        name
        for name, one in house.streams.items()
        if len({route.provider for route in one.routes} & live.standing) < 2
    ]
    return f"one route or none: {', '.join(sorted(thin))}" if thin else ""


def anchored(house: TrustConfiguration, _live: Live) -> str:
    return "" if house.anchored else "the head of the audit chain is taken nowhere ([audit])"


def hooks(house: TrustConfiguration, _live: Live) -> str:
    return "" if any(one.hook for one in house.providers) else "no provider's webhooks are believed"
