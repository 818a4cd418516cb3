"""``mailkeep incidents notices``: which owners were told of an incident, and which were not."""

from collections.abc import Awaitable
from typing import Annotated

import typer

from mailkeep.base.clock import readable
from mailkeep.base.wording import counted
from mailkeep.response import looking, telling
from mailkeep.response.services import Response
from mailkeep.response.telling import Counts, Page

from .acting import run
from .house import DEFAULT_HOME, Home
from .output import Json, result


def notices(
    incident: Annotated[str, typer.Argument(help="As the list names it.")],
    unreached: Annotated[
        bool, typer.Option("--unreached", help="Only owners who were not told.")
    ] = False,
    after: Annotated[str, typer.Option(help="The account at which the page before ended.")] = "",
    limit: Annotated[
        int, typer.Option(min=1, max=telling.MOST, help="Owners on a page.")
    ] = telling.PAGE,
    as_json: Json = False,
    home: Home = DEFAULT_HOME,
) -> None:
    """Say which owners were told what happened to their account, by the accounts' ids; audited."""
    from mailkeep.http.api.notices import shown

    def work(room: Response, by: str) -> Awaitable[tuple[Counts, Page]]:
        return looking.owners(
            room.means, incident, by=by, unreached=unreached, after=after, limit=limit
        )

    numbers, found = run(home, work)
    result(shown(numbers, found), _text(numbers, found), as_json=as_json)


def _text(numbers: Counts, found: Page) -> str:
    owners = counted(numbers.owners, "owner")
    lines = [f"{numbers.told:,} of {owners} told, {numbers.not_told:,} not, or not yet"]
    for one in found.owners:
        lines.append(f"{one.account}  {'told' if one.told else 'not told'}")
        lines += [
            f"  {readable(each.at)}  {each.message}  {each.status}: {each.what.replace('_', ' ')}"
            for each in one.mails
        ]
        if not one.mails:
            lines.append("  nothing was written, or no address counts")
    if found.after:
        lines.append(f"More: --after {found.after}")
    return "\n".join(lines)
