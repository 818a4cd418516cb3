"""``/v1/incidents/{id}/exposed`` and ``/blast``: whose addresses were exposed, as numbers and as a
list."""

from collections.abc import AsyncIterator, Awaitable, Callable

import msgspec
from litestar import Controller, get, post
from litestar.response import Stream

from mailkeep.base.clock import iso
from mailkeep.base.errors import MailkeepError
from mailkeep.http.bearer import authorise
from mailkeep.http.port import Incoming, Running
from mailkeep.incidents import queries as incidents
from mailkeep.incidents.types import Answer
from mailkeep.operators.permissions import Permission
from mailkeep.response import listing
from mailkeep.response.listing import Listed, Numbers

from .approval_out import ApprovalOut, approval
from .incident_out import BlastOut, blast

NDJSON = "application/x-ndjson"


class EarlierOut(msgspec.Struct):
    """An earlier answer. ``at``: when it was first given."""

    at: str
    blast_radius: BlastOut


class NumbersOut(msgspec.Struct):
    """How many addresses are exposed by now, by suspect and together, and earlier answers, the
    newest first. ``request``: the list that is requested, or that may be taken."""

    until: str
    exposed: int
    each: dict[str, int]
    answers: list[EarlierOut]
    request: ApprovalOut | None


class ExposedApi(Controller):
    """Numbers need a key with the scope ``read``; a list needs one with ``operate``, an open
    incident, and another person who approves it. Each list is counted and audited."""

    path = "/v1/incidents"
    tags = ("incidents",)

    @get("/{incident:str}/blast", summary="How many were exposed, now and as it was answered")
    async def numbers(self, request: Incoming, running: Running, incident: str) -> NumbersOut:
        await authorise(request, running, Permission.INCIDENTS_SEE)
        async with running.database.read() as tx:
            found = await running.response.lists.numbers(tx, incident)
            kept = await incidents.answers(tx, incident)
        return shown(found, kept)

    @post("/{incident:str}/exposed", status_code=202, summary="Ask for the list of the exposed")
    async def ask(self, request: Incoming, running: Running, incident: str) -> ApprovalOut:
        """A second person approves it at ``/v1/approvals``; then the requester takes it, once."""
        by = (await authorise(request, running, Permission.EXPOSED_LIST)).id
        lists = running.response.lists
        return approval(await running.database.retrying(lambda tx: lists.ask(tx, incident, by=by)))

    @post("/{incident:str}/exposed/list", status_code=200, summary="Take the list of the exposed")
    async def take(self, request: Incoming, running: Running, incident: str) -> Stream:
        """JSON lines: an address's pseudonym, a suspect, and when it was first given to them; an
        address that several were given has a line for each. The last line says how many there were,
        or why it ended early. It uses up the approval. 403 until a second person has approved; 429
        beyond the limit of lists for an hour or a day. The stream ends when the key does."""
        by = (await authorise(request, running, Permission.EXPOSED_LIST)).id
        listed = await running.response.lists.begin(incident, by=by)

        async def still() -> bool:
            try:
                await authorise(request, running, Permission.EXPOSED_LIST)
            except MailkeepError:
                return False
            return True

        return stream(running, listed, still)


def shown(found: Numbers, kept: list[Answer]) -> NumbersOut:
    """Numbers as the API and the command line write them."""
    return NumbersOut(
        iso(found.until),
        found.together,
        found.each,
        [EarlierOut(iso(one.at), blast(one.blast)) for one in kept],
        None if found.request is None else approval(found.request),
    )


def stream(running: Running, listed: Listed, still: Callable[[], Awaitable[bool]]) -> Stream:
    """A list as an answer.

    Args:
        still: whether whoever takes it may go on.
    """
    lines: AsyncIterator[bytes] = listing.read(running.database, listed, still)
    name = f'attachment; filename="{listed.incident}-exposed.ndjson"'
    return Stream(
        lines,
        media_type=NDJSON,
        headers={"Content-Disposition": name},
    )
