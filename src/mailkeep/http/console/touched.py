"""Console page of the accounts behind the counts of an incident. Opening it shows nothing: a list
is asked for by a POST, which is in the audit log."""

from typing import Any

from litestar import Controller, Response, get, post
from litestar.response import Template

from mailkeep.base.errors import Invalid
from mailkeep.http.port import Incoming, Running
from mailkeep.incidents import queries as incidents
from mailkeep.incidents.touched import Asked, Page
from mailkeep.operators.permissions import Permission
from mailkeep.response import looking

from .operator import Operator, needs
from .refusing import or_again
from .showing import page

#: As the page calls them, the worst first.
TITLES = {
    Asked.LOST: "lost, as far as is seen",
    Asked.CHANGED: "changed since it was completed",
    Asked.SIGNED_IN: "signed in to since from a strange browser",
    Asked.COMPLETED: "completed",
    Asked.DENIED: "denied by their owner",
    Asked.STOPPED: "stopped by the second factor",
    Asked.HALF: "half proven",
    Asked.REQUESTED: "with a reset through it",
}


class TouchedPages(Controller):
    """Pseudonymous ids alone: whose an account is, is asked one at a time, with a reason."""

    path = "/console/incidents"
    include_in_schema = False

    @get("/{incident:str}/accounts", opt=needs(Permission.ACCOUNTS_SEE))
    async def form(self, running: Running, operator: Operator, incident: str) -> Template:
        return await _page(running, operator, incident, None, Asked.LOST)

    @post("/{incident:str}/accounts", status_code=200, opt=needs(Permission.ACCOUNTS_SEE))
    async def show(
        self, request: Incoming, running: Running, operator: Operator, incident: str
    ) -> Response[Any]:
        form = operator.form

        async def work() -> Response[Any]:
            if form.get("outcome", "") not in list(Asked):
                raise Invalid("say which accounts", field="outcome")
            asked, after = Asked(form["outcome"]), form.get("after", "")[:40]
            means = running.response.means
            found = await looking.look(means, incident, asked, by=operator.actor, after=after)
            return await _page(running, operator, incident, found, asked)

        return await or_again(
            request, operator, work, lambda now: _page(running, now, incident, None, Asked.LOST)
        )


async def _page(
    running: Running, operator: Operator, incident: str, found: Page | None, asked: Asked
) -> Template:
    async with running.database.read() as tx:
        one = await incidents.one(tx, incident)
    return page(operator, "touched", "/incidents", one=one, found=found, asked=asked, titles=TITLES)
