"""How things stand, and what needs somebody now."""

from collections.abc import Iterable

import msgspec
from litestar import Controller, get
from litestar.response import Template

from mailkeep.accounts.factors import adoption
from mailkeep.base.clock import DAY, MINUTE, Instant
from mailkeep.cutover import queries as cutovers
from mailkeep.cutover.types import State as MoveState
from mailkeep.http.port import Running, Services
from mailkeep.incidents import queries as incidents
from mailkeep.incidents import words
from mailkeep.incidents.types import Incident, State
from mailkeep.mail import depth, queries
from mailkeep.mail.depth import Depth
from mailkeep.operators.permissions import Permission
from mailkeep.response import approval
from mailkeep.response import queries as response
from mailkeep.response.actions.catalogue import ACTIONS
from mailkeep.response.types import Approval, Step
from mailkeep.store.database import Tx
from mailkeep.watch import posture

from . import chart
from .operator import Operator, needs
from .showing import page

SHOWN = 5  #: incidents on the overview
LATE = 5 * MINUTE  #: since when the oldest of a stream waits, before somebody must look

_SEE = needs(Permission.INCIDENTS_SEE)


class Need(msgspec.Struct, frozen=True):
    """Something that waits for a person. ``hot``: now."""

    text: str
    path: str
    hot: bool = True


class ProviderHealth(msgspec.Struct, frozen=True):
    """How a provider stands. ``state``: ``cut``, ``resting``, ``failing``, ``suspected`` or
    ``standing``; ``since``: of the first two; ``streams``: whose breakers keep it out here."""

    name: str
    kind: str
    state: str
    since: Instant | None
    why: str
    streams: tuple[str, ...]


class Standing(msgspec.Struct, frozen=True):
    """All of it."""

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
    async def show(self, running: Running, operator: Operator) -> Template:
        async with running.database.read() as tx:
            found = await standing(tx, running)
            now = tx.now
        picture = chart.routes(found.routes, found.depths, {p.name: p for p in found.providers})
        return page(operator, "overview", "", found=found, now=now, picture=picture)


async def standing(tx: Tx, running: Services) -> Standing:
    """How the house stands. Reads what waits, what is open and what was counted, and no more."""
    states = await providers(tx, running)
    live = await incidents.live(tx)
    depths = await depth.depths(tx, running.streams)
    return Standing(
        [
            *_of_requests(await approval.all_waiting(tx)),
            *_of_incidents(live, await response.waiting(tx)),
            *await _of_house(tx, depths, states),
        ],
        depths,
        states,
        {name: tuple(r.provider for r in one.routes) for name, one in running.streams.items()},
        live[:SHOWN],
        chart.shares(await adoption.over_time(tx, tx.now - 2 * DAY))[-1:],
    )


async def providers(tx: Tx, running: Services) -> list[ProviderHealth]:
    """Every provider of the settings, those that need a look first."""
    states = await queries.states(tx)
    out = []
    for name, config in running.providers.items():
        streams = tuple(one for one in running.streams if name in running.dispatcher.ailing(one))
        state, since, why = "standing", None, ""
        kept = states.get(name)
        if kept is not None and kept.cut_at is not None:
            state, since, why = "cut", kept.cut_at, kept.cut_reason
        elif kept is not None and kept.rested_at is not None:
            state, since, why = "resting", kept.rested_at, kept.rest_reason
        elif streams:
            state = "failing"
        elif kept is not None and kept.doubted_at is not None:
            state, since = "suspected", kept.doubted_at
        out.append(ProviderHealth(name, config.kind, state, since, why, streams))
    return sorted(out, key=lambda one: one.state == "standing")


def _of_requests(waiting: Iterable[Approval]) -> list[Need]:
    """What one operator asked for, and another one must look at (pure)."""
    return [
        Need(
            f"Waits for a second person: {'take back: ' if one.step is Step.UNDO else ''}"
            f"{ACTIONS[one.action].title.lower()}",
            f"/console/incidents/{one.incident}/actions/{one.action}",
        )
        for one in waiting
    ]


def _of_incidents(live: Iterable[Incident], waiting: dict[str, int]) -> list[Need]:
    """What incidents want of a person (pure)."""
    out = []
    for one in live:
        path = f"/console/incidents/{one.id}"
        if one.taken_at is None and one.state is State.OPEN:
            out.append(Need(f"Nobody sees to this: {words.headline(one)}", path))
        elif waiting.get(one.id):
            count = waiting[one.id]
            out.append(Need(f"{count} proposed, not done: {words.headline(one)}", path))
    return out


async def _of_house(
    tx: Tx, depths: dict[str, Depth], states: Iterable[ProviderHealth]
) -> list[Need]:
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
    for name, of in depths.items():
        late = 0 if of.oldest is None else tx.now - of.oldest
        if late > LATE:
            text = f"{name}: {of.due} wait, the oldest {words.span(0, late)}"
            out.append(Need(text, f"/console/messages?stream={name}&status=queued"))
    return out
