"""``mailkeep providers``: cut a provider off, rest it, restore it. Every act goes into the audit
log."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Annotated, TypeVar

import msgspec
import typer

from mailkeep.app import left_providers, wiring_observation, wiring_trust
from mailkeep.app.provider_limits import limits, recovery_peak
from mailkeep.app.settings import Settings, provider_configs
from mailkeep.base.clock import MINUTE, SystemClock, readable, when
from mailkeep.base.errors import BadSettings
from mailkeep.base.wording import counted
from mailkeep.mail import queries, services
from mailkeep.mail.queries import ProviderState
from mailkeep.response.keeping import take_turn
from mailkeep.store.database import Database, Tx
from mailkeep.watch.levels import Level

from .house import (
    CONFIRM,
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
from .output import Json, group, plain, result, table

T = TypeVar("T")

_AGAIN, _ALL_AGAIN = "message is sent again", "messages are sent again"

app = group("Providers: which there are; cut one off, let one rest, restore it.")

Name = Annotated[str, typer.Argument(metavar="PROVIDER", help="Its name in the settings.")]
Minutes = Annotated[
    float, typer.Option(min=0, help="Send again what it took in the last minutes, unconfirmed.")
]


@app.command("list")
def list_all(as_json: Json = False, home: Home = DEFAULT_HOME) -> None:
    """List the providers: kind, party, streams, and which are cut off or rest, since when, why."""

    async def work(tx: Tx) -> tuple[dict[str, ProviderState], dict[str, int]]:
        return await queries.states(tx), await queries.exposed_to_each(tx)

    known, (states, exposed) = settings(home), read(home, work)
    found, parties = describe(known, states), left_providers.parties(known)
    rows = [("provider", "kind", "party", "state", "streams")] if found else []
    for one in found:
        names = (str(one["name"]), str(one["kind"]), str(one["party"]))
        rows.append((*names, _state(states.get(names[0])), ", ".join(_streams(known, names[0]))))
    text = table(rows, "The settings have no provider.")
    gone = sorted((parties.keys() | exposed.keys()) - known.provider_names())
    left: list[dict[str, object]] = [
        {"name": one, "party": parties.get(one, ""), "exposed": exposed.get(one, 0)} for one in gone
    ]
    for one in left:
        party = one["party"] or "the settings do not say whose it was"
        text += "\n" + plain(
            f"{one['name']} ({party}) was left; it knows {one['exposed']} addresses."
        )
    result({"providers": found, "left": left}, text, as_json=as_json)


@app.command("limits")
def show_limits(as_json: Json = False, home: Home = DEFAULT_HOME) -> None:
    """Ask each provider what it lets us send, and how much of the recovery peak that is."""
    known = settings(home)
    if in_development(home):
        raise BadSettings("stand-ins tell no limits, and `mailkeep up --dev` alone has their keys")

    async def work(tx: Tx) -> tuple[int, frozenset[str]]:
        return await recovery_peak(tx, known.streams()), frozenset(await queries.cut(tx))

    busiest, cut_off = read(home, work)
    found = asyncio.run(limits(provider_configs(known), busiest, cut_off))
    rows: list[tuple[str, ...]] = [
        ("provider", "mails an hour", "of the recovery peak", "reputation", "backlog")
    ]
    out: list[dict[str, object]] = []
    for name, limit in found.items():
        told = limit.told
        if isinstance(told, str):
            rows.append((name, f"not known: {told}", "-", "-", "-"))
            out.append({"name": name, "not_known": told})
            continue
        part = "-" if limit.share is None else f"{limit.share:.0%}"
        numbers = ["-" if one is None else str(one) for one in (told.reputation, told.backlog)]
        hourly = "no limit told" if told.hourly is None else str(told.hourly)
        rows.append((name, hourly if told.sends else "delivers nothing", part, *numbers))
        out.append({"name": name, **msgspec.structs.asdict(told), "share": limit.share})
    text = table(rows, "The settings have no provider.")
    result({"recovery_peak": busiest, "providers": out}, text, as_json=as_json)


@app.command()
def cut(
    name: Name,
    reason: Reason,
    minutes: Minutes = 60.0,
    believe: Annotated[
        bool,
        typer.Option(
            "--believe-reports", help="Send nothing again that it said had arrived, or bounced."
        ),
    ] = False,
    as_json: Json = False,
    home: Home = DEFAULT_HOME,
) -> None:
    """Cut a provider off: no request to it starts any more. What is left with too little is said,
    and stops nobody here."""
    from mailkeep.incidents.suspects import ProviderParties
    from mailkeep.response import hands

    known = settings(home)
    parties = {one.name: one.party for one in known.provider}
    house = ProviderParties(parties, wiring_trust.graph(known, SystemClock()))

    async def work(database: Database, tx: Tx) -> tuple[int, hands.Would]:
        left = await hands.would_leave(tx, house, known.streams(), name)
        since = tx.now - round(minutes * MINUTE)
        by = operator()
        again = await services.cut_off(
            *(database, tx, name), by=by, reason=reason, since=since, distrust=not believe
        )
        await hands.cut_here(tx, known.response, name, by=by, why=reason)
        return again, left

    again, left = _act(home, name, work)
    lines = [f"{name} is cut off; {counted(again, _AGAIN, _ALL_AGAIN)} elsewhere."]
    lines += [f"! {one}" for one in left.warnings]
    if left.stops:
        lines.append(f"! at the console this takes two people: {', '.join(left.stops)}")
    if hands.is_for_two(known.response):
        lines.append(f"! {CONFIRM.format(name)}")
    document = {"provider": name, "cut": True, "sent_again": again, "warnings": left.warnings}
    text = "\n".join(map(plain, lines))
    result(document | {"stops": left.stops}, text, as_json=as_json)


@app.command()
def waiting(as_json: Json = False, home: Home = DEFAULT_HOME) -> None:
    """What one person did or asked for by hand, and a second one is to confirm."""
    from mailkeep.response import hands
    from mailkeep.response.types import HandCutState

    cuts = read(home, hands.current).values()
    found = [one for one in cuts if one.state is not HandCutState.CONFIRMED]
    rows = [("provider", "state", "cut", "by", "why", "wanted back by")] if found else []
    for one in found:
        why = plain(one.back_reason if one.back_by else one.reason)
        rows.append((one.provider, one.state, one.id, one.by, why, one.back_by or "-"))
    out = [
        {"provider": one.provider, "state": one.state, "cut": one.id, "by": one.by,
         "reason": one.reason, "back_by": one.back_by, "back_reason": one.back_reason}
        for one in found
    ]  # fmt: skip
    result({"waiting": out}, table(rows, "Nothing waits for a second person."), as_json=as_json)


CutId = Annotated[str, typer.Option(help="Which, as `mailkeep providers waiting` shows it.")]


@app.command()
def confirm(
    name: Name,
    cut: CutId,
    state: Annotated[str, typer.Option(help="What it showed: `asked`, `waiting` or `flagged`.")],
    as_json: Json = False,
    home: Home = DEFAULT_HOME,
) -> None:
    """Confirm, as a second person, a cut by hand, or do one that was asked for."""
    from mailkeep.response import hands
    from mailkeep.response.services import Response

    from .acting import run

    def confirmed(room: Response, by: str) -> Awaitable[None]:
        return room.means.database.retrying(
            lambda tx: hands.confirm(tx, room.means, name, by=by, cut=cut, state=state)
        )

    run(home, confirmed)
    text = f"It is confirmed: {name} is cut off."
    result({"provider": name, "confirmed": True}, text, as_json=as_json)


@app.command("return")
def give_back(
    name: Name,
    cut: CutId,
    asked_by: Annotated[str, typer.Option(help="Who wants it back, as it showed.")],
    as_json: Json = False,
    home: Home = DEFAULT_HOME,
) -> None:
    """Let a provider carry mail again, as a second person, that another one asked for."""
    from mailkeep.response import hands
    from mailkeep.response.services import Response

    from .acting import run

    def given(room: Response, by: str) -> Awaitable[None]:
        return room.means.database.retrying(
            lambda tx: hands.give_back(tx, room.means, name, by=by, cut=cut, asked_by=asked_by)
        )

    run(home, given)
    carries = read(home, lambda tx: queries.carries(tx, name))
    result({"provider": name, "cut": False}, f"{carries}.", as_json=as_json)


@app.command()
def restore(name: Name, reason: Reason, as_json: Json = False, home: Home = DEFAULT_HOME) -> None:
    """Let a provider that was cut off carry mail again."""

    async def work(database: Database, tx: Tx) -> tuple[bool, bool, str]:
        changed = await services.restore(database, tx, name, by=operator(), reason=reason)
        return changed, name in await queries.resting(tx), await queries.carries(tx, name)

    changed, rests, carries = _act(home, name, work)
    still = _still(name, carries, command="unrest" if rests else "")
    text = still if changed else f"{name} was not cut off."
    document = {"provider": name, "cut": False, "rests": rests, "changed": changed}
    result(document, text, as_json=as_json)


@app.command()
def rest(
    name: Name,
    reason: Reason,
    minutes: Minutes = 5.0,
    as_json: Json = False,
    home: Home = DEFAULT_HOME,
) -> None:
    """Leave a silent provider alone: canaries go through it, other mail only if nothing stands."""

    async def work(database: Database, tx: Tx) -> tuple[bool, int]:
        changed = name not in await queries.resting(tx)
        since = tx.now - round(minutes * MINUTE)
        again = await services.rest_provider(
            database, tx, name, by=operator(), reason=reason, since=since
        )
        return changed, again

    changed, again = _act(home, name, work)
    text = f"{name} rests; {counted(again, _AGAIN, _ALL_AGAIN)} elsewhere."
    text = text if changed else f"{name} rested already; nothing changes."
    document = {"provider": name, "rests": True, "sent_again": again, "changed": changed}
    result(document, text, as_json=as_json)


@app.command()
def unrest(name: Name, reason: Reason, as_json: Json = False, home: Home = DEFAULT_HOME) -> None:
    """Let a provider that rests carry ordinary mail again."""

    async def work(database: Database, tx: Tx) -> tuple[bool, bool, str]:
        changed = await services.unrest_provider(database, tx, name, by=operator(), reason=reason)
        return changed, name in await queries.cut(tx), await queries.carries(tx, name)

    changed, cut_off, carries = _act(home, name, work)
    still = _still(name, carries, command="restore" if cut_off else "")
    text = still if changed else f"{name} did not rest."
    document = {"provider": name, "cut": cut_off, "rests": False, "changed": changed}
    result(document, text, as_json=as_json)


def describe(known: Settings, states: dict[str, ProviderState]) -> list[dict[str, object]]:
    """The providers of the settings with what was said of each (pure)."""
    out: list[dict[str, object]] = []
    for one in known.provider:
        state = states.get(one.name)
        cut_at, rested_at = (None, None) if state is None else (state.cut_at, state.rested_at)
        out.append(
            {
                "name": one.name,
                "kind": one.kind,
                "party": one.party,
                "streams": _streams(known, one.name),
                "cut_at": when(cut_at),
                "cut_reason": state.cut_reason if state is not None and cut_at else None,
                "rests_since": when(rested_at),
                "rest_reason": state.rest_reason if state is not None and rested_at else None,
                "doubted_since": when(None if state is None else state.doubted_at),
            }
        )
    return out


def _act(home: Path, name: str, work: Callable[[Database, Tx], Awaitable[T]]) -> T:
    """Do it while nothing else counts which routes stand: an automatic cut that counted at the
    same time would find enough, and leave too few."""
    provider(home, name)
    if wiring_observation.level(settings(home)) is Level.OBSERVE:
        raise BadSettings('this house only observes (level = "observe"): it acts on nothing')

    async def alone(database: Database, tx: Tx) -> T:
        await take_turn(tx)
        return await work(database, tx)

    return write(home, alone)


def _streams(known: Settings, name: str) -> list[str]:
    return [one.name for one in known.stream if name in {route.provider for route in one.routes}]


def _still(name: str, carries: str, *, command: str) -> str:
    """What it carries now, and the command that ends what still holds it back, if anything does."""
    return f"{carries}." + (f" `mailkeep providers {command} {name}` ends that." if command else "")


def _state(state: ProviderState | None) -> str:
    words = []
    if state is not None and state.cut_at is not None:
        words.append(f"cut off since {readable(state.cut_at)} ({plain(state.cut_reason)})")
    if state is not None and state.rested_at is not None:
        words.append(f"rests since {readable(state.rested_at)} ({plain(state.rest_reason)})")
    doubted = state is not None and state.doubted_at is not None
    suspected = ["under suspicion: what it took is kept"] if doubted else []
    return "; ".join((words or ["carries mail"]) + suspected)
