"""Console page of who was exposed by an incident: numbers, earlier answers, and the list."""

from typing import Any

from litestar import Controller, Response, get, post
from litestar.response import Redirect, Template

from mailkeep.http.api.exposed import stream
from mailkeep.http.port import Incoming, Running
from mailkeep.incidents import queries as incidents
from mailkeep.operators import services as operators
from mailkeep.operators.permissions import Permission

from .operator import Operator, needs, still
from .refusing import or_again
from .showing import page


class ExposedPages(Controller):
    """The numbers are for whoever sees incidents; the list is asked for, agreed to, and taken."""

    path = "/console/incidents"
    include_in_schema = False

    @get("/{incident:str}/exposed", opt=needs(Permission.INCIDENTS_SEE))
    async def show(self, running: Running, operator: Operator, incident: str) -> Template:
        return await _shown(running, operator, incident)

    @post("/{incident:str}/exposed", opt=needs(Permission.EXPOSED_LIST))
    async def ask(
        self, request: Incoming, running: Running, operator: Operator, incident: str
    ) -> Response[Any]:
        """For a second person's word."""
        ask = running.response.lists.ask

        async def work() -> Response[Any]:
            await running.database.retrying(lambda tx: ask(tx, incident, by=operator.actor))
            return Redirect(f"/console/incidents/{incident}/exposed", status_code=303)

        return await or_again(request, operator, work, lambda now: _shown(running, now, incident))

    @post("/{incident:str}/exposed/list", status_code=200, opt=needs(Permission.EXPOSED_LIST))
    async def take(
        self, request: Incoming, running: Running, operator: Operator, incident: str
    ) -> Response[Any]:
        """Once it was agreed to; it ends when the session does."""

        async def may() -> bool:
            async with running.database.read() as tx:
                found = await still(tx, running, operator.signed, operator.network)
            return found is not None and found.may(Permission.EXPOSED_LIST)

        async def work() -> Response[Any]:
            listed = await running.response.lists.begin(incident, by=operator.actor)
            return stream(running, listed, may)

        return await or_again(request, operator, work, lambda now: _shown(running, now, incident))


async def _shown(running: Running, operator: Operator, incident: str) -> Template:
    """Raises ``NotFound``."""
    async with running.database.read() as tx:
        numbers = await running.response.lists.numbers(tx, incident)
        found = await incidents.one(tx, incident)
        answers = await incidents.answers(tx, incident)
        names = await operators.names(tx)
    return page(
        operator,
        "exposed",
        "/incidents",
        one=found,
        numbers=numbers,
        answers=answers,
        names=names,
        settings=running.response.means.settings,
    )
