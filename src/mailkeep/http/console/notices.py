"""Console page of the owners of an incident's accounts: who was told, and who was not. Opening it
shows numbers: the list is asked for by a POST, which is in the audit log."""

from typing import Any

from litestar import Controller, Response, get, post
from litestar.response import Template

from mailkeep.http.port import Incoming, Running
from mailkeep.incidents import queries as incidents
from mailkeep.incidents.types import Incident
from mailkeep.operators.permissions import Permission
from mailkeep.response import looking, queries, telling
from mailkeep.response.telling import Counts, Page

from .operator import Operator, needs
from .refusing import or_again
from .showing import page


class NoticesPages(Controller):
    """Pseudonymous ids alone: whose an account is, is asked one at a time, with a reason."""

    path = "/console/incidents"
    include_in_schema = False

    @get("/{incident:str}/notices", opt=needs(Permission.ACCOUNTS_SEE))
    async def form(
        self, request: Incoming, running: Running, operator: Operator, incident: str
    ) -> Template:
        unreached = request.query_params.get("who", "") == "unreached"
        return await _counted(running, operator, incident, unreached=unreached)

    @post("/{incident:str}/notices", status_code=200, opt=needs(Permission.ACCOUNTS_SEE))
    async def show(
        self, request: Incoming, running: Running, operator: Operator, incident: str
    ) -> Response[Any]:
        unreached = operator.form.get("who", "") == "unreached"
        after = operator.form.get("after", "")[:40]

        async def work() -> Response[Any]:
            counted, found = await looking.owners(
                *(running.response.means, incident),
                by=operator.actor,
                unreached=unreached,
                after=after,
            )
            async with running.database.read() as tx:
                one = await incidents.one(tx, incident)
            return _page(operator, one, counted, found, unreached=unreached, after=after)

        async def again(now: Operator) -> Template:
            return await _counted(running, now, incident, unreached=unreached)

        return await or_again(request, operator, work, again)


async def _counted(
    running: Running, operator: Operator, incident: str, *, unreached: bool
) -> Template:
    """The numbers without the list. Raises ``NotFound``."""
    means = running.response.means
    async with running.database.read() as tx:
        one = await incidents.one(tx, incident)
        counted = await telling.counts(tx, means, queries.case_of(tx, means, one))
    return _page(operator, one, counted, None, unreached=unreached)


def _page(
    operator: Operator,
    one: Incident,
    counted: Counts,
    found: Page | None,
    *,
    unreached: bool,
    after: str = "",
) -> Template:
    return page(
        operator,
        "notices",
        "/incidents",
        one=one,
        counted=counted,
        found=found,
        unreached=unreached,
        after=after,
    )
