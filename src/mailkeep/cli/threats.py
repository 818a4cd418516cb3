"""``mailkeep trust model``, ``models``, ``diff``: the generated threat model, and earlier
versions."""

from pathlib import Path
from typing import Annotated

import typer

from mailkeep.app import wiring_trust
from mailkeep.base.clock import iso, readable
from mailkeep.base.errors import BadSettings, Invalid
from mailkeep.posture import markdown, queries, services
from mailkeep.posture.model import ThreatModel, written
from mailkeep.posture.model import difference as differ
from mailkeep.posture.types import TrustConfiguration
from mailkeep.store.database import Tx

from .house import DEFAULT_HOME, Home, read, settings
from .output import Json, result, table


def model(
    day: Annotated[
        str, typer.Option("--day", help="As it was at the end of a day, as 2026-11-28.")
    ] = services.NOW,
    file: Annotated[Path | None, typer.Option("--file", help="Write it there.")] = None,
    as_json: Json = False,
    home: Home = DEFAULT_HOME,
) -> None:
    """Write the threat model from the system as it stands, in Markdown."""
    known = wiring_trust.house(settings(home))
    found = read(home, lambda tx: _model(tx, known, day))
    text = markdown.page(found)
    if file is not None:
        file.write_text(text)
        text = f"The threat model of {found.day} is in {file}."
    result(found, text.rstrip("\n"), as_json=as_json)


def models(as_json: Json = False, home: Home = DEFAULT_HOME) -> None:
    """List the threat models that were kept, and which share of acts was seen under each."""
    found = read(home, services.kept)
    rows = [
        {"from": iso(one.at), "until": iso(one.seen_at), "seen": one.seen_share / 1000}
        for one in found
    ]
    lines = [
        [readable(one.at), readable(one.seen_at), f"{one.seen_share / 10:.1f}%"] for one in found
    ]
    head = [["from", "last found so", "acts seen"]] if lines else []
    result({"models": rows}, table([*head, *lines], "None was kept yet."), as_json=as_json)


def difference(
    before: Annotated[str, typer.Argument(help="A day, as 2026-11-28.")],
    after: Annotated[str, typer.Argument(help="Another one, or now.")] = services.NOW,
    as_json: Json = False,
    home: Home = DEFAULT_HOME,
) -> None:
    """Say what became different in the threat model between two days."""
    known = wiring_trust.house(settings(home))

    async def both(tx: Tx) -> tuple[ThreatModel, ThreatModel]:
        return await _model(tx, known, before), await _model(tx, known, after)

    found = differ(*read(home, both))
    result(found, markdown.difference(found).rstrip("\n"), as_json=as_json)


async def _model(tx: Tx, house: TrustConfiguration, day: str) -> ThreatModel:
    if day == services.NOW:
        return written(await queries.model(tx, house))
    try:
        return await services.as_of(tx, services.end_of(day))
    except Invalid as error:
        raise BadSettings(str(error)) from None
