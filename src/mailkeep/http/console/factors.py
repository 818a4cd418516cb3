"""Console page of how many accounts have a second factor, over time."""

from litestar import Controller, get
from litestar.response import Template

from mailkeep.accounts.factors import adoption
from mailkeep.base.clock import DAY
from mailkeep.base.errors import Invalid
from mailkeep.http.port import Incoming, Running
from mailkeep.operators.permissions import Permission

from . import chart
from .operator import Operator, needs
from .showing import page

DAYS = (30, 90, 365)


class FactorPages(Controller):
    """The picture and the numbers beside it."""

    path = "/console/factors"
    include_in_schema = False

    @get("/", opt=needs(Permission.FACTORS_SEE))
    async def show(self, request: Incoming, running: Running, operator: Operator) -> Template:
        asked = request.query_params.get("days", str(DAYS[1]))
        if asked not in map(str, DAYS):
            raise Invalid(f"say one of {', '.join(map(str, DAYS))}", field="days")
        async with running.database.read() as tx:
            found = await adoption.over_time(tx, tx.now - int(asked) * DAY)
        shares = chart.shares(found)
        last = [one for one in found if one.day == found[-1].day]
        return page(
            operator,
            "factors",
            "/factors",
            shares=shares,
            chart=chart.over_days(shares) if shares else None,
            classes=last,
            days=int(asked),
            choices=DAYS,
        )
