"""``mailkeep events``: what applications are told of messages, and how far they have been."""

import asyncio
import os
import sys
from typing import Annotated

import msgspec
import typer

from mailkeep.app.settings import Settings
from mailkeep.app.wiring_feeds import signing_secrets
from mailkeep.base.clock import SystemClock, when
from mailkeep.base.errors import BadSettings, Unavailable
from mailkeep.base.wording import nearest
from mailkeep.events.log import head
from mailkeep.feed import happened, placing, queries
from mailkeep.feed.delivery import EventOut
from mailkeep.feed.outlets import event_webhook
from mailkeep.feed.types import USUAL, EventKind, EventWebhookSettings, FeedState
from mailkeep.store.database import Database, Tx

from .feeds import fares, trouble
from .house import DEFAULT_HOME, Home, operator, read, read_long, settings, write
from .output import Json, group, plain, result, table
from .watch import span

AT_ONCE = 200
LOOK_SECONDS = 0.5

app = group("Delivery events: what applications are told of messages, and how far.")

Name = Annotated[str, typer.Argument(help="The name of its [[event_webhook]].")]


@app.command("list")
def show(as_json: Json = False, home: Home = DEFAULT_HOME) -> None:
    """List the event webhooks: what each was told, what waits, and what is in its way."""
    configured = settings(home).event_webhook
    states = read(home, queries.states)
    none = FeedState("", 0, 0, 0, None, None, None)
    found = [(one, states.get(one.name, none)) for one in configured]
    rows = [
        (
            one.name,
            one.to,
            ", ".join(one.streams),
            f"{state.told} told",
            f"{state.refused} refused",
            trouble(state),
        )
        for one, state in found
    ]
    document = [
        {
            "name": one.name,
            "to": one.to,
            "streams": one.streams,
            "what": [what.value for what in one.what],
            "waiting_since": when(state.waiting_since),
            "missed_since": when(state.missed_since),
            **fares(state),
        }
        for one, state in found
    ]
    none_so_far = "No [[event_webhook]] is in the settings."
    result({"event_webhooks": document}, table(rows, none_so_far), as_json=as_json)


@app.command("test")
def try_it(name: Name, as_json: Json = False, home: Home = DEFAULT_HOME) -> None:
    """Post a signed request without events; ends with 1 where it is not taken."""
    known = _named(settings(home), name)
    why = asyncio.run(_try(known))
    if why:
        raise Unavailable(f"{known.to} did not take it: {why}")
    result({"name": name, "taken": True}, f"{known.to} took it.", as_json=as_json)


@app.command()
def replay(
    name: Name,
    since: Annotated[str, typer.Option(help="What happened within so long is told again: 2h, 3d.")],
    as_json: Json = False,
    home: Home = DEFAULT_HOME,
) -> None:
    """Have a webhook told again what happened since, under the same ids; then it goes on."""
    _named(settings(home), name)
    start = SystemClock().now() - span(since)

    async def work(_database: Database, tx: Tx) -> int:
        return await placing.replay(tx, name, start, by=operator())

    places = write(home, work)
    words = f"{name} is told again what happened since {when(start)}: {places} facts to look at."
    result({"name": name, "since": when(start), "places": places}, words, as_json=as_json)


@app.command()
def skip(name: Name, as_json: Json = False, home: Home = DEFAULT_HOME) -> None:
    """Have a webhook told nothing of what has happened so far; `replay` takes it back."""
    _named(settings(home), name)

    async def work(_database: Database, tx: Tx) -> int:
        return await placing.skip(tx, name, by=operator())

    places = write(home, work)
    words = f"{name} goes on with what happens from now on; {places} facts were passed over."
    result({"name": name, "places": places}, words, as_json=as_json)


@app.command()
def follow(
    since: Annotated[
        str, typer.Option(help="Begin with what is younger than so long, as 1h.")
    ] = "",
    once: Annotated[
        bool, typer.Option("--once", help="End with what there is; do not wait for more.")
    ] = False,
    stream: Annotated[
        list[str] | None, typer.Option(help="Of this stream only; may be repeated.")
    ] = None,
    what: Annotated[
        list[EventKind] | None, typer.Option(help="This event only; may be repeated.")
    ] = None,
    as_json: Json = False,
    home: Home = DEFAULT_HOME,
) -> None:
    """Print delivery events as they happen, until stopped; with --json as `GET /v1/events`."""
    streams = None if not stream else frozenset(stream)
    wanted = happened.Wanted(streams, frozenset(what or USUAL))
    start = SystemClock().now() - span(since) if since else None

    async def work(database: Database) -> None:
        async with database.read() as tx:
            place = await head(tx) if start is None else await placing.behind(tx, start)
        while True:
            async with database.read() as tx:
                found = await happened.read(tx, place, wanted, AT_ONCE)
            for one in found.events:
                sys.stdout.write((_json(one.out) if as_json else _words(one.out)) + "\n")
            sys.stdout.flush()
            place = found.through
            if not found.more:
                if once:
                    return
                await asyncio.sleep(LOOK_SECONDS)

    read_long(home, work)


async def _try(known: EventWebhookSettings) -> str:
    outlet = event_webhook(known, signing_secrets(known, os.environ), SystemClock())
    try:
        return await outlet.try_it()
    finally:
        await outlet.close()


def _named(found: Settings, name: str) -> EventWebhookSettings:
    known = {one.name: one for one in found.event_webhook}
    if name not in known:
        raise BadSettings(f"no [[event_webhook]] {name!r}{nearest(name, set(known))}")
    return known[name]


def _json(one: EventOut) -> str:
    return msgspec.json.encode(one).decode()


def _words(one: EventOut) -> str:
    stamp = f"{one.timestamp[:10]} {one.timestamp[11:19]} UTC"
    whose = f" by {one.provider}" if one.provider else ""
    doubt = "" if one.believed else " (not believed)"
    why = f": {one.reason}" if one.reason else ""
    what = one.type.removeprefix("message.")
    return plain(f"{stamp}  {what}{whose}{why}{doubt}  {one.message}  {one.stream}")
