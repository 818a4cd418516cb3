"""``mailkeep watch report``, ``reports``, ``lookalikes``, ``claim``: reports and claims of
others."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TypeVar

import typer

from mailkeep.accounts import applications
from mailkeep.base.clock import SystemClock, readable
from mailkeep.base.errors import BadSettings
from mailkeep.base.keys import KeyRing
from mailkeep.store.database import Database, Tx
from mailkeep.store.migrate import upgrade
from mailkeep.watch import claiming, packed, queries
from mailkeep.watch.claiming import What
from mailkeep.watch.lookalikes import progress
from mailkeep.watch.reports import Taken

from . import documents
from .house import DEFAULT_HOME, Home, operator, read, settings, write
from .output import Json, result, table

if TYPE_CHECKING:
    from mailkeep.app.wiring_reports import ReportIntake

T = TypeVar("T")


def report(
    file: Annotated[
        Path, typer.Argument(help="XML or JSON, packed or not, or a whole mail with reports.")
    ],
    resolver: Annotated[
        str | None, typer.Option(help="ADDRESS:PORT to ask for keys; default: the system's.")
    ] = None,
    as_json: Json = False,
    home: Home = DEFAULT_HOME,
) -> None:
    """Read a DMARC or TLS report of somebody else. Only a whole mail can show who sent it."""
    found = _told(file, resolver, home, lambda told, raw: told.reports.take(raw, via="command"))
    rows = [(*_row(one), "" if one.new else "known already") for one in found]
    result([documents.report(one) for one in found], table(rows, "none"), as_json=as_json)


def abuse(
    file: Annotated[Path, typer.Argument(help="The whole mail, as it came to the mailbox.")],
    resolver: Annotated[
        str | None, typer.Option(help="ADDRESS:PORT to ask for keys; default: the system's.")
    ] = None,
    as_json: Json = False,
    home: Home = DEFAULT_HOME,
) -> None:
    """Read a mail to the abuse mailbox: the mail that it reports must be attached to it."""
    found = _told(file, resolver, home, lambda told, raw: told.abuse.take(raw, via="command"))
    about = f"as {found.domain}" if found.domain else "as somebody else"
    if found.name:
        about = f"as {found.name}, a name like {found.domain}"
    text = f"It reports a mail {about}"
    text += "; we signed it ourselves, so it says nothing." if found.ours else "."
    text += "" if found.new else " That mail was reported already."
    result(documents.abuse(found), text, as_json=as_json)


def reports(as_json: Json = False, home: Home = DEFAULT_HOME) -> None:
    """List the reports of the last weeks, the newest first, and what was refused."""
    settings(home)
    found, refused = read(home, queries.reports)
    text = table((_row(one) for one in found), "No report so far.")
    for why, count in refused:
        text += f"\nrefused in the last days: {count} ({why})"
    document = {
        "reports": [documents.report(one) for one in found],
        "refused": dict(refused),
    }
    result(document, text, as_json=as_json)


def lookalikes(as_json: Json = False, home: Home = DEFAULT_HOME) -> None:
    """List names like our domains that take mail or show a page, and how far looking is."""
    known = settings(home)
    found = read(home, progress)
    rows = [
        (
            one.name,
            one.way,
            "takes mail" if one.mx else "shows a page",
            readable(one.since),
            "new" if one.fresh else "at the first look",
        )
        for one in found.seen
    ]
    text = table(rows, "No name like ours is in use, as far as was looked.")
    text += f"\n{found.looked_up} of {found.names} names were looked up."
    if known.lookalikes is None:
        text += " Nothing is looked up now: there is no [lookalikes] in the settings."
    document = documents.lookalikes(found, looking=known.lookalikes is not None)
    result(document, text, as_json=as_json)


def claim(
    address: Annotated[str, typer.Argument(help="Of the customer, as they have confirmed it.")],
    what: Annotated[
        What, typer.Option(help="What was not them: reset, sign_in, change or mail.")
    ] = What.RESET,
    application: Annotated[
        str, typer.Option(help="Whose user they are; else an account kept here.")
    ] = "",
    as_json: Json = False,
    home: Home = DEFAULT_HOME,
) -> None:
    """Put on record that a customer says: that was not me. It is heard, and moves nothing."""
    keys = KeyRing(home)

    async def work(database: Database, tx: Tx) -> None:
        of = (await applications.named(tx, application)).id if application else ""
        await claiming.claim(*(database, tx, keys, address, what), by=operator(), application=of)

    write(home, work)
    text = "It is on record, if an account has that address."
    result({"what": what.value}, text, as_json=as_json)


def _told(
    file: Path,
    resolver: str | None,
    home: Path,
    take: Callable[["ReportIntake", bytes], Awaitable[T]],
) -> T:
    """Have a file taken in as if it had come by mail. Raises ``BadSettings``: it is too large."""
    from mailkeep.app.wiring_reports import ReportIntake

    known = settings(home)
    if file.stat().st_size > packed.MAX_PACKED:
        raise BadSettings("the file is too large for a report")
    raw = file.read_bytes()

    async def work() -> T:
        database = Database(known.database_url(home), SystemClock())
        try:
            await upgrade(database)
            intake = ReportIntake(known, database, resolver, keys=KeyRing(home))
            return await take(intake, raw)
        finally:
            await database.close()

    return asyncio.run(work())


def _row(one: Taken) -> tuple[str, ...]:
    word = "believed" if one.believed else "anyone's word"
    begin = datetime.fromtimestamp(one.begin, UTC).date().isoformat()
    counts = f"{one.failed} of {one.total} failed" if one.kind in {"dmarc", "tls"} else ""
    if one.kind == "abuse":
        counts = "a mail that we did not sign" if one.failed else "a mail that we signed"
    return begin, one.kind, one.reporter or "somebody", one.domain, counts, word
