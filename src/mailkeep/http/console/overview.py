"""Console start page: the state of everything, and what needs attention now."""

from collections.abc import Iterable

import msgspec
from litestar import Controller, get
from litestar.response import ServerSentEvent, Template

from mailkeep.accounts.factors import adoption
from mailkeep.base.clock import DAY, MINUTE, Instant
from mailkeep.base.keys import digest
from mailkeep.cutover import queries as cutovers
from mailkeep.cutover.types import State as MoveState
from mailkeep.http.health import ProviderHealth, providers
from mailkeep.http.port import Running, Services
from mailkeep.incidents import queries as incidents
from mailkeep.incidents import regulator, words
from mailkeep.incidents.types import Incident, State
from mailkeep.mail import depth
from mailkeep.mail.depth import Depth
from mailkeep.operators.permissions import Permission
from mailkeep.response import approval, hands, listing, todo
from mailkeep.response import queries as response
from mailkeep.response.actions.catalogue import ACTIONS
from mailkeep.response.hands import HandCut
from mailkeep.response.types import Approval, HandCutState, Step
from mailkeep.store.database import Tx
from mailkeep.watch import posture

from . import chart
from .cases import FRESH, Cases
from .incidents import follow
from .operator import Operator, needs
from .showing import page
from .suspicions import Suspected

SHOWN = 5  #: incidents on the overview
LATE = 5 * MINUTE  #: since when the oldest of a stream waits, before somebody must look

_SEE = needs(Permission.INCIDENTS_SEE)


class Need(msgspec.Struct, frozen=True):
    """Something that needs a person. ``hot``: now."""

    text: str
    path: str
    hot: bool = True


class Standing(msgspec.Struct, frozen=True):
    """All of it. ``version``: as ``version_of`` has it."""

    version: str
    needs: list[Need]
    depths: dict[str, Depth]
    providers: list[ProviderHealth]
    routes: dict[str, tuple[str, ...]]
    open: list[Incident]
    factors: list[chart.Share]


class Overview(Controller):
    """The first page."""

    path = "/console"
    include_in_schema = False

    @get("/", opt=_SEE)
    async def show(self, running: Running, operator: Operator, suspected: Suspected) -> Template:
        quiet = await suspected.quiet()
        async with running.database.read() as tx:
            found = await standing(tx, running)
            now = tx.now
        picture = chart.routes(found.routes, found.depths, {p.name: p for p in found.providers})
        return page(
            operator,
            "overview",
            "",
            found=found,
            now=now,
            picture=picture,
            quiet=quiet,
            version=found.version,
        )

    @get("/news", media_type="text/event-stream", opt=_SEE)
    async def news(self, running: Running, operator: Operator, cases: Cases) -> ServerSentEvent:
        return follow(running, operator, lambda: version_of(running, cases))


async def version_of(running: Services, cases: Cases) -> str:
    """A number that changes with what the page says needs a person, how providers stand and what is
    open. Counting what waits is dear where much does: late mail is looked for every ``FRESH``."""

    async def most(tx: Tx) -> str:
        states, live = await providers(tx, running), await incidents.live(tx)
        return _stamp(await _needs(tx, running, live, states), states, live[:SHOWN])

    async def late(tx: Tx) -> str:
        return _stamp(_of_depths(await depth.depths(tx, running.streams), tx.now))

    return f"{await cases.once('/', most)}.{await cases.once('/late', late, FRESH)}"


async def standing(tx: Tx, running: Services) -> Standing:
    """The state of the installation. Reads what is waiting, open and counted already, and no
    more."""
    states = await providers(tx, running)
    live = await incidents.live(tx)
    depths = await depth.depths(tx, running.streams)
    needs, late = await _needs(tx, running, live, states), _of_depths(depths, tx.now)
    return Standing(
        f"{_stamp(needs, states, live[:SHOWN])}.{_stamp(late)}",
        [*needs, *late],
        depths,
        states,
        {name: tuple(r.provider for r in one.routes) for name, one in running.streams.items()},
        live[:SHOWN],
        chart.shares(await adoption.over_time(tx, tx.now - 2 * DAY))[-1:],
    )


def _stamp(*shown: object) -> str:
    return digest(msgspec.json.encode(shown))


async def _needs(
    tx: Tx, running: Services, live: list[Incident], states: Iterable[ProviderHealth]
) -> list[Need]:
    """All that needs a person but late mail."""
    return [
        *_of_requests(await approval.all_waiting(tx)),
        *_of_hands((await hands.current(tx)).values()),
        *_of_failures(live, await response.failed(tx)),
        *_of_clocks(await incidents.clocks(tx, running.incidents.settings), tx.now),
        *_of_incidents(live, await response.to_decide(tx, live)),
        *await _of_house(tx, states),
    ]


def _of_requests(waiting: Iterable[Approval]) -> list[Need]:
    """What one operator asked for, and another one must look at (pure)."""
    out = []
    for one in waiting:
        words, path = listing.TITLE, "exposed"
        if one.step is not Step.LIST:
            back = "take back: " if one.step is Step.UNDO else ""
            words, path = f"{back}{ACTIONS[one.action].title}", f"actions/{one.action}"
        text = f"Waits for a second person: {words.lower()}"
        out.append(Need(text, f"/console/incidents/{one.incident}/{path}"))
    return out


def _of_hands(cuts: Iterable[HandCut]) -> list[Need]:
    """What one person did to a provider by hand, and a second one must look at (pure)."""
    says = {
        HandCutState.ASKED: "one person wants {} cut off",
        HandCutState.WAITING: "one person cut {} off by hand",
        HandCutState.FLAGGED: "nobody confirmed that {} was cut off by hand",
        HandCutState.RESTORING: "one person wants {} to carry mail again",
    }
    return [
        Need(
            f"Waits for a second person: {says[one.state].format(one.provider)}",
            f"/console/providers/{one.provider}",
        )
        for one in cuts
        if one.state in says
    ]


def _of_failures(live: Iterable[Incident], failed: dict[str, list[str]]) -> list[Need]:
    """What was begun about an incident and could not be done (pure)."""
    return [
        Need(
            f"Failed: {ACTIONS[name].title.lower()}. {words.headline(one)}",
            f"/console/incidents/{one.id}/actions/{name}",
        )
        for one in live
        for name in failed.get(one.id, ())
    ]


def _of_clocks(clocks: Iterable[tuple[Instant, Incident]], now: Instant) -> list[Need]:
    """Regulators' clocks that run out within a day, or ran out (pure)."""
    out = []
    for due_at, one in clocks:
        stands = regulator.stands(due_at, now)
        if stands == "running":
            continue
        left = f"ran out {words.span(due_at, now)} ago"
        if stands == "near":
            left = f"runs out in {words.span(now, due_at)}"
        text = f"The regulator's clock {left}, and nobody said that it was told or need not be"
        out.append(Need(f"{text}: {words.headline(one)}", f"/console/incidents/{one.id}"))
    return out


def _of_incidents(live: Iterable[Incident], deciding: dict[str, int]) -> list[Need]:
    """What incidents want of a person (pure)."""
    out = []
    for one in live:
        alone = one.taken_at is None and one.state is State.OPEN
        says = ["nobody sees to this"] if alone else []
        says += [todo.say(deciding[one.id])] if deciding[one.id] else []
        if says:
            text = f"{' and '.join(says)}: {words.headline(one)}"
            out.append(Need(text[:1].upper() + text[1:], f"/console/incidents/{one.id}"))
    return out


async def _of_house(tx: Tx, states: Iterable[ProviderHealth]) -> list[Need]:
    out = []
    move = await cutovers.live(tx)
    if move is not None and move.state is MoveState.PAUSED:
        text = f"The move from {move.source} to {move.target} is held up: {move.why}"
        out.append(Need(text, "/console/cutover"))
    for one in states:
        if one.state in {"cut", "failing"}:
            says = {"cut": "is cut off", "failing": "fails just now"}[one.state]
            out.append(Need(f"{one.name} {says}", f"/console/providers/{one.name}", hot=False))
    for name, count in (await posture.unexplained(tx)).items():
        text = f"{count} change{'' if count == 1 else 's'} at {name} that nobody announced"
        out.append(Need(text, f"/console/providers/{name}"))
    return out


def _of_depths(depths: dict[str, Depth], now: Instant) -> list[Need]:
    """Mail that is late (pure)."""
    out = []
    for name, of in depths.items():
        late = 0 if of.oldest is None else now - of.oldest
        if late > LATE:
            text = f"{name}: {of.due} wait, the oldest {words.span(0, late)}"
            out.append(Need(text, f"/console/messages?stream={name}&status=queued"))
    return out
