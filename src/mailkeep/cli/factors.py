"""``mailkeep factors``: adoption of second factors over time, and temporary exemptions."""

from typing import Annotated

import msgspec
import typer

from mailkeep.accounts.classes import Classes
from mailkeep.accounts.factors import adoption
from mailkeep.accounts.factors.adoption import Count
from mailkeep.accounts.factors.demands import Demands, Exemption
from mailkeep.base.clock import DAY, iso
from mailkeep.base.errors import Conflict
from mailkeep.store.database import Database, Tx

from .accounts import account_of
from .house import DEFAULT_HOME, Home, operator, read, write
from .output import Json, group, result, table

app = group(
    "Second factors: how many accounts have one, and which are exempt.", also={"list": "show"}
)

Account = Annotated[str, typer.Argument(help="Its id, or an address that it has confirmed.")]


@app.command()
def show(
    days: Annotated[int, typer.Option(min=1, help="So many days back.")] = 14,
    as_json: Json = False,
    home: Home = DEFAULT_HOME,
) -> None:
    """Show how many accounts of each class have which factor, day by day; today's counted now."""

    async def work(tx: Tx) -> list[Count]:
        kept = await adoption.over_time(tx, tx.now - days * DAY)
        today = await adoption.today(tx)
        return [one for one in kept if one.day != iso(tx.now)[:10]] + today

    found = read(home, work)
    rows: list[tuple[str, ...]] = [
        ("day", "class", "accounts", "with one", "share", "passkey", "app", "saved codes")
    ]
    for one in found:
        share = f"{one.any / one.accounts:.1%}" if one.accounts else "-"
        kinds = (one.kinds["passkey"], one.kinds["totp"], one.kinds["saved_codes"])
        counts = (str(one.accounts), str(one.any), share, *map(str, kinds))
        rows.append((one.day, one.account_class, *counts))
    text = table(rows if found else [], "There is no account.")
    result({"days": msgspec.to_builtins(found)}, text, as_json=as_json)


@app.command()
def exempt(
    account: Account,
    reason: Annotated[str, typer.Option(help="Why; it stays on record.")],
    days: Annotated[float, typer.Option(min=1, max=180, help="For so long.")] = 30.0,
    as_json: Json = False,
    home: Home = DEFAULT_HOME,
) -> None:
    """Let an account go without a second factor for a while."""

    async def work(database: Database, tx: Tx) -> tuple[str, str]:
        found = (await account_of(tx, home, account)).account.id
        demands = Demands(database, Classes())
        return found, await demands.exempt(tx, found, reason=reason, days=days, by=operator())

    found, made = write(home, work)
    result({"exemption": made}, f"{found} is exempt for {days:g} days: {made}", as_json=as_json)


@app.command()
def exemptions(as_json: Json = False, home: Home = DEFAULT_HOME) -> None:
    """List the exemptions that hold, with their reasons."""

    async def work(tx: Tx) -> list[Exemption]:
        return await Demands.exemptions(tx)

    found = read(home, work)
    rows = [("exemption", "account", "until", "by", "reason")] if found else []
    rows += [(x.id, x.account, iso(x.expires_at)[:10], x.made_by, x.reason) for x in found]
    text = table(rows, "No exemption holds.")
    result({"exemptions": msgspec.to_builtins(found)}, text, as_json=as_json)


@app.command("end-exemption")
def end(
    exemption: Annotated[str, typer.Argument(help="Its id.")],
    as_json: Json = False,
    home: Home = DEFAULT_HOME,
) -> None:
    """End an exemption before its time."""

    async def work(database: Database, tx: Tx) -> bool:
        return await Demands(database, Classes()).end_exemption(tx, exemption, by=operator())

    if not write(home, work):
        raise Conflict("no such exemption holds")
    result({"exemption": exemption, "ended": True}, f"{exemption} has ended.", as_json=as_json)
