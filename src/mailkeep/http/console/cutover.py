"""Console pages of moves between providers: progress, start, pause, step back, emergency move.

A move is planned at the server's own shell, where DNS is checked; here a plan whose checks all
passed may be started. The emergency move is one press: it needs no plan, and works when the old
provider is down.
"""

from collections.abc import Awaitable, Callable
from typing import Any

from litestar import Controller, Response, get, post
from litestar.response import Redirect, Template

from mailkeep.base.clock import HOUR
from mailkeep.base.errors import NotFound
from mailkeep.cutover import offboarding, queries
from mailkeep.cutover.types import View
from mailkeep.http.port import Incoming, Running, Services
from mailkeep.mail import queries as mail
from mailkeep.mail import shifting
from mailkeep.operators.permissions import Permission
from mailkeep.response.keeping import take_turn
from mailkeep.store.database import Tx

from .operator import Operator, needs
from .refusing import or_again
from .showing import page

SHOWN = 20  #: moves of before


class CutoverPages(Controller):
    """One page, and what is done there."""

    path = "/console/cutover"
    include_in_schema = False

    @get("/", opt=needs(Permission.PROVIDERS_SEE))
    async def show(self, running: Running, operator: Operator) -> Template:
        return await _shown(running, operator)

    @post("/now", opt=needs(Permission.PROVIDERS_CHANGE))
    async def now(self, request: Incoming, running: Running, operator: Operator) -> Response[Any]:
        """Everything, at once."""
        form = operator.form

        async def work(tx: Tx) -> None:
            await take_turn(tx)
            await running.cutover.now(
                tx,
                form.get("from", ""),
                form.get("to", ""),
                by=operator.actor,
                reason=form.get("reason", ""),
                since=tx.now - HOUR,
            )

        return await _do(request, running, operator, work)

    @post("/{step:str}", opt=needs(Permission.PROVIDERS_CHANGE))
    async def act(
        self, request: Incoming, running: Running, operator: Operator, step: str
    ) -> Response[Any]:
        cutover, by, form = running.cutover, operator.actor, operator.form
        move = form.get("cutover", "")

        async def work(tx: Tx) -> View:
            if step == "start":
                return await cutover.start(tx, move, by=by)
            if step == "pause":
                return await cutover.pause(tx, move, by=by)
            if step == "resume":
                return await cutover.resume(tx, move, by=by)
            if step == "finish":
                return await cutover.finish(tx, move, by=by)
            if step == "back":
                return await cutover.back(tx, move, by=by, reason=form.get("reason", ""))
            raise NotFound("no such step")

        return await _do(request, running, operator, work)


async def _do(
    request: Incoming, running: Services, operator: Operator, work: Callable[[Tx], Awaitable[Any]]
) -> Response[Any]:
    async def do() -> Response[Any]:
        await running.database.retrying(work)
        return Redirect("/console/cutover", status_code=303)

    return await or_again(request, operator, do, lambda now: _shown(running, now))


async def _shown(running: Services, operator: Operator) -> Template:
    async with running.database.read() as tx:
        moves = await queries.listing(tx, SHOWN)
        live = await queries.live(tx)
        shifts, kept = await shifting.shifts(tx), await shifting.former(tx)
        states = await mail.states(tx)
        leaving, now = await offboarding.open_ones(tx), tx.now
        one = live or (moves[0] if moves else None)
        comes = None if one is None else await queries.what_comes(tx, one)
    down = {
        name
        for name, state in states.items()
        if state.cut_at is not None or state.rested_at is not None
    }
    return page(
        operator,
        "cutover",
        "/cutover",
        one=one,
        comes=comes,
        now=now,
        before=[found for found in moves if one is None or found.id != one.id],
        shifts=[(name, shift) for name, some in shifts.items() for shift in some],
        kept=kept,
        providers=sorted(running.providers),
        down=down,
        leaving=leaving,
    )
