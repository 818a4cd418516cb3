"""``/v1/cutovers``: watch moves between providers, and pause them.

A key can pause a move, which leaves mail where it goes now. Whatever moves mail needs a person at
the console or the server's own shell: a leaked key must not choose who carries our mail.
"""

import msgspec
from litestar import Controller, get, post

from mailkeep.base.clock import iso, when
from mailkeep.cutover import queries
from mailkeep.cutover.types import Gate, View
from mailkeep.http.bearer import authorise, ours
from mailkeep.http.port import Incoming, Running
from mailkeep.mail import shifting
from mailkeep.operators.permissions import Permission
from mailkeep.store.database import Tx


class MovingStreamOut(msgspec.Struct):
    """A stream on the move. ``share``: what the new provider carries of it, 0 to 1; ``since``: null
    while nothing of it has moved; ``backs``: how often it was moved back, and ``why`` the last
    time."""

    stream: str
    share: float
    since: str | None
    backs: int
    why: str


class CutoverOut(msgspec.Struct, rename={"source": "from", "target": "to"}):
    """A move. ``state``: planned, moving, paused, moved, finished, returned. ``why``: what it waits
    for, or what stops it. While it goes on by itself: ``next_step_at`` and ``all_moved_at``, the
    soonest at which its next step begins and everything has moved; ``known``: mails of the present
    step whose fate is known."""

    id: str
    source: str
    target: str
    state: str
    at_once: bool
    created_at: str
    started_at: str | None
    ended_at: str | None
    why: str
    next_step_at: str | None
    all_moved_at: str | None
    known: int | None
    streams: list[MovingStreamOut]
    gates: list[Gate]


class KeptOut(msgspec.Struct, rename={"source": "from"}):
    """Bulk of a stream whose move is over; it is kept from who bounced at ``from``, or complained
    there, ``until`` a day."""

    stream: str
    source: str
    until: str


class CutoversOut(msgspec.Struct):
    cutovers: list[CutoverOut]
    kept: list[KeptOut]


class CutoversApi(Controller):
    """Reading needs the scope ``read``, pausing ``operate``."""

    path = "/v1/cutovers"
    tags = ("cutovers",)

    @get("/", summary="The moves between providers, the newest first")
    async def index(self, request: Incoming, running: Running) -> CutoversOut:
        ours(await authorise(request, running, Permission.PROVIDERS_SEE))
        async with running.database.read() as tx:
            kept = await shifting.former(tx)
            return CutoversOut(
                [await _out(tx, one) for one in await queries.listing(tx)],
                [KeptOut(one.stream, one.source, iso(one.until)) for one in kept],
            )

    @get("/{cutover:str}", summary="One move between providers")
    async def show(self, request: Incoming, running: Running, cutover: str) -> CutoverOut:
        ours(await authorise(request, running, Permission.PROVIDERS_SEE))
        async with running.database.read() as tx:
            return await _out(tx, await queries.one(tx, cutover))

    @post("/{cutover:str}/pause", status_code=200, summary="Hold a move up where it is")
    async def pause(self, request: Incoming, running: Running, cutover: str) -> CutoverOut:
        by = ours(await authorise(request, running, Permission.PROVIDERS_CHANGE)).id

        async def work(tx: Tx) -> CutoverOut:
            paused = await running.cutover.pause(tx, cutover, by=by, why="a key holds it up")
            return await _out(tx, paused)

        return await running.database.retrying(work)


async def _out(tx: Tx, view: View) -> CutoverOut:
    comes = await queries.what_comes(tx, view)
    return CutoverOut(
        view.id,
        view.source,
        view.target,
        view.state.value,
        view.at_once,
        iso(view.created_at),
        when(view.started_at),
        when(view.ended_at),
        view.why,
        None if comes is None else iso(comes.step_at),
        None if comes is None else iso(comes.done_at),
        None if comes is None else comes.known,
        [
            MovingStreamOut(
                one.stream, view.share(one), when(view.moved_at(one)), one.backs, one.why
            )
            for one in view.streams
        ],
        list(view.gates),
    )
