"""``mailkeep cutover``: move mail from one provider to another. Every act goes into the audit log.

Security: a move is planned here and nowhere else, by somebody at the server's own shell, and only
here can a failed check be overridden.
"""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Annotated

import msgspec
import typer

from mailkeep.app import wiring_cutover
from mailkeep.app.doctor.resolver import resolver
from mailkeep.base.clock import MINUTE, Instant, SystemClock, iso, readable, when
from mailkeep.base.errors import BadSettings, NotFound
from mailkeep.base.wording import counted
from mailkeep.cutover import ahead, queries
from mailkeep.cutover.ahead import Ahead
from mailkeep.cutover.services import Cutover
from mailkeep.cutover.types import Gate, Pace, State, View
from mailkeep.mail import shifting
from mailkeep.mail.types import Shift
from mailkeep.response.keeping import take_turn
from mailkeep.store.database import Database, Tx

from .house import (
    DEFAULT_HOME,
    Home,
    Reason,
    in_development,
    operator,
    provider,
    read,
    settings,
    write,
)
from .output import FOUND, Json, Progress, group, plain, result, table

app = group("Move mail from one provider to another, step by step or at once.")

From = Annotated[str, typer.Argument(metavar="FROM", help="The provider that is left.")]
To = Annotated[str, typer.Argument(metavar="TO", help="The provider that takes over.")]
_USUAL = Pace()
_Shown = tuple[View, Ahead | None, Instant]  #: a move, what lies ahead of it, and now

#: What a person does next, by where a move stands.
_NEXT = {
    State.PLANNED: "Nothing has moved: `mailkeep cutover start` begins it.",
    State.MOVING: "It goes on by itself while Mailkeep runs; `mailkeep cutover pause` holds it up.",
    State.PAUSED: "`mailkeep cutover resume` goes on, `mailkeep cutover back` takes it back.",
    State.MOVED: "`mailkeep cutover finish` says that it is well, `mailkeep cutover back` takes it"
    " back.",
}


@app.command()
def plan(
    source: From,
    target: To,
    domain: Annotated[
        list[str] | None, typer.Option(help="A domain that you send as; may be repeated.")
    ] = None,
    steps: Annotated[
        str, typer.Option(help="Percent of a stream that TO carries, step by step.")
    ] = "1,5,20,50,90,100",
    dwell: Annotated[
        float, typer.Option(min=0, help="Seconds that a step lasts at least.")
    ] = _USUAL.dwell,
    least: Annotated[
        int, typer.Option(min=0, help="Mails over TO whose fate is known, before a step is over.")
    ] = _USUAL.least,
    patience: Annotated[
        float, typer.Option(min=0, help="Seconds after which a step with fewer is over as well.")
    ] = _USUAL.patience,
    ask: Annotated[
        str | None, typer.Option("--resolver", help="Ask the DNS server at ADDRESS:PORT.")
    ] = None,
    offline: Annotated[bool, typer.Option("--offline", help="Ask nobody outside.")] = False,
    as_json: Json = False,
    home: Home = DEFAULT_HOME,
) -> None:
    """Look at all that speaks against a move, and write down how it would go. Nothing moves."""
    for one in (source, target):
        provider(home, one)
    known = settings(home)
    try:
        shares = tuple(float(one) / 100 for one in steps.split(","))
    except ValueError as error:
        raise BadSettings("--steps: say percents, as 1,5,20,50,90,100") from error
    pace = Pace(shares=shares, dwell=dwell, least=least, patience=max(patience, dwell))
    Progress("looking", quiet=as_json)
    gates = asyncio.run(
        wiring_cutover.look(
            home,
            known,
            target,
            domains=tuple(domain or ()),
            resolver=None if offline else resolver(ask),
            offline="you said --offline" if offline else "",
            development=in_development(home),
        )
    )
    peak = read(home, lambda tx: wiring_cutover.busiest(tx, known, source))
    if not offline and not in_development(home):
        gates.append(asyncio.run(wiring_cutover.limit(known, target, peak)))

    async def work(database: Database, tx: Tx) -> tuple[View, int, View | None]:
        every = [*gates, await wiring_cutover.warmth(tx, source, target)]
        cutover = Cutover(database, wiring_cutover.house(known, database.clock))
        made = await cutover.plan(tx, source, target, every, pace, by=operator())
        return made, await shifting.carried_over(tx, source), await queries.live(tx)

    view, kept_from, other = write(home, work)
    held_back = counted(kept_from, "address", "addresses")
    long = _long(dwell * (len(shares) - 1) * len(view.streams))
    paced = f"{', '.join(f'{one:.0%}' for one in pace.shares)}, each {dwell:.0f} s at least"
    lines = [_gate(one) for one in view.gates]
    lines += [
        "",
        f"{view.id}: {len(view.streams)} streams, in this order: "
        + ", ".join(one.stream for one in view.streams),
        f"Steps: {paced}: {long} in all at the soonest.",
        f"Bulk mail is kept from {held_back} that bounced, or complained, there.",
        "Begin with `mailkeep cutover start`."
        if not view.failed
        else f"{counted(len(view.failed), 'check')} failed: it does not start.",
    ]
    if other is not None:
        lines.append(
            f"The move from {plain(other.source)} to {plain(other.target)} is under way:"
            " it is finished or taken back first."
        )
    result({**document(view), "kept_from": kept_from}, "\n".join(lines), as_json=as_json)
    if view.failed:
        raise typer.Exit(FOUND)


@app.command()
def start(
    anyway: Annotated[bool, typer.Option("--anyway", help="Though a check failed.")] = False,
    as_json: Json = False,
    home: Home = DEFAULT_HOME,
) -> None:
    """Begin the move that was planned last."""
    _act(
        home,
        lambda rooms, tx, view: rooms.start(tx, view.id, by=operator(), anyway=anyway),
        newest=True,
        as_json=as_json,
    )


@app.command()
def status(as_json: Json = False, home: Home = DEFAULT_HOME) -> None:
    """Say how far the move is, what it waits for, and where the settings say otherwise."""

    async def work(
        tx: Tx,
    ) -> tuple[_Shown | None, dict[str, list[Shift]], list[shifting.Former]]:
        found = await queries.live(tx) or await queries.newest(tx)
        shown = None if found is None else await _shown(tx, found)
        return shown, await shifting.shifts(tx), await shifting.former(tx)

    shown, shifts, former = read(home, work)
    view = None if shown is None else shown[0]
    known, moved, stands = settings(home).streams(), [], []
    for name, some in shifts.items():
        moved += [{"stream": name, **msgspec.structs.asdict(one)} for one in some]
        weights = {r.provider: r.weight for r in known[name].routes} if name in known else {}
        if any(weights.get(one.source) for one in some):
            stands.append(name)
    text = "No move was ever planned." if shown is None else "\n".join(told(*shown))
    if stands and (view is None or view.state in {State.MOVED, State.FINISHED}):
        text += (
            f"\nThe settings still give the old provider weight in {', '.join(stands)}: "
            "write them as mail goes now."
        )
    for one in former:
        text += (
            f"\n{plain(one.stream)} is kept from who bounced, or complained, at "
            f"{plain(one.source)} until {readable(one.until)}."
        )
    kept = [{"stream": one.stream, "from": one.source, "until": iso(one.until)} for one in former]
    said = {
        "cutover": None if shown is None else document(*shown[:2]),
        "shifts": moved,
        "kept": kept,
    }
    result(said, text, as_json=as_json)


@app.command("list")
def list_all(as_json: Json = False, home: Home = DEFAULT_HOME) -> None:
    """List the moves, the newest first."""
    found = read(home, queries.listing)
    rows = [
        (
            one.id,
            f"{one.source} to {one.target}",
            one.state.value,
            readable(one.created_at),
            one.why,
        )
        for one in found
    ]
    text = table(rows, "No move was ever planned.")
    result({"cutovers": [document(one) for one in found]}, text, as_json=as_json)


@app.command()
def pause(as_json: Json = False, home: Home = DEFAULT_HOME) -> None:
    """Leave the move as it is."""
    _act(home, lambda rooms, tx, view: rooms.pause(tx, view.id, by=operator()), as_json=as_json)


@app.command()
def resume(as_json: Json = False, home: Home = DEFAULT_HOME) -> None:
    """Go on with a move that is paused."""
    _act(home, lambda rooms, tx, view: rooms.resume(tx, view.id, by=operator()), as_json=as_json)


@app.command()
def back(reason: Reason, as_json: Json = False, home: Home = DEFAULT_HOME) -> None:
    """Take the move back: the old provider carries again what the settings say, at once."""
    _act(
        home,
        lambda rooms, tx, view: rooms.back(tx, view.id, by=operator(), reason=reason),
        as_json=as_json,
    )


@app.command()
def finish(as_json: Json = False, home: Home = DEFAULT_HOME) -> None:
    """Say that the move is well. Then write the settings as mail goes now."""
    _act(home, lambda rooms, tx, view: rooms.finish(tx, view.id, by=operator()), as_json=as_json)


@app.command()
def now(
    source: From,
    target: To,
    reason: Reason,
    minutes: Annotated[
        float, typer.Option(min=0, help="Send again what FROM took in the last minutes, unseen.")
    ] = 60.0,
    as_json: Json = False,
    home: Home = DEFAULT_HOME,
) -> None:
    """Move everything at once, recovery first: for when FROM fails, or has been cut off."""
    for one in (source, target):
        provider(home, one)

    async def work(database: Database, tx: Tx) -> msgspec.Struct:
        await take_turn(tx)  # nobody else counts which routes stand meanwhile
        rooms = Cutover(database, wiring_cutover.house(settings(home), database.clock))
        since = tx.now - round(minutes * MINUTE)
        return await rooms.now(tx, source, target, by=operator(), reason=reason, since=since)

    done = write(home, work)
    said = msgspec.structs.asdict(done)
    retries = counted(said["retries"], "retry", "retries")
    again = counted(said["again"], "mail is", "mails are")
    lines = [
        f"{target} carries {', '.join(said['streams'])} now; {source} rests.",
        f"{retries} moved; {again} sent again.",
    ]
    lines += [f"warning: {one}" for one in said["warnings"]]
    lines.append(_NEXT[State.MOVED])
    result(said, "\n".join(map(plain, lines)), as_json=as_json)


def document(view: View, comes: Ahead | None = None) -> dict[str, object]:
    """A move as JSON has it.

    Args:
        comes: what lies ahead of it.
    """
    return {
        "id": view.id,
        "from": view.source,
        "to": view.target,
        "state": view.state.value,
        "at_once": view.at_once,
        "created_at": iso(view.created_at),
        "started_at": when(view.started_at),
        "ended_at": when(view.ended_at),
        "why": view.why,
        "next_step_at": None if comes is None else iso(comes.step_at),
        "all_moved_at": None if comes is None else iso(comes.done_at),
        "known": None if comes is None else comes.known,
        "gates": view.gates,
        "streams": [
            {
                "stream": one.stream,
                "share": view.share(one),
                "since": when(view.moved_at(one)),
                "backs": one.backs,
                "why": one.why,
            }
            for one in view.streams
        ],
    }


def told(view: View, comes: Ahead | None, now: Instant) -> list[str]:
    """A move in words, and what comes next."""
    lines = [f"{view.source} to {view.target}: {view.state.value}" + (view.why and f"; {view.why}")]
    rows = [("stream", view.target, "since", "taken back")]
    rows += [
        (
            one.stream,
            f"{view.share(one):.0%}",
            "-" if (at := view.moved_at(one)) is None else readable(at),
            f"{one.backs}: {one.why}" if one.backs else "-",
        )
        for one in view.streams
    ]
    ends = [] if comes is None else ahead.told(view, comes, now, readable)
    ends += [_next(view)] if view.state in _NEXT else []
    return [*map(plain, lines), table(rows, ""), *map(plain, ends)]


def _next(view: View) -> str:
    if view.state is State.PLANNED and view.failed:
        return (
            "Nothing has moved, and it does not start while a check fails: mend that, and plan anew"
            f" with `mailkeep cutover plan {view.source} {view.target}`. `mailkeep cutover start"
            " --anyway` goes past it."
        )
    return _NEXT[view.state]


async def _shown(tx: Tx, view: View) -> _Shown:
    return view, await queries.what_comes(tx, view), tx.now


def _long(seconds: float) -> str:
    hours, minutes = divmod(round(seconds / 60), 60)
    return f"{hours} h {minutes} min" if hours else f"{minutes} min"


def _gate(one: Gate) -> str:
    word = {"ok": "ok", "warning": "WARNING", "failed": "FAILED"}.get(one.state, one.state)
    step = f"\n    next: {plain(one.next)}" if one.next else ""
    return f"[{word}] {one.id}: {plain(one.meaning)}{step}"


def _act(
    home: Path,
    act: Callable[[Cutover, Tx, View], Awaitable[View]],
    *,
    as_json: bool,
    newest: bool = False,
) -> None:
    """Do something to the move that is under way, or to the one that was planned last.

    Args:
        newest: to that one, though another is under way.
    """
    known = settings(home)

    async def work(database: Database, tx: Tx) -> _Shown:
        view = None if newest else await queries.live(tx)
        view = view or await queries.newest(tx)
        if view is None:
            raise NotFound("no move was ever planned; begin with `mailkeep cutover plan`")
        rooms = Cutover(database, wiring_cutover.house(known, SystemClock()))
        return await _shown(tx, await act(rooms, tx, view))

    shown = write(home, work)
    result(document(*shown[:2]), "\n".join(told(*shown)), as_json=as_json)
