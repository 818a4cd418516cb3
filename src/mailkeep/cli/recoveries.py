"""``mailkeep recoveries``: list recoveries, masked, and open one of them, with a reason."""

from typing import Annotated

import msgspec
import typer

from mailkeep.accounts import applications, opening
from mailkeep.base.clock import SECOND, readable, when
from mailkeep.base.errors import BadSettings
from mailkeep.base.wording import nearest
from mailkeep.recovery import rehearsed, showing
from mailkeep.recovery.rehearsed import Rehearsed
from mailkeep.recovery.types import State
from mailkeep.store.database import Database, Tx

from .house import DEFAULT_HOME, Home, operator, read, write
from .output import Json, group, result, table
from .watch import span

Opened = tuple[showing.Shown, list[dict[str, object]], list[dict[str, object]]]

app = group("Recoveries: how they went, by pseudonymous ids.")


@app.command("list")
def listed(
    state: Annotated[str, typer.Option(help="Only of this state.")] = "",
    before: Annotated[str, typer.Option(help="The id after which the next page begins.")] = "",
    as_json: Json = False,
    home: Home = DEFAULT_HOME,
) -> None:
    """List the recoveries, the newest first."""
    if state and state not in [*State]:
        raise BadSettings(f"no state {state!r}{nearest(state, [*State])}")
    wanted = State(state) if state else None
    found, after = read(home, lambda tx: showing.recent(tx, state=wanted, before=before or None))
    rows = [(one.id, one.state.value, readable(one.asked_at), one.account or "-") for one in found]
    text = table(rows, "No recovery was asked for.")
    document = {"recoveries": [_document(one) for one in found], "after": after}
    result(document, text, as_json=as_json)


@app.command()
def show(
    recovery: Annotated[str, typer.Argument(help="As the list names it.")],
    reason: Annotated[str, typer.Option(help="Why you open it; goes into the audit log.")],
    as_json: Json = False,
    home: Home = DEFAULT_HOME,
) -> None:
    """Say over whom a recovery's proofs went, whether they came back, and what held it."""

    async def work(_database: Database, tx: Tx) -> Opened:
        found = await showing.one(tx, recovery)
        await opening.open_(tx, opening.RECOVERY, recovery, by=operator(), reason=reason)
        proofs = [_proof(one) for one in await showing.proofs(tx, recovery)]
        holds = [_hold(one) for one in await showing.holds(tx, recovery)]
        return found, proofs, holds

    found, proofs, holds = write(home, work)
    lines = [f"{found.id}: {found.state.value}, asked for {readable(found.asked_at)}"]
    lines += [f"proof: {_said(one)}" for one in proofs] + [f"hold: {_said(one)}" for one in holds]
    document = {"recovery": _document(found), "proofs": proofs, "holds": holds}
    result(document, "\n".join(lines), as_json=as_json)


@app.command("rehearsed")
def rehearsal(
    since: Annotated[str, typer.Option(help="Only of so long: 15m, 2h, 7d.")] = "7d",
    application: Annotated[str, typer.Option(help="Only of this one.")] = "",
    as_json: Json = False,
    home: Home = DEFAULT_HOME,
) -> None:
    """Say what would have become of the resets that applications told of, had they come here."""

    async def work(tx: Tx) -> Rehearsed:
        only = (await applications.named(tx, application)).id if application else ""
        return await rehearsed.summary(tx, tx.now - of, only)

    of = span(since)
    found = read(home, work)
    meaning, step = rehearsed.sentence(found), rehearsed.step(found)
    lines = [meaning, *([f"recovered here: {found.here}"] if found.here else ())]
    if found.pending or found.failed:
        lines.append(f"not worked out: {found.pending} so far, {found.failed} for good")
    lines += [f"cheapest step: {step}"] if step else []
    counts = msgspec.structs.asdict(found) | {"longest": found.longest / SECOND}
    document = {"since": since, **counts, "meaning": meaning, "next": step}
    result(document, "\n".join(lines), as_json=as_json)


def _document(one: showing.Shown) -> dict[str, object]:
    return {
        "id": one.id,
        "state": one.state.value,
        "account": one.account,
        "application": one.application or None,
        "asked_at": when(one.asked_at),
        "ended_at": when(one.ended_at),
        "why": one.why,
        "stopped_at": when(one.stopped_at),
        "denied_at": when(one.denied_at),
    }


def _said(one: dict[str, object]) -> str:
    return ", ".join(f"{name.replace('_', ' ')} {value}" for name, value in one.items() if value)


def _proof(one: showing.ProofShown) -> dict[str, object]:
    return {
        "kind": one.kind,
        "provider": one.provider,
        "minted_at": when(one.minted_at),
        "voided_at": when(one.voided_at),
        "shown_at": when(one.shown_at),
    }


def _hold(one: showing.HoldShown) -> dict[str, object]:
    return {"reasons": one.reasons, "held_at": when(one.held_at), "until": when(one.until)}
