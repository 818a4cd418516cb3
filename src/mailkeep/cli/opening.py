"""``mailkeep incidents open``, ``window`` and ``regulator``: an incident on a person's word, from
when to when it was, and what became of the regulator's clock."""

from typing import Annotated

import typer

from mailkeep.app import wiring_response
from mailkeep.base.clock import SystemClock, when
from mailkeep.incidents import duties
from mailkeep.incidents.by_hand import Saying
from mailkeep.incidents.types import Duty
from mailkeep.incidents.words import between, instant
from mailkeep.store.database import Database, Tx
from mailkeep.watch.types import Hypothesis

from .house import DEFAULT_HOME, Home, operator, settings, write
from .output import Json, result

Since = Annotated[
    str, typer.Option(help="Since when it was so: `2026-08-03` or `2026-08-03 14:30`, UTC.")
]
Until = Annotated[str, typer.Option(help="Until when; a day alone counts whole, today up to now.")]
Reason = Annotated[
    str, typer.Option(help="How you know; it stands in the timeline and the report.")
]


def begin(
    reason: Reason,
    subject: Annotated[
        str, typer.Argument(help="The provider, the account's id or the domain it is about.")
    ] = "",
    hypothesis: Annotated[
        Hypothesis, typer.Option(help="What is going on.")
    ] = Hypothesis.PROVIDER_COMPROMISED,
    since: Since = "",
    until: Until = "",
    as_json: Json = False,
    home: Home = DEFAULT_HOME,
) -> None:
    """Open an incident on your word, as when a provider telephones; where one is open about the
    same, it is said there. Nothing is done by it."""
    saying = Saying(
        hypothesis=hypothesis,
        subject=subject,
        reason=reason,
        since=instant(since, "--since"),
        until=instant(until, "--until", end=SystemClock().now()),
    )

    async def work(database: Database, tx: Tx) -> tuple[str, bool]:
        room = wiring_response.incidents(settings(home), database)
        return await room.by_hand.open(tx, saying, by=operator())

    found, new = write(home, work)
    text = "It is open" if new else "One is open about it already, and says so now"
    text += f": {found}; `mailkeep incidents show {found}` says what may be done."
    result({"incident": found, "new": new}, text, as_json=as_json)


def window(
    incident: Annotated[str, typer.Argument(help="As the list names it.")],
    reason: Reason,
    since: Since = "",
    until: Until = "",
    as_json: Json = False,
    home: Home = DEFAULT_HOME,
) -> None:
    """Say from when to when it was; what is left out stands as the signs say."""
    start, end = instant(since, "--since"), instant(until, "--until", end=SystemClock().now())

    async def work(database: Database, tx: Tx) -> None:
        room = wiring_response.incidents(settings(home), database)
        await room.by_hand.window(tx, incident, start, end, reason, by=operator())

    write(home, work)
    document = {"incident": incident, "since": when(start), "until": when(end)}
    result(document, f"The window is set: {between(start, end)}.", as_json=as_json)


def regulator(
    incident: Annotated[str, typer.Argument(help="As the list names it.")],
    duty: Annotated[Duty, typer.Argument(help="What is so.")],
    reference: Annotated[str, typer.Option(help="The regulator's reference, or why.")],
    at: Annotated[
        str, typer.Option(help="When it was told, or known: `2026-08-03 14:30`, UTC; else now.")
    ] = "",
    as_json: Json = False,
    home: Home = DEFAULT_HOME,
) -> None:
    """Say that a regulator was told or need not be, or since when the breach is known."""
    moment = instant(at, "--at")

    async def work(database: Database, tx: Tx) -> None:
        room = wiring_response.incidents(settings(home), database)
        await duties.say(tx, room, incident, duty, moment, reference, by=operator())

    write(home, work)
    document = {"incident": incident, "duty": duty.value, "at": when(moment)}
    result(document, "It is written down.", as_json=as_json)
