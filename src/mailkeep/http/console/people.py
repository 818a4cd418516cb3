"""Console pages of recoveries and accounts, masked. Opening one takes a reason, is audited and
rate-limited."""

from typing import Any

from litestar import Controller, Response, get, post
from litestar.response import Redirect, Template

from mailkeep.accounts import administration, opening, queries
from mailkeep.accounts.factors import record
from mailkeep.base import addresses
from mailkeep.base.errors import Invalid, NotAllowed, NotFound
from mailkeep.base.ids import is_id
from mailkeep.http.port import Incoming, Running
from mailkeep.operators.permissions import Permission
from mailkeep.recovery import showing
from mailkeep.recovery.types import State
from mailkeep.store.database import Tx
from mailkeep.watch.claiming import What

from .operator import Operator, needs
from .refusing import or_again
from .showing import page

#: What a customer says was not them, in the words of the form.
CLAIMS = {
    What.RESET: "a reset of the password, or a mail about one",
    What.SIGN_IN: "a sign-in",
    What.CHANGE: "a change of the account",
    What.MAIL: "a mail in our name that cannot be ours",
}

_SEE_RECOVERIES = needs(Permission.RECOVERIES_SEE)
_SEE = needs(Permission.ACCOUNTS_SEE)


class RecoveryPages(Controller):
    """How recoveries went."""

    path = "/console/recoveries"
    include_in_schema = False

    @get("/", opt=_SEE_RECOVERIES)
    async def index(self, request: Incoming, running: Running, operator: Operator) -> Template:
        state = request.query_params.get("state", "")
        if state and state not in list(State):
            raise Invalid("there is no such state", field="state")
        async with running.database.read() as tx:
            found, after = await showing.recent(
                tx,
                state=State(state) if state else None,
                before=request.query_params.get("before") or None,
            )
        return page(
            operator,
            "recoveries",
            "/recoveries",
            found=found,
            after=after,
            state=state,
            states=[one.value for one in State],
        )

    @post("/{recovery:str}/open", opt=_SEE_RECOVERIES)
    async def open(
        self, request: Incoming, running: Running, operator: Operator, recovery: str
    ) -> Response[Any]:
        reason = operator.form.get("reason", "")

        async def work(tx: Tx) -> None:
            await showing.one(tx, recovery)
            await opening.open_(tx, opening.RECOVERY, recovery, by=operator.actor, reason=reason)

        async def do() -> Response[Any]:
            await running.database.retrying(work)
            return Redirect(f"/console/recoveries/{recovery}", status_code=303)

        async def again(now: Operator) -> Template:
            async with running.database.read() as tx:
                await showing.one(tx, recovery)
            return _closed(now, "/recoveries", recovery)

        return await or_again(request, operator, do, again)

    @get("/{recovery:str}", opt=_SEE_RECOVERIES)
    async def show(self, running: Running, operator: Operator, recovery: str) -> Template:
        async with running.database.read() as tx:
            found = await showing.one(tx, recovery)
            try:
                await opening.require(tx, opening.RECOVERY, recovery, by=operator.actor)
            except NotAllowed:
                return _closed(operator, "/recoveries", recovery)
            return page(
                operator,
                "recovery",
                "/recoveries",
                found=found,
                proofs=await showing.proofs(tx, recovery),
                holds=await showing.holds(tx, recovery),
            )


class AccountPages(Controller):
    """One account, when it was said why."""

    path = "/console/accounts"
    include_in_schema = False

    @get("/", opt=_SEE)
    async def index(self, running: Running, operator: Operator) -> Template:
        return await _search(running, operator)

    @post("/open", opt=_SEE)
    async def open(self, request: Incoming, running: Running, operator: Operator) -> Response[Any]:
        who, reason = operator.form.get("who", "").strip(), operator.form.get("reason", "")

        async def work(tx: Tx) -> str:
            account = await _find(tx, running, who)
            await opening.open_(tx, opening.ACCOUNT, account, by=operator.actor, reason=reason)
            return account

        async def do() -> Response[Any]:
            account = await running.database.retrying(work)
            if not account:  # that it was looked for stands in the audit log
                raise NotFound("no account has that address or id", field="who")
            return Redirect(f"/console/accounts/{account}", status_code=303)

        return await or_again(request, operator, do, lambda now: _search(running, now))

    @get("/{account:str}", opt=_SEE)
    async def show(
        self, request: Incoming, running: Running, operator: Operator, account: str
    ) -> Template:
        claimed = request.query_params.get("claimed") == "yes"
        return await shown(running, operator, account, claimed=claimed)

    @post("/{account:str}/sessions", opt=needs(Permission.ACCOUNTS_END))
    async def end(self, running: Running, operator: Operator, account: str) -> Redirect:
        session = operator.form.get("session") or None

        async def work(tx: Tx) -> None:
            await opening.require(tx, opening.ACCOUNT, account, by=operator.actor)
            await running.accounts.administration.end_sessions(
                tx, account, session, by=operator.actor
            )

        await running.database.retrying(work)
        return Redirect(f"/console/accounts/{account}", status_code=303)

    @post("/{account:str}/class", opt=needs(Permission.ACCOUNTS_CHANGE))
    async def set_class(
        self, request: Incoming, running: Running, operator: Operator, account: str
    ) -> Response[Any]:
        name = operator.form.get("class", "")

        async def work(tx: Tx) -> None:
            await opening.require(tx, opening.ACCOUNT, account, by=operator.actor)
            await running.accounts.administration.set_class(tx, account, name, by=operator.actor)

        async def do() -> Response[Any]:
            await running.database.retrying(work)
            return Redirect(f"/console/accounts/{account}", status_code=303)

        return await or_again(request, operator, do, lambda now: shown(running, now, account))

    @post("/recoveries", opt=needs(Permission.RECOVERIES_START))
    async def recover(
        self, request: Incoming, running: Running, operator: Operator
    ) -> Response[Any]:
        """Start a recovery for an owner; the answer is the same whoever has the address."""
        recovery = running.recovery
        if recovery is None:
            raise NotFound("there are no accounts here")
        address = operator.form.get("address", "")

        async def do() -> Response[Any]:
            started = await recovery.start_for(address, by=operator.actor)
            return await _search(running, operator, started=started)

        return await or_again(request, operator, do, lambda now: _search(running, now))


async def shown(
    running: Running, operator: Operator, account: str, *, claimed: bool = False
) -> Template:
    """The page of an account; where it was not said why, that is asked. Raises ``NotFound``."""
    async with running.database.read() as tx:
        try:
            await opening.require(tx, opening.ACCOUNT, account, by=operator.actor)
        except NotAllowed:
            return _closed(operator, "/accounts", account)
        found = await administration.describe(tx, account)
        points = await queries.contact_points(tx, account)
        recoveries, _ = await showing.recent(tx, account=account, limit=10)
        return page(
            operator,
            "account",
            "/accounts",
            found=found,
            now=tx.now,
            points=[(one, addresses.masked(one.address)) for one in points],
            factors=await record.bound(tx, account),
            sessions=await running.accounts.sessions.of(tx, account),
            recoveries=recoveries,
            classes=running.accounts.classes.names,
            what=CLAIMS,
            claimed=claimed,
        )


async def _find(tx: Tx, running: Running, who: str) -> str:
    """The id of the account that has an id or an address; "" when none has. Raises ``Invalid``."""
    try:
        if is_id("acc", who):
            return (await queries.account(tx, who)).id
        key = running.accounts.address_key(addresses.parse(who, field="who"))
        return (await administration.find(tx, key)).account.id
    except NotFound:
        return ""


async def _search(running: Running, operator: Operator, *, started: str = "") -> Template:
    async with running.database.read() as tx:
        classes = await administration.classes(tx)
    return page(
        operator,
        "accounts",
        "/accounts",
        classes=classes,
        started=started,
        recovers=running.recovery is not None,
    )


def _closed(operator: Operator, here: str, of: str) -> Template:
    """It is not shown before it is said why."""
    return page(operator, "closed", here, of=of)
