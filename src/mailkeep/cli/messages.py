"""``mailkeep messages``: list messages, show the history of one, send again what was given up.

Security: prints neither bodies nor addresses. An operator may ask by an address that they know; it
is turned into its pseudonym and appears nowhere.
"""

import re
from typing import Annotated

import msgspec
import typer

from mailkeep.base import addresses
from mailkeep.base.clock import DAY, HOUR, MINUTE, SECOND, SystemClock, readable_of
from mailkeep.base.errors import Invalid
from mailkeep.base.ids import is_id
from mailkeep.base.keys import KeyRing
from mailkeep.base.wording import nearest
from mailkeep.events import audit
from mailkeep.mail import lives, queries, services, told
from mailkeep.mail.lives import Life, Wanted
from mailkeep.mail.taking_back import TakenBack, take_back
from mailkeep.mail.told import Listed, MessageOut
from mailkeep.mail.types import Status
from mailkeep.store.database import Database, Tx

from .house import DEFAULT_HOME, Home, operator, read, settings, write
from .output import FOUND, Json, group, plain, result, table

app = group("Messages: which there are, and what became of one.")

_UNITS = {"s": SECOND, "m": MINUTE, "h": HOUR, "d": DAY}
_AGE = re.compile(r"(\d{1,6})([smhd])")
_PSEUDONYM = re.compile(r"address_[0-9a-f]{30}")


@app.command("list")
def list_some(
    stream: Annotated[str | None, typer.Option(help="Only of this stream.")] = None,
    status: Annotated[str | None, typer.Option(help="Only with this status.")] = None,
    tag: Annotated[str | None, typer.Option(help="Only with this tag.")] = None,
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
    wanted = Wanted(
        address,
        None if stream is None else frozenset({stream}),
        None if status is None else Status(status),
        after=start,
        cursor=None if before is None else _after(before),
        tag=tag,
    )
    found = [told.listed(one) for one in read(home, lambda tx: _pages(tx, wanted, limit))]
    none, streams = "No such message.", settings(home).streams()
    if stream is not None and stream not in streams:  # of one that was left out it is no mistake
        none = f"No such message; the settings have no stream {stream!r}{nearest(stream, streams)}"
    text = table(map(_row, found), none)
    result({"messages": found}, text, as_json=as_json)


@app.command()
def show(
    message: Annotated[str, typer.Argument(help="Its id, as it was given when it was taken in.")],
    as_json: Json = False,
    home: Home = DEFAULT_HOME,
) -> None:
    """Say what became of a message: its attempts and what was reported, in order.

    What the breakers of a running Mailkeep keep out just now is not known here: `GET
    /v1/messages/{id}` knows it.
    """
    streams = settings(home).streams()

    async def work(tx: Tx) -> MessageOut:
        found = await lives.one(tx, message)
        stream = streams.get(found.stream)
        routes = set() if stream is None else {one.provider for one in stream.routes}
        waits_for = lives.waits_for(found, routes - (await queries.cut(tx)).keys(), tx.now)
        attempts = await lives.attempts(tx, message)
        events, copies = await lives.events(tx, message), await lives.copies(tx, message)
        return told.life(found, attempts, events, waits_for, copies)

    life = read(home, work)
    result(life, "\n".join(map(plain, lines(life))), as_json=as_json)


@app.command()
def requeue(
    messages: Annotated[
        list[str] | None, typer.Argument(help="Ids of messages that were given up.")
    ] = None,
    since: Annotated[
        str | None,
        typer.Option(help="All that were taken in within so long and given up: 90s, 15m, 2h, 7d."),
    ] = None,
    stream: Annotated[str | None, typer.Option(help="With --since: only of this stream.")] = None,
    as_json: Json = False,
    home: Home = DEFAULT_HOME,
) -> None:
    """Have messages sent after all that were given up; ends with 1 where one cannot be.

    It can be while its body is still there (keep_given_up); that of a secret never is.
    """
    streams = settings(home).streams()
    if (since is None) == (not messages):
        raise Invalid("name messages, or say --since", field="MESSAGES")
    if stream is not None and stream not in streams:
        raise Invalid(f"no stream {stream!r}{nearest(stream, streams)}", field="--stream")
    start = None if since is None else SystemClock().now() - _age(since)

    async def work(database: Database, tx: Tx) -> dict[str, bool]:
        which = messages or []
        if start is not None:
            which = await services.given_up(tx, start, stream)
        return {
            one: await services.requeue(database, tx, one, streams, by=operator())
            for one in dict.fromkeys(which)
        }

    done = write(home, work)
    said = [
        f"{one}: sent again"
        if again
        else f"{one}: not sent again; it was not given up, or its body is gone"
        for one, again in done.items()
    ]
    text = "\n".join(map(plain, said)) or "Nothing was given up, or its body is gone."
    result({"requeued": done}, text, as_json=as_json)
    if not all(done.values()):
        raise typer.Exit(FOUND)


@app.command()
def cancel(
    messages: Annotated[list[str], typer.Argument(help="Ids of messages that wait to be sent.")],
    as_json: Json = False,
    home: Home = DEFAULT_HOME,
) -> None:
    """Take messages back that wait, for their time or for a route, with their blind copies; ends
    with 1 where something has left.

    A message that was taken back cannot be requeued: its body is gone.
    """

    async def work(database: Database, tx: Tx) -> list[TakenBack]:
        for one in dict.fromkeys(messages):
            await lives.one(tx, one)  # a mistyped one stops nothing of the others
        done = [await take_back(database, tx, one) for one in dict.fromkeys(messages)]
        for found in done:
            if found.back or found.unsure:
                await audit.write(tx, operator(), "cancel_message", {"message": found.message})
        return done

    done = write(home, work)
    document = {
        "cancelled": {one.message: one.back for one in done},
        "stopped": [copy for one in done for copy in one.stopped],
        "left": [copy for one in done for copy in one.left],
        "waiting": [copy for one in done for copy in one.waiting],
    }
    said = [plain(f"{one.message}: {one}") for one in done]
    result(document, "\n".join(said), as_json=as_json)
    if not all(one.back and not one.left for one in done):
        raise typer.Exit(FOUND)


def lines(life: MessageOut) -> list[str]:
    """A message's life for the eye: attempts and reports stand together, in order (pure)."""
    out = [
        f"{life.id}: {life.status}",
        f"  stream {life.stream}, to {life.recipient}",
        f"  taken in {readable_of(life.created_at)}, expires {readable_of(life.expires_at)}",
    ]
    if life.waits_for is not None:
        again = "" if life.next_at is None else f"; looked at again {readable_of(life.next_at)}"
        out.append(f"  waits: {life.waits_for}{again}")
    if life.copy_of is not None:
        out.append(f"  a copy of {life.copy_of}, sent by itself")
    out += [f"  a copy goes as {one.id}: {one.status}" for one in life.copies]
    happened = []
    for number, tried in enumerate(life.attempts, start=1):
        detail = f": {tried.detail}" if tried.detail else ""
        outcome = tried.outcome or "under way, or cut short"
        at = readable_of(tried.started_at)
        words = f"{at}  {number}. attempt, {tried.provider}: {outcome}{detail}"
        happened.append((tried.started_at, words))
    for event in life.events:
        theirs = event.at_provider
        clock = "" if theirs is None else f" (by its clock {readable_of(theirs)})"
        clock += f"; so late, it counts {event.weight:.0%}" if event.weight < 1 else ""
        at = readable_of(event.received_at)
        words = f"{at}  {event.provider} says: {event.event}{clock}"
        happened.append((event.received_at, words))
    happened.sort(key=lambda one: one[0])
    return [*out, "", *(f"  {words}" for _, words in happened or [("", "nobody has tried yet")])]


async def _pages(tx: Tx, wanted: Wanted, limit: int) -> list[Life]:
    """Page after page, until there are enough."""
    out: list[Life] = []
    while True:
        asked = msgspec.structs.replace(wanted, limit=limit - len(out))
        page, cursor = await lives.messages(tx, asked)
        out += page
        if cursor is None or len(out) >= limit:
            return out
        wanted = msgspec.structs.replace(wanted, cursor=cursor)


def _row(one: Listed) -> tuple[str, ...]:
    tries = f"{one.tries} {'try' if one.tries == 1 else 'tries'}"
    return (
        one.id,
        readable_of(one.created_at),
        one.status,
        one.stream,
        one.provider or "-",
        tries,
        one.recipient or "-",
    )


def _after(message: str) -> str:
    if not is_id("msg", message):
        raise Invalid("this is not the id of a message", field="--before")
    return lives.to_cursor(message)


def _pseudonym(keys: KeyRing, to: str) -> str:
    return keys.pseudonym("address", addresses.key(addresses.parse(to, field="--to")))


def _age(text: str) -> int:
    found = _AGE.fullmatch(text)
    if found is None:
        raise Invalid("say a number and s, m, h or d, as in 15m", field="--since")
    return int(found[1]) * _UNITS[found[2]]
