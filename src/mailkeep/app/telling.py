"""Puts together what listens to others: reports of receivers, and whom they may be about."""

from collections.abc import Mapping

from mailkeep.base import addresses
from mailkeep.base.errors import BadSettings
from mailkeep.store.database import Database
from mailkeep.watch.lookalikes import Lookalikes
from mailkeep.watch.reports import Reports

from .doctor import resolver
from .doctor.records import Found
from .settings import Settings


def reports(settings: Settings, database: Database, where: str | None = None) -> Reports:
    """The door for reports.

    Args:
        where: the resolver to ask, as ``HOST:PORT``; None: the system's.
    """

    async def ask(names: tuple[str, ...]) -> Mapping[str, tuple[str, ...]]:
        try:
            made = resolver.resolver(where)
        except BadSettings:  # no resolver here: then no mail is known for authentic
            return {}
        out = {}
        for name in names:
            answer = await resolver.look_up(made, name, "TXT")
            if answer.found is Found.SOME:
                out[name] = answer.rows
        return out

    return Reports(
        database,
        settings.reports,
        domains=sending(settings),
        receiving=receiving(settings),
        ask=ask,
    )


def lookalikes(settings: Settings, database: Database) -> Lookalikes | None:
    """Who looks names up that look like our domains, where the settings ask for it."""
    if settings.lookalikes is None:
        return None

    async def look(name: str, kind: str) -> bool | None:
        try:
            made = resolver.resolver(None)
        except BadSettings:
            return None
        answer = await resolver.look_up(made, name, kind)
        return None if answer.found is Found.ERROR else answer.found is Found.SOME

    domains = sending(settings).union(one.lower() for one in settings.lookalikes.domains)
    return Lookalikes(database, settings.lookalikes, domains=domains, look=look)


def sending(settings: Settings) -> frozenset[str]:
    """The domains that we send as, as far as the settings tell."""
    senders = [one.sender for one in (settings.recovery, settings.canary) if one is not None]
    return frozenset({addresses.domain(one).lower() for one in senders}.union(_named(settings)))


def receiving(settings: Settings) -> frozenset[str]:
    """The domains that mail comes to: TLS reports are about these."""
    found = {one.options.get("return_path_domain", "").strip().lower() for one in settings.provider}
    if settings.canary is not None:
        found.add(settings.canary.domain)
    if settings.reports.address:
        found.add(addresses.domain(settings.reports.address).lower())
    return frozenset(found - {""})


def _named(settings: Settings) -> tuple[str, ...]:
    return tuple(one.lower() for one in settings.reports.domains)
