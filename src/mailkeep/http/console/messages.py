"""Console pages of messages: the list with its filters, and the history of one; no body, no
address.

An address to search for is posted and becomes a pseudonym at once: none appears in a URL.
"""

from collections.abc import Collection
from typing import Any

from litestar import Controller, Response, get, post
from litestar.response import Redirect, Template
from yarl import URL

from mailkeep.base import addresses
from mailkeep.base.errors import Invalid
from mailkeep.http.api.messages import life
from mailkeep.http.port import Incoming, Running
from mailkeep.mail import lives, told
from mailkeep.mail.lives import Wanted
from mailkeep.mail.types import Status
from mailkeep.operators.permissions import Permission

from .operator import Operator, needs
from .refusing import or_again
from .showing import page

FILTERS = ("stream", "status", "tag", "recipient", "cursor")

_SEE = needs(Permission.MAIL_SEE)


class MessagePages(Controller):
    """The list and one of it."""

    path = "/console/messages"
    include_in_schema = False

    @get("/", opt=_SEE)
    async def index(self, request: Incoming, running: Running, operator: Operator) -> Template:
        given = {name: request.query_params.get(name, "").strip()[:200] for name in FILTERS}
        return await _shown(running, operator, given)

    @post("/search", opt=_SEE)
    async def search(
        self, request: Incoming, running: Running, operator: Operator
    ) -> Response[Any]:
        async def work() -> Response[Any]:
            address = addresses.parse(operator.form.get("address", ""), field="address")
            recipient = running.keys.pseudonym("address", addresses.key(address))
            return Redirect(f"/console/messages?recipient={recipient}", status_code=303)

        empty = dict.fromkeys(FILTERS, "")
        return await or_again(request, operator, work, lambda now: _shown(running, now, empty))

    @get("/{message:str}", opt=_SEE)
    async def show(self, running: Running, operator: Operator, message: str) -> Template:
        async with running.database.read() as tx:
            found = await life(tx, running, message)
        return page(operator, "message", "/messages", found=found)


async def _shown(running: Running, operator: Operator, given: dict[str, str]) -> Template:
    """The list, as the filters have it. Raises ``Invalid``."""
    wanted = _wanted(given, running.streams)
    async with running.database.read() as tx:
        found, following = await lives.messages(tx, wanted)
    kept = {name: one for name, one in given.items() if one and name != "cursor"}
    after = "" if following is None else str(URL.build(query=kept | {"cursor": following}))
    return page(
        operator,
        "messages",
        "/messages",
        found=[told.listed(one) for one in found],
        given=given,
        filtered=bool(kept),
        after=after,
        streams=list(running.streams),
        statuses=[one.value for one in Status],
    )


def _wanted(given: dict[str, str], streams: Collection[str]) -> Wanted:
    """What the filters ask for (pure). Raises ``Invalid``."""
    stream, status = given["stream"], given["status"]
    if stream and stream not in streams:
        raise Invalid("there is no such stream", field="stream")
    if status and status not in list(Status):
        raise Invalid("there is no such status", field="status")
    if "\0" in given["tag"] + given["recipient"]:
        raise Invalid("this holds a character that nothing of ours does", field="tag")
    return Wanted(
        given["recipient"] or None,
        frozenset({stream}) if stream else None,
        Status(status) if status else None,
        cursor=given["cursor"] or None,
        tag=given["tag"] or None,
    )
