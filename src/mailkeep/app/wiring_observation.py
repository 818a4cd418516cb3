"""Checks the settings ``level``, ``[journal]`` and ``[[console_log]]``, and builds their entry
points.

They are about what other systems saw, and about how much of the mail goes through Mailkeep.
"""

import asyncio
from collections.abc import Collection, Mapping, Sequence
from typing import Protocol

import msgspec

from mailkeep.base.errors import BadSettings, Invalid
from mailkeep.base.keys import KeyRing
from mailkeep.base.wording import nearest
from mailkeep.mail import copies, grants
from mailkeep.mail.journal import Journal
from mailkeep.mail.types import JournalSettings, StreamSettings
from mailkeep.providers.posture.types import AccountConfig
from mailkeep.providers.types import ProviderConfig
from mailkeep.recovery.types import Reach
from mailkeep.store.database import Database
from mailkeep.trust import register
from mailkeep.watch.audit_logs import registry
from mailkeep.watch.console_types import Act, ConsoleLog
from mailkeep.watch.consoles import Consoles, Log
from mailkeep.watch.levels import ORDER, Level

from . import settings_copies

MOST_NAME = 40


class Keyed(Protocol):
    """A ``[[provider]]`` table, as far as it names keys."""

    @property
    def name(self) -> str: ...

    @property
    def secret(self) -> str | None: ...

    @property
    def manager(self) -> str | None: ...

    @property
    def options(self) -> Mapping[str, str]: ...


class Observed(Protocol):
    """The part of the settings that is about what other systems saw."""

    @property
    def level(self) -> Level | None: ...

    @property
    def journal(self) -> JournalSettings | None: ...

    @property
    def provider(self) -> Sequence[Keyed]: ...

    @property
    def console_log(self) -> tuple[ConsoleLog, ...]: ...

    @property
    def party(self) -> tuple[dict[str, object], ...]: ...

    def provider_names(self) -> set[str]: ...


#: The tables of the settings by the path at which an error names them.
#: Tables by which something is sent, and the first level at which they may stand there.
_SENDING = {"submission": Level.CARRY, "canary": Level.CARRY, "recovery": Level.REHEARSE}
#: Who of the users of applications is recovered here; the levels at which recoveries are known.
_REACH = {
    Level.REHEARSE: Reach.NOBODY,
    Level.SHARE: Reach.SHARE,
    Level.RECOVER: Reach.EVERYBODY,
}


def level(settings: Observed) -> Level:
    """The level of adoption: as the settings say, or as their tables imply."""
    if settings.level is not None:
        return settings.level
    recovers = getattr(settings, "recovery", None) is not None
    return Level.RECOVER if recovers else Level.CARRY


def reach(settings: Observed) -> Reach:
    """Which users of applications are recovered here."""
    return _REACH.get(level(settings), Reach.NOBODY)


def check(settings: Observed) -> None:
    """Raises ``BadSettings``."""
    _level(settings)
    journal = settings.journal
    if journal is not None and not (0 < journal.patience <= 86_400 and journal.per_day >= 1):
        raise BadSettings("journal: patience is 1 to 86400 seconds, per_day 1 at least")
    if journal is not None and journal.copies is not None:
        settings_copies.check(journal.copies, settings.provider_names(), _domains(settings))
    _logs(settings)


def _domains(settings: Observed) -> dict[str, str]:
    """The domains to which other mail of ours comes back, and what for."""
    found = {
        one.options.get("return_path_domain", "").strip().lower(): f"provider {one.name}"
        for one in settings.provider
    }
    canary = getattr(settings, "canary", None)
    if canary is not None:
        found[canary.domain.lower()] = "canary"
    return found


def _level(settings: Observed) -> None:
    now = level(settings)
    for table, first in _SENDING.items():
        if ORDER.index(now) < ORDER.index(first) and getattr(settings, table, None) is not None:
            raise BadSettings(f"level {now.value}: take [{table}] out; it is for {first.value}")
    if now in _REACH and getattr(settings, "recovery", None) is None:
        raise BadSettings(f"level {now.value}: [recovery] is missing")
    if now is not Level.OBSERVE:
        return
    for one in settings.provider:
        for field in ("secret", "manager"):
            if getattr(one, field) is not None:
                raise BadSettings(
                    f"provider {one.name}: {field}: take it out: at this level nothing is sent, and"
                    " no key that could lies here ([[posture.account]] has the key that reads)"
                )


def _logs(settings: Observed) -> None:
    names = [one.name for one in settings.console_log]
    known = settings.provider_names() | set(register.load(settings.party))
    for one in settings.console_log:
        where = f"console_log {one.name}"
        if names.count(one.name) > 1:
            raise BadSettings(f"two tables of [[console_log]] are called {one.name!r}")
        if not 0 < len(one.name) <= MOST_NAME or not one.name.replace("-", "").isalnum():
            raise BadSettings("console_log: name is a word of letters, digits and '-'")
        try:
            registry.get(one.kind)
            tuple(map(grants.network, one.networks))
        except Invalid as error:
            raise BadSettings(f"{where}: {error}") from error
        if not one.parties:
            raise BadSettings(f"{where}: parties is missing: without it no line is of concern")
        for party in one.parties.values():
            if party not in known:
                raise BadSettings(f"{where}: no provider or party {party!r}{nearest(party, known)}")
        if one.per_day < 1:
            raise BadSettings(f"{where}: per_day must be 1 at least")


def consoles(
    settings: Observed, database: Database, keys: KeyRing, domains: frozenset[str]
) -> Consoles:
    """The entry point for audit logs; without any in the settings it knows none.

    Args:
        domains: that we send as.
    """
    logs = {
        one.name: Log(
            one,
            {name.lower(): party for name, party in one.parties.items()},
            tuple(map(grants.network, one.networks)),
        )
        for one in settings.console_log
    }
    providers = frozenset(settings.provider_names())
    return Consoles(database, keys, logs, providers=providers, domains=domains)


def journal(
    settings: Observed,
    database: Database,
    keys: KeyRing,
    streams: Mapping[str, StreamSettings],
) -> Journal | None:
    """The entry point for the journal; None where the settings have none."""
    if settings.journal is None:
        return None
    providers = frozenset(settings.provider_names())
    addresses = places(settings, keys, streams)
    return Journal(database, keys, settings.journal, streams, providers, addresses)


def places(settings: Observed, keys: KeyRing, streams: Collection[str]) -> dict[str, copies.Place]:
    """The addresses that copies of mail are sent to; none where the settings take none."""
    told = None if settings.journal is None else settings.journal.copies
    return {} if told is None else copies.places(keys, told, settings.provider_names(), streams)


def doors(
    settings: Observed,
    database: Database,
    keys: KeyRing,
    streams: Mapping[str, StreamSettings],
    domains: frozenset[str],
) -> tuple[Journal | None, Consoles]:
    """Both entry points; see ``journal`` and ``consoles``."""
    return journal(settings, database, keys, streams), consoles(settings, database, keys, domains)


async def rest() -> None:
    """Runs in place of the dispatcher where nothing is sent."""
    await asyncio.Event().wait()


def counted(
    settings: Observed,
    providers: Mapping[str, ProviderConfig],
    read: Mapping[str, AccountConfig],
) -> Mapping[str, ProviderConfig]:
    """The providers with the keys for asking how much they sent: where nothing is sent, the reading
    keys. An account may be read by its second key alone, which tells no totals (Postmark)."""
    if level(settings) is not Level.OBSERVE:
        return providers
    return {
        name: msgspec.structs.replace(one, secret=read[name].secret)
        for name, one in providers.items()
        if name in read and read[name].kind == one.kind and read[name].secret.reveal()
    }


def seen(settings: Observed) -> dict[str, dict[str, tuple[str, ...]]]:
    """By party, the acts there that audit logs tell of, and which logs."""
    out: dict[str, dict[str, list[str]]] = {}
    for one in settings.console_log:
        own = one.parties.get("*")
        for party in dict.fromkeys(one.parties.values()):
            acts = frozenset(Act) if party == own else registry.SHOWS[one.kind]
            for act in acts:
                out.setdefault(party, {}).setdefault(act.value, []).append(one.name)
    return {party: {act: tuple(logs) for act, logs in acts.items()} for party, acts in out.items()}
