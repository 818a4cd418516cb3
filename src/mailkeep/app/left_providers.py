"""Checks ``[[left]]``: providers that were left for good, which know what they were given.

The settings are the register of who outside has what of ours, so one that carries nothing any more
stays in them, by its name and its party: honey that it alone knows names it years later, and what
falls with its party counts the addresses that it was ever given.
"""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Protocol

from mailkeep.base.errors import BadSettings
from mailkeep.cutover.types import Left
from mailkeep.mail.types import JournalSettings
from mailkeep.trust import register
from mailkeep.trust.types import Party
from mailkeep.watch.console_types import ConsoleLog
from mailkeep.watch.report_types import ReportSettings
from mailkeep.watch.types import PostureSettings

if TYPE_CHECKING:  # its graph is not quick to import, for who only wants the settings
    from mailkeep.incidents.suspects import ProviderParties
    from mailkeep.trust.graph import TrustGraph


class Account(Protocol):
    """A ``[[provider]]`` table, as far as it is needed here."""

    @property
    def name(self) -> str: ...

    @property
    def party(self) -> str: ...


class Leaver(Protocol):
    """The settings as far as they name providers."""

    @property
    def provider(self) -> Sequence[Account]: ...

    @property
    def left(self) -> Sequence[Left]: ...

    @property
    def posture(self) -> PostureSettings | None: ...

    @property
    def reports(self) -> ReportSettings: ...

    @property
    def console_log(self) -> Sequence[ConsoleLog]: ...

    @property
    def journal(self) -> JournalSettings | None: ...


def check(settings: Leaver, known: Mapping[str, Party]) -> None:
    """Raises ``BadSettings``.

    Args:
        known: the parties of the register.
    """
    names = [one.name for one in settings.left]
    for one in settings.left:
        if not one.name:
            raise BadSettings("left: name is missing: what the provider was called")
        if names.count(one.name) > 1:
            raise BadSettings(f"two tables of [[left]] are called {one.name!r}")
        if one.name in {its.name for its in settings.provider}:
            raise BadSettings(f"left {one.name}: it has a [[provider]] table; take one of them out")
        register.require(known, one.party, where=f"left {one.name}: party")


def parties(settings: Leaver) -> dict[str, str]:
    """The party of each provider that was left, by its name."""
    return {one.name: one.party for one in settings.left}


def suspects(
    settings: Leaver, graph: "TrustGraph", keeps: Mapping[str, int | None] | None = None
) -> "ProviderParties":
    """Our providers, and those that were left, as suspicions know them."""
    from mailkeep.incidents.suspects import ProviderParties

    carriers = {one.name: one.party for one in settings.provider}
    return ProviderParties(carriers, graph, keeps or {}, parties(settings))


def tables(settings: Leaver, provider: str) -> tuple[str, ...]:
    """The tables besides ``[[provider]]``, streams and honey in which a provider stands by its
    name: with one of them left, Mailkeep does not start once its ``[[provider]]`` is gone."""
    out = []
    if settings.posture is not None:
        out += [
            f"[[posture.account]] {one.name}"
            for one in settings.posture.account
            if one.name == provider
        ]
    reports = settings.reports
    fields = ("senders", "status", "components")
    if named := [one for one in fields if provider in getattr(reports, one)]:
        out.append(f"[reports] {', '.join(named)}")
    out += [
        f"[[console_log]] {one.name}"
        for one in settings.console_log
        if provider in one.parties.values()
    ]
    copies = None if settings.journal is None else settings.journal.copies
    if copies is not None and provider in copies.providers:
        out.append("[journal.copies] providers")
    return tuple(out)
