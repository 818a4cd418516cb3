"""The part of the settings that is about what others saw: ``[[console_log]]``.

Checked here, and handed to the door for audit logs.
"""

from typing import Protocol

from mailkeep.base.errors import BadSettings, Invalid
from mailkeep.base.keys import KeyRing
from mailkeep.mail import grants
from mailkeep.store.database import Database
from mailkeep.trust import register
from mailkeep.watch.audit_logs import registry
from mailkeep.watch.console_types import Act, ConsoleLog
from mailkeep.watch.consoles import Consoles, Log

MOST_NAME = 40


class Observed(Protocol):
    """The settings as far as they are about what others saw."""

    @property
    def console_log(self) -> tuple[ConsoleLog, ...]: ...

    @property
    def party(self) -> tuple[dict[str, object], ...]: ...

    def provider_names(self) -> set[str]: ...


def check(settings: Observed) -> None:
    """Raises ``BadSettings``."""
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
                raise BadSettings(
                    f"{where}: no provider or party {party!r}{register.nearest(party, known)}"
                )
        if one.per_day < 1:
            raise BadSettings(f"{where}: per_day must be 1 at least")


def consoles(
    settings: Observed, database: Database, keys: KeyRing, domains: frozenset[str]
) -> Consoles:
    """The door for audit logs; without any in the settings it knows none.

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


def seen(settings: Observed) -> dict[str, dict[str, tuple[str, ...]]]:
    """By party, the acts there that audit logs tell of, and which logs."""
    out: dict[str, dict[str, list[str]]] = {}
    for one in settings.console_log:
        own = one.parties.get("*")
        for party in dict.fromkeys(one.parties.values()):
            acts = frozenset(Act) if party == own else registry.SHOWS[one.kind]
            for act in acts:
                out.setdefault(party, {}).setdefault(act.value, []).append(one.name)
    return {
        party: {act: tuple(logs) for act, logs in acts.items()} for party, acts in out.items()
    }
