"""Console page of the owners of an incident's accounts: who was told, and who was not."""

from litestar import Controller, get
from litestar.response import Template

from mailkeep.http.port import Incoming, Running
from mailkeep.incidents import queries as incidents
from mailkeep.operators.permissions import Permission
from mailkeep.response import queries, telling

from .operator import Operator, needs
from .showing import page


class NoticesPages(Controller):
    """Pseudonymous ids alone: whose an account is, is asked one at a time, with a reason."""

    path = "/console/incidents"
    include_in_schema = False

    @get("/{incident:str}/notices", opt=needs(Permission.ACCOUNTS_SEE))
    async def show(
        self, request: Incoming, running: Running, operator: Operator, incident: str
    ) -> Template:
        means, asked = running.response.means, request.query_params
        unreached, after = asked.get("who", "") == "unreached", asked.get("after", "")[:40]
        async with running.database.read() as tx:
            one = await incidents.one(tx, incident)
            case = queries.case_of(tx, means, one)
            counted = await telling.counts(tx, means, case)
            found = await telling.page(tx, means, case, unreached=unreached, after=after)
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
