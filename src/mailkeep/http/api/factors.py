"""``/v1/accounts/factors``: adoption of second factors over time."""

from typing import Annotated

import msgspec
from litestar import Controller, get

from mailkeep.accounts.factors import adoption
from mailkeep.base.clock import DAY
from mailkeep.http.bearer import authorise
from mailkeep.http.port import Incoming, Running
from mailkeep.operators.permissions import Permission

from . import strict_json


class AdoptionOut(msgspec.Struct):
    """Accounts of one class on one day. ``any`` have a second factor; ``kinds``: which."""

    day: str
    account_class: Annotated[str, msgspec.Meta(title="class")]
    accounts: int
    any: int
    kinds: dict[str, int]


class FactorsIn(msgspec.Struct, forbid_unknown_fields=True):
    """How many days back."""

    days: Annotated[int, msgspec.Meta(ge=1, le=3660)] = 90


class FactorsOut(msgspec.Struct):
    days: list[AdoptionOut]


class FactorsApi(Controller):
    """Counts only: no account is named here. Needs a key with the scope ``operate``."""

    path = "/v1/accounts"
    tags = ("accounts",)

    @get("/factors", summary="Second factors over time, by day and class")
    async def factors(self, request: Incoming, running: Running) -> FactorsOut:
        await authorise(request, running, Permission.FACTORS_SEE)
        days = strict_json.query(request, FactorsIn).days
        async with running.database.read() as tx:
            found = await adoption.over_time(tx, tx.now - days * DAY)
        return FactorsOut(
            [
                AdoptionOut(one.day, one.account_class, one.accounts, one.any, one.kinds)
                for one in found
            ]
        )
