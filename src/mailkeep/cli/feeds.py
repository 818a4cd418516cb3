"""``mailkeep watch follow`` and ``feeds``: a live stream of signals and incidents."""

import asyncio
import sys
from typing import Annotated

import typer

from mailkeep.base.clock import SystemClock, readable, readable_of, when
from mailkeep.events.log import after, head
from mailkeep.feed import lines, queries
from mailkeep.feed.services import FACTS, said
from mailkeep.feed.types import FeedState
from mailkeep.store.database import Database
from mailkeep.watch.queries import place_at

from .house import DEFAULT_HOME, Home, read, read_long, settings
from .output import Json, plain, result, table
from .watch import span

AT_ONCE = 200
LOOK_SECONDS = 0.5


def follow(
    since: Annotated[
        str, typer.Option(help="Begin with what is younger than so long, as 1h.")
    ] = "",
    once: Annotated[
        bool, typer.Option("--once", help="End with what there is; do not wait for more.")
    ] = False,
    as_json: Json = False,
    home: Home = DEFAULT_HOME,
) -> None:
    """Print signals and incidents as they happen, until stopped; with --json as a feed has them."""
    start = SystemClock().now() - span(since) if since else None
    kinds = frozenset().union(*FACTS.values())

    async def work(database: Database) -> None:
        async with database.read() as tx:
            place = await head(tx) if start is None else await place_at(tx, start)
        while True:
            async with database.read() as tx:
                found = await after(tx, place, AT_ONCE, kinds)
                told = [await said(tx, one) for _, one in found]
            for line in told:
                if line is not None:
                    text = line.data.decode() if as_json else _words(line.data)
                    sys.stdout.write(text + "\n")
            sys.stdout.flush()
            place = found[-1][0] if found else place
            if len(found) < AT_ONCE:
                if once:
                    return
                await asyncio.sleep(LOOK_SECONDS)

    read_long(home, work)


def feeds(as_json: Json = False, home: Home = DEFAULT_HOME) -> None:
    """List the feeds: what each was told, and what it still has to be told."""
    configured = settings(home).feed
    states = read(home, queries.states)
    none = FeedState("", 0, 0, 0, None, None, None)
    found = [(one, states.get(one.name, none)) for one in configured]
    rows = [
        (
            one.name,
            one.to,
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
            "what": [what.value for what in one.what],
            **fares(state),
        }
        for one, state in found
    ]
    result({"feeds": document}, table(rows, "No [[feed]] is in the settings."), as_json=as_json)


def trouble(state: FeedState) -> str:
    """What is in the way of a feed, or of an event webhook: for people."""
    if state.error and state.failing_since is not None:
        return f"failing since {readable(state.failing_since)}: {state.error}"
    waits = state.waiting_since
    return "" if waits is None else f"waiting since {readable(waits)}"


def fares(state: FeedState) -> dict[str, object]:
    """How a feed, or an event webhook, fares: for programs."""
    return {
        "behind": state.behind,
        "told": state.told,
        "refused": state.refused,
        "told_at": when(state.told_at),
        "failing_since": when(state.failing_since),
        "error": state.error,
    }


def _words(line: bytes) -> str:
    found = lines.decode(line)
    stamp = readable_of(found.timestamp)
    subject = f"{found.data.subject.kind} {found.data.subject.id}"
    if isinstance(found, lines.SignalLine):
        return plain(f"{stamp}  signal  {found.data.detector}  {subject}: {found.data.reason}")
    text = f"{stamp}  incident  {found.data.change}  {subject}: {found.data.headline}"
    return plain(f"{text} ({found.data.id})")
