"""A house with three providers, an owner, and an incident room that hears what the watch says."""

from collections.abc import Mapping
from types import MappingProxyType

import pytest
from sqlalchemy import select, update

from mailkeep.accounts.hashing import SlowHash
from mailkeep.accounts.services import Accounts
from mailkeep.app.provider_doubts import ProviderDoubts
from mailkeep.app.subscriptions import subscribers
from mailkeep.base.clock import SECOND
from mailkeep.base.keys import KeyRing
from mailkeep.events import log
from mailkeep.events.tables import audit, events
from mailkeep.incidents import queries as incident_queries
from mailkeep.incidents.services import Incidents
from mailkeep.incidents.suspects import ProviderParties
from mailkeep.incidents.types import Incident
from mailkeep.mail import tables as mail_tables
from mailkeep.mail.intake import Intake
from mailkeep.mail.types import RouteSettings, StreamSettings
from mailkeep.recovery.context import Context
from mailkeep.recovery.services import Recovery
from mailkeep.recovery.types import RecoverySettings
from mailkeep.response.actions.port import Means, NoticeSettings
from mailkeep.response.paging.types import Pager, PagingSettings
from mailkeep.response.services import Response
from mailkeep.response.types import PlaybookSettings, ResponseSettings
from mailkeep.store.database import Database
from mailkeep.trust import register
from mailkeep.trust.graph import TrustGraph
from mailkeep.watch.events import SignalRaised
from mailkeep.watch.types import Family, Forger, Hypothesis, Signal, Subject, provider_subject

PASSWORD = "violet-harbour-undoes-kettles"
COMPROMISED, SILENT, CAMPAIGN = (
    Hypothesis.PROVIDER_COMPROMISED,
    Hypothesis.PROVIDER_SILENT,
    Hypothesis.CAMPAIGN,
)


class Stage:
    """Everything from a signal to a mail in the outbox, without the network."""

    def __init__(
        self,
        database: Database,
        keys: KeyRing,
        providers: str = "abc",
        owned: str = "",
        playbooks: tuple[PlaybookSettings, ...] = (),
        batch: int = 100,
        pagers: tuple[Pager, ...] = (),
        paging: PagingSettings | None = None,
        two_people: tuple[str, ...] | None = (),
        left: Mapping[str, str] = MappingProxyType({}),
    ) -> None:
        self.database, self.keys = database, keys
        routes = tuple(map(RouteSettings, providers))
        streams = {
            "recovery": StreamSettings("recovery", 0, routes, secret=True, expires=3600),
            "security": StreamSettings("security", 1, routes),
            "bulk": StreamSettings("bulk", 9, routes),
        }
        parties = {name: f"house_{name}" for name in providers}
        ties = {"owned_by": ["owner"]} if owned else {}
        graph = TrustGraph(
            register.load(
                [{"id": "owner"}, {"id": "elsewhere"}]
                + [{"id": f"house_{n}"} | (ties if n in owned else {}) for n in providers]
            )
        )
        slow = SlowHash(keys, memory_kib=64, passes=1)
        self.accounts = Accounts(database, keys, slow)
        self.intake = Intake(database, keys, streams)
        self.recovery = Recovery(
            Context(
                *(database, keys, self.accounts, slow, self.intake, streams, parties, graph),
                *("https://example.com", RecoverySettings()),
                frozenset,
            )
        )
        self.incidents = Incidents(database, ProviderParties(parties, graph, left=left))
        means = Means(
            *(database, self.incidents.house, self.incidents, streams, self.intake),
            *(self.accounts, self.recovery),
            NoticeSettings("us@example.com", "Us", "security", "https://example.com"),
            ResponseSettings(batch=batch, two_people=two_people),
        )
        self.response = Response(means, playbooks, pagers, paging)
        self._relay = log.Relay(database, "one")
        doubts = ProviderDoubts(self.incidents.house)
        self._heard = subscribers(self.recovery, None, self.incidents, self.response, doubts)

    async def signal(
        self,
        weights: dict[Hypothesis, float],
        subject: Subject | str = "a",
        *,
        detector: str = "refusal",
        own: bool = True,
        forger: Forger = Forger.NOBODY,
        age: float = 0,
    ) -> None:
        """A signal that rests on a fact of its own, which happened ``age`` seconds ago."""
        subject = provider_subject(subject) if isinstance(subject, str) else subject
        async with self.database.write() as tx:
            basis = Signal(
                detector,
                Family.FLOW if detector == "refusal" else Family.BAIT,
                subject,
                {},
                tx.now,
                "",
                (),
                own,
                forger,
                1800.0,
                tx.now + 1,
            )
            await log.record(self.database, tx, SignalRaised(signal=basis))
            await tx.settle()
            newest = select(events.c.id).order_by(events.c.id.desc()).limit(1)
            event = await tx.value(newest)
            await tx.run(
                update(events).where(events.c.id == event).values(at=tx.now - round(age * SECOND))
            )
            signal = Signal(
                *(basis.detector, basis.family, subject, weights, tx.now),
                f"{detector} says so",
                (event,),
                *(own, forger, 1800.0, tx.now + 86_400 * SECOND),
            )
            await log.record(self.database, tx, SignalRaised(signal=signal))
        await self.hear()

    async def hear(self) -> None:
        """Let every fact reach whoever hears it."""
        for _ in range(4):
            await self._relay.place()
            for one in self._heard:
                while await one.step(self.database):
                    pass

    async def all(self) -> list[Incident]:
        async with self.database.read() as tx:
            found, _ = await incident_queries.page(tx)
        return sorted(found, key=lambda one: one.id, reverse=True)

    async def only(self) -> Incident:
        (one,) = await self.all()
        return one

    async def lines(self, incident: str) -> list[tuple[str, str]]:
        async with self.database.read() as tx:
            return [(one.kind, one.text) for one in await incident_queries.timeline(tx, incident)]

    async def audited(self) -> list[tuple[str, str]]:
        """(who, what) of the audit chain, in order."""
        async with self.database.read() as tx:
            rows = await tx.all(select(audit).order_by(audit.c.number))
        return [(row["actor"], row["act"]) for row in rows]

    async def kinds(self) -> list[str]:
        async with self.database.read() as tx:
            return [r["kind"] for r in await tx.all(select(events.c.kind).order_by(events.c.id))]

    async def owner(self, address: str) -> str:
        made = await self.accounts.sign_up(address, PASSWORD, "network_a")
        assert made.code is not None
        return await self.accounts.confirm(made.confirmation, made.code.reveal(), "n")

    async def ask(self, address: str) -> None:
        """Somebody asks for a reset; its mails are minted."""
        await self.recovery.ask(address, browser="browser_thief", network="network_t")
        await self.recovery.planner.step()

    async def messages(self, stream: str) -> list[dict[str, object]]:
        m = mail_tables.messages
        async with self.database.read() as tx:
            rows = await tx.all(select(m).where(m.c.stream == stream).order_by(m.c.id))
        return [dict(row) for row in rows]


@pytest.fixture
def stage(database: Database, keys: KeyRing) -> Stage:
    return Stage(database, keys)
