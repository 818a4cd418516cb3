"""``mailkeep messages``: which there are, what became of one; send again what was given up.

Security: says neither bodies nor addresses. An operator may ask by an address that they know; it is
turned into its pseudonym and appears nowhere.
"""

import re
from typing import Annotated

import typer

from mailkeep.base import addresses
from mailkeep.base.clock import DAY, HOUR, MINUTE, SECOND, SystemClock, iso
from mailkeep.base.errors import Invalid
from mailkeep.base.keys import KeyRing
from mailkeep.mail import listing, queries, services
from mailkeep.mail.listing import Happened, Listed, Wanted
from mailkeep.mail.queries import MessageView
from mailkeep.mail.types import Status
from mailkeep.store.database import Database, Tx
from mailkeep.trust.register import nearest

from .house import DEFAULT_HOME, Home, operator, read, settings, write
from .output import FOUND, Json, group, plain, result, table, when

app = group("Messages: which there are, and what became of one.")

_UNITS = {"s": SECOND, "m": MINUTE, "h": HOUR, "d": DAY}
_AGE = re.compile(r"(\d{1,6})([smhd])")
_PSEUDONYM = re.compile(r"address_[0-9a-f]{30}")


@app.command("list")
def list_some(
    stream: Annotated[str | None, typer.Option(help="Only of this stream.")] = None,
    status: Annotated[str | None, typer.Option(help="Only with this status.")] = None,
    since: Annotated[
        str | None, typer.Option(help="Only those taken in within so long: 90s, 15m, 2h, 7d.")
    ] = None,
    to: Annotated[
        str | None, typer.Option(help="Only to this recipient: an address, or its pseudonym.")
    ] = None,
    before: Annotated[
        str | None, typer.Option(help="Older than this message: the last of the page before.")
    ] = None,
    limit: Annotated[int, typer.Option(min=1, max=10_000, help="At most so many.")] = 50,
    as_json: Json = False,
    home: Home = DEFAULT_HOME,
) -> None:
    """List messages, the newest first."""
    known = [one.value for one in Status]
    if status is not None and status not in known:
        raise Invalid(f"no status {status!r}{nearest(status, known)}", field="--status")
    address = None
    if to is not None:
        address = to if _PSEUDONYM.fullmatch(to) else _pseudonym(KeyRing(home), to)
    start = None if since is None else SystemClock().now() - _age(since)
    wanted = Wanted(stream, status, address, start, before)
    found = read(home, lambda tx: listing.messages(tx, wanted, limit))
    text = table(map(_row, found), "No such message.")
    result({"messages": [_listed(one) for one in found]}, text, as_json=as_json)


@app.command()
def show(
    message: Annotated[str, typer.Argument(help="Its id, as it was given when it was taken in.")],
    as_json: Json = False,
    home: Home = DEFAULT_HOME,
) -> None:
    """Say what became of a message: its attempts and what was reported, in order."""

    async def work(tx: Tx) -> tuple[MessageView, list[Happened]]:
        return await queries.message(tx, message), await listing.history(tx, message)

    found, history = read(home, work)
    document = {
        "id": found.id,
        "stream": found.stream,
        "status": found.status,
        "recipient": found.address,
        "created_at": when(found.created_at),
        "expires_at": when(found.expires_at),
        "attempts": [
            {
                "id": one.id,
                "provider": one.provider,
                "started_at": when(one.started_at),
                "outcome": one.outcome,
                "detail": one.detail,
            }
            for one in found.attempts
        ],
        "events": [
            {
                "at": when(one.at),
                "what": one.what,
                "provider": one.provider,
                "detail": one.detail,
                "said_at": when(one.said_at),
            }
            for one in history
        ],
    }
    result(document, _told(found, history), as_json=as_json)


@app.command()
def requeue(
    messages: Annotated[list[str], typer.Argument(help="Ids of messages that were given up.")],
    as_json: Json = False,
    home: Home = DEFAULT_HOME,
) -> None:
    """Have messages sent after all that were given up; ends with 1 where one cannot be.

    It can be while its body is still there (keep_given_up); that of a secret never is.
    """
    streams = settings(home).streams()

    async def work(database: Database, tx: Tx) -> dict[str, bool]:
        return {
            one: await services.requeue(database, tx, one, streams, by=operator())
            for one in dict.fromkeys(messages)
        }

    done = write(home, work)
    lines = [
        f"{one}: sent again"
        if again
        else f"{one}: not sent again; it was not given up, or its body is gone"
        for one, again in done.items()
    ]
    result({"requeued": done}, "\n".join(map(plain, lines)), as_json=as_json)
    if not all(done.values()):
        raise typer.Exit(FOUND)


def _listed(one: Listed) -> dict[str, object]:
    return {
        "id": one.id,
        "stream": one.stream,
        "status": one.status,
        "recipient": one.address,
        "created_at": when(one.created_at),
        "provider": one.provider,
        "tries": one.tries,
    }


def _row(one: Listed) -> tuple[str, ...]:
    tries = f"{one.tries} {'try' if one.tries == 1 else 'tries'}"
    return (
        one.id,
        iso(one.created_at),
        one.status,
        one.stream,
        one.provider or "-",
        tries,
        one.address,
    )


def _told(found: MessageView, history: list[Happened]) -> str:
    lines = [
        f"{found.id}: {found.status}",
        f"  stream {found.stream}, to {found.address}",
        f"  taken in {iso(found.created_at)}, expires {iso(found.expires_at)}",
        "",
        "Attempts",
    ]
    for number, one in enumerate(found.attempts, start=1):
        detail = f": {one.detail}" if one.detail else ""
        outcome = one.outcome or "under way, or cut short"
        lines.append(f"  {number}. {iso(one.started_at)} {one.provider}: {outcome}{detail}")
    if not found.attempts:
        lines.append("  none yet")
    lines += ["", "Events"]
    for event in history:
        over = f" by {event.provider}" if event.provider else ""
        detail = f": {event.detail}" if event.detail else ""
        lines.append(f"  {iso(event.at)} {event.what}{over}{detail}")
    return "\n".join(map(plain, lines))


def _pseudonym(keys: KeyRing, to: str) -> str:
    return keys.pseudonym("address", addresses.key(addresses.parse(to, field="--to")))


def _age(text: str) -> int:
    found = _AGE.fullmatch(text)
    if found is None:
        raise Invalid("say a number and s, m, h or d, as in 15m", field="--since")
    return int(found[1]) * _UNITS[found[2]]
