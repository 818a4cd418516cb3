"""Builds what a move between providers needs: its settings, and the checks before it."""

import os
from collections.abc import Collection, Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from mailkeep.base.clock import DAY, Clock
from mailkeep.base.errors import BadSettings
from mailkeep.base.keys import KeyRing
from mailkeep.cutover.checklist import Leaving
from mailkeep.cutover.gates import CutoverConfiguration
from mailkeep.cutover.types import Gate
from mailkeep.mail import queries as mail
from mailkeep.mail import shifting
from mailkeep.providers.allowance import Allowance
from mailkeep.providers.posture.emptying import DELETES
from mailkeep.store.database import Tx
from mailkeep.watch import posture

from . import provider_limits, wiring_trust, wiring_watch
from . import wiring_posture as posture_settings
from .doctor.types import Finding
from .left_providers import tables
from .provider_dns_records import houses, published
from .settings import Settings, provider_configs

if TYPE_CHECKING:
    import dns.asyncresolver

WARM_DAYS = 7  #: in which a target must have carried something to be no stranger
WARM = 0.01  #: of what both carried
#: Kinds of things in an account, by what the list of a leave calls them.
_HELD = {
    "template": "templates",
    "allow": "contacts",
    "export": "archives",
    "user": "users",
    "sender": "senders",
    "domain": "senders",
}
#: Checks that are about a domain, and so about whoever sends as it.
_OF_DOMAINS = frozenset({"dns.sender_spf", "dns.dmarc"})


def house(settings: Settings, clock: Clock) -> CutoverConfiguration:
    """The installation as a move needs to know it, from the settings alone."""
    parties = {one.name: one.party for one in settings.provider}
    graph, recovery = wiring_trust.graph(settings, clock), settings.recovery

    def independent(one: Collection[str], other: Collection[str]) -> bool:
        # One that the settings have no more is unknown, and so tied to everybody.
        return graph.independent(
            [parties.get(x, x) for x in one], [parties.get(x, x) for x in other]
        ).ok

    return CutoverConfiguration(
        settings.streams(),
        frozenset(parties),
        frozenset(wiring_watch.carriers(settings)),
        "" if recovery is None else recovery.stream,
        independent,
    )


def of_target(findings: Iterable[Finding], target: str) -> list[Gate]:
    """The doctor's findings about a provider, or about the domains that it sends as (pure)."""
    return [
        Gate(one.id, one.state.value, one.meaning, one.next, one.about)
        for one in findings
        if one.about.partition(",")[0] == target or one.id in _OF_DOMAINS
    ]


async def leaving(tx: Tx, settings: Settings, keys: KeyRing, provider: str) -> Leaving:
    """What is known of a provider that is left: its records in DNS, what it holds, whom it
    knows."""
    mails = settings.recovery
    senders = [mails.sender] if mails is not None else []
    senders += [settings.canary.sender] if settings.canary is not None else []
    found = {one.name: one for one in settings.provider}.get(provider)
    if found is None:
        raise BadSettings(f"no provider {provider!r}")
    how = f"`mailkeep offboard keys {provider}` does it for the one in use"
    if found.manager is None:
        how = "in its pages"
    account = await posture.view(tx, keys, provider)
    holds: dict[str, int] = {}
    for kind, items in account.items.items():
        if kind in _HELD:
            holds[_HELD[kind]] = holds.get(_HELD[kind], 0) + len(items)
    return Leaving(
        provider,
        published(settings.provider, senders, houses(settings.party))[provider],
        f"revoke every key of ours at {provider}, SMTP passwords too; {how}",
        holds,
        sum(one.provider == provider for one in settings.honey),
        await mail.exposed(tx, provider, tx.now),
        posture_settings.kind_of(settings, provider) in DELETES,
        found.party,
        tables(settings, provider),
    )


async def look(
    home: Path,
    settings: Settings,
    target: str,
    *,
    domains: tuple[str, ...] = (),
    resolver: "dns.asyncresolver.Resolver | None" = None,
    offline: str = "",
    development: bool = False,
    environ: Mapping[str, str] = os.environ,
) -> list[Gate]:
    """Check by DNS, and at the target, what speaks against the move.

    Args:
        domains: to send as, that the settings do not name.
        resolver, offline, development: as ``doctor.look.examine`` has them.
    """
    from .doctor.look import examine  # when somebody moves: DNS and HTTP take a while to import

    findings = await examine(
        home,
        settings,
        environ=environ,
        resolver=resolver,
        offline=offline,
        senders=domains,
        development=development,
    )
    return of_target(findings, target)


async def busiest(tx: Tx, settings: Settings, source: str) -> int:
    """Mails of the streams that ``source`` carries, in their busiest hour of the last weeks."""
    names = {
        name
        for name, one in settings.streams().items()
        if any(
            route.provider == source and route.weight > 0
            for route in await shifting.routes(tx, one)  # an earlier move may have given it them
        )
    }
    if not names:
        return 0
    return max(await mail.hourly(tx, names, tx.now - provider_limits.WEEKS * 7 * DAY), default=0)


async def warmth(tx: Tx, source: str, target: str) -> Gate:
    """Whether mailbox providers have seen mail of the target's lately."""
    since = tx.now - WARM_DAYS * DAY
    own = await mail.carried(tx, {target}, since, canaries=False)
    both = own + await mail.carried(tx, {source}, since, canaries=False)
    if both and own >= WARM * both:
        words = f"{target} carried {own} of {both} mails in the last {WARM_DAYS} days."
        return Gate("cutover.warmth", "ok", words, "", target)
    return Gate(
        "cutover.warmth",
        "warning",
        f"{target} carried {own} of {both} mails in the last {WARM_DAYS} days: mailbox providers "
        "do not know it, and take little from a stranger.",
        "give it warm = 0.02 for some weeks, or begin with --dwell 86400",
        target,
    )


async def limit(
    settings: Settings, target: str, peak: int, environ: Mapping[str, str] = os.environ
) -> Gate:
    """Whether the target's sending limit allows for what moves there."""
    try:
        config = provider_configs(settings, environ)[target]
        found = (await provider_limits.limits({target: config}, peak))[target]
    except BadSettings as error:
        found = provider_limits.Limit(str(error))
    told = found.told
    if found.refused:
        words, step = f"{target} does not accept our key: {told}.", "put the right one"
        return Gate("cutover.limit", "failed", words, step, target)
    if not isinstance(told, Allowance):
        words = f"What {target} lets us send is not known: {told}."
        return Gate("cutover.limit", "not checked", words, "", target)
    if not told.sends:
        words, step = f"{target} is in its sandbox: it delivers nothing.", "switch it to live"
        return Gate("cutover.limit", "failed", words, step, target)
    if told.hourly is not None and told.hourly < peak:
        words = f"{target} lets us send {told.hourly} mails an hour; the busiest took {peak}."
        return Gate("cutover.limit", "failed", words, f"have {target} raise the quota", target)
    words = f"{target} lets us send what the busiest hour took ({peak})."
    return Gate("cutover.limit", "ok", words, "", target)
