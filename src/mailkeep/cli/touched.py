"""``mailkeep incidents accounts``: what happened to which account."""

from collections.abc import Awaitable
from typing import Annotated

import typer

from mailkeep.base.clock import readable
from mailkeep.base.wording import counted
from mailkeep.incidents import touched
from mailkeep.incidents.harm import Harm
from mailkeep.incidents.touched import Asked, Page
from mailkeep.response import looking
from mailkeep.response.services import Response

from .acting import run
from .house import DEFAULT_HOME, Home
from .output import Json, result


def accounts(
    incident: Annotated[str, typer.Argument(help="As the list names it.")],
    outcome: Annotated[Asked, typer.Option(help="Which accounts.")] = Asked.REQUESTED,
    after: Annotated[str, typer.Option(help="The account at which the page before ended.")] = "",
    limit: Annotated[
        int, typer.Option(min=1, max=touched.MOST, help="Accounts on a page.")
    ] = touched.PAGE,
    as_json: Json = False,
    home: Home = DEFAULT_HOME,
) -> None:
    """Say how far somebody came with which account, by the accounts' ids; it is audited."""
    from mailkeep.http.api.touched import shown

    def work(room: Response, by: str) -> Awaitable[Page]:
        return looking.look(room.means, incident, outcome, by=by, after=after, limit=limit)

    found = run(home, work)
    lines = [line for one in found.accounts for line in _lines(one)]
    if found.after:
        lines.append(f"More: --after {found.after}")
    result(shown(found), "\n".join(lines) or "None.", as_json=as_json)


def _lines(one: Harm) -> list[str]:
    why = f" ({', '.join(one.why)})" if one.why else ""
    lines = [f"{one.account}  {one.reached.value}{why}, asked for {readable(one.asked_at)}"]
    if one.denied_at is not None:
        lines.append(f"  denied {readable(one.denied_at)}")
    if one.completed_at is not None:
        sessions = f"{counted(one.sessions, 'sign-in')} since, {one.strange} from strange browsers"
        lines.append(f"  completed {readable(one.completed_at)}; {sessions}")
    lines += [
        f"  {readable(each.at)}  {each.what}, {each.state}; signed in: {each.by.value}"
        for each in one.changes
    ]
    return lines
