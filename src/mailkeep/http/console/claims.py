"""Console form of a support desk: a customer says that something was not them.

It is recorded and heard beside other signs, and moves nothing. The answer is the same whether or
not there is such an account.
"""

from typing import Any

from litestar import Controller, Response, get, post
from litestar.response import Redirect, Template

from mailkeep.accounts import applications, opening
from mailkeep.base.errors import Invalid
from mailkeep.http.port import Incoming, Running
from mailkeep.operators.permissions import Permission
from mailkeep.store.database import Tx
from mailkeep.watch import claiming
from mailkeep.watch.claiming import What

from . import people
from .operator import Operator, needs
from .refusing import or_again
from .showing import page

_SEE = needs(Permission.ACCOUNTS_SEE)


class ClaimPages(Controller):
    """The form by address, and the same on the page of an account that is open already."""

    path = "/console"
    include_in_schema = False

    @get("/claims", opt=_SEE)
    async def show(self, running: Running, operator: Operator) -> Template:
        return await _form(running, operator)

    @post("/claims", opt=_SEE)
    async def claim(self, request: Incoming, running: Running, operator: Operator) -> Response[Any]:
        address, of = operator.form.get("address", ""), operator.form.get("application", "")

        async def work(tx: Tx) -> None:
            application = (await applications.get(tx, of)).id if of else ""
            await claiming.claim(
                *(running.database, tx, running.keys, address, said(operator)),
                by=operator.actor,
                application=application,
            )

        async def do() -> Response[Any]:
            await running.database.retrying(work)
            return await _form(running, operator, done=True)

        return await or_again(request, operator, do, lambda now: _form(running, now))

    @post("/accounts/{account:str}/claim", opt=_SEE)
    async def claim_of(
        self, request: Incoming, running: Running, operator: Operator, account: str
    ) -> Response[Any]:
        async def work(tx: Tx) -> None:
            await opening.require(tx, opening.ACCOUNT, account, by=operator.actor)
            await claiming.claim_of(
                running.database, tx, account, said(operator), by=operator.actor
            )

        async def do() -> Response[Any]:
            await running.database.retrying(work)
            return Redirect(f"/console/accounts/{account}?claimed=yes", status_code=303)

        return await or_again(
            request, operator, do, lambda now: people.shown(running, now, account)
        )


def said(operator: Operator) -> What:
    """What the form says. Raises ``Invalid``."""
    try:
        return What(operator.form.get("what", ""))
    except ValueError as error:
        raise Invalid("say what it was that the customer did not do", field="what") from error


async def _form(running: Running, operator: Operator, *, done: bool = False) -> Template:
    async with running.database.read() as tx:
        known = [one for one in await applications.listing(tx) if one.revoked_at is None]
    return page(
        operator,
        "claims",
        "/accounts",
        done=done,
        applications=known,
        what=people.CLAIMS,
    )
