"""``/v1/messages``: send mail, and read what became of it."""

import asyncio
import datetime as dt
from typing import Annotated

import msgspec
from litestar import Controller, Response, get, post

from mailkeep.base import addresses
from mailkeep.base.errors import Conflict, Invalid, NotFound
from mailkeep.http import account_mail, problems
from mailkeep.http.bearer import admit, authorise
from mailkeep.http.port import Incoming, Running, Services
from mailkeep.mail import lives, queries, taking_back, told, tracing
from mailkeep.mail.fitting import SMALL
from mailkeep.mail.grants import Grant, Scope
from mailkeep.mail.lives import PAGE, Wanted
from mailkeep.mail.told import Listed, MessageOut
from mailkeep.mail.types import Status
from mailkeep.operators.permissions import Permission, scope_of
from mailkeep.store.database import Tx

from . import batch, idempotency, sending, strict_json
from .message_in import instant

PATH = "/v1/messages"


class Page(msgspec.Struct):
    """Messages, the newest first. ``next``: the cursor of the next page; null: there is none.
    ``left_out``: streams that were not looked into, whatever is in them: their mail tells who has
    an account, and this key does not see that, or has not said why it looks."""

    messages: list[Listed]
    next: str | None
    left_out: list[str]


Limit = Annotated[int, msgspec.Meta(ge=1, le=PAGE)]
Cursor = Annotated[str, msgspec.Meta(min_length=1, max_length=100)]


#: PostgreSQL takes no NUL, not even to look for.
Tag = Annotated[str, msgspec.Meta(min_length=1, max_length=200, pattern=r"^[^\u0000]*$")]


class ListIn(msgspec.Struct, forbid_unknown_fields=True):
    """Filters of a list. ``after`` is inclusive, ``before`` exclusive."""

    recipient: Annotated[str, msgspec.Meta(pattern=r"^address_[0-9a-f]{30}$")] | None = None
    stream: str | None = None
    status: Status | None = None
    tag: Tag | None = None
    after: dt.datetime | None = None
    before: dt.datetime | None = None
    limit: Limit = 50
    cursor: Cursor | None = None


class SearchIn(msgspec.Struct, forbid_unknown_fields=True):
    """The same filters, and an address: in a body, since URLs end up in logs. ``reason``: why the
    mail that tells whether it has an account is looked for as well."""

    recipient: str
    reason: Annotated[str, msgspec.Meta(min_length=1, max_length=200)] | None = None
    stream: str | None = None
    status: Status | None = None
    tag: Tag | None = None
    after: dt.datetime | None = None
    before: dt.datetime | None = None
    limit: Limit = 50
    cursor: Cursor | None = None


class CancelIn(msgspec.Struct, forbid_unknown_fields=True):
    """The message to cancel."""

    idempotency_key: Annotated[str, msgspec.Meta(min_length=1, max_length=idempotency.LONGEST)]


class Cancelled(msgspec.Struct):
    """It will not be sent, and its body is gone. ``stopped``: those of its blind copies that go as
    messages of their own, and will not be sent either; ``left``: those of them that have left, are
    leaving, or may have left."""

    id: str
    stopped: tuple[str, ...]
    left: tuple[str, ...]
    status: Status = Status.GIVEN_UP


async def accept(request: Incoming, running: Running) -> Response[bytes]:
    """Take in one message or a batch: what ``POST /v1/messages`` does."""
    grant = await admit(request, running, Scope.SEND)
    body = await strict_json.body(request)
    large = len(body) > SMALL
    asked = await asyncio.to_thread(batch.read, body) if large else batch.read(body)
    header = idempotency.read(request.headers.getall(idempotency.NAME, []))
    if header is not None and not asked.single:
        raise Invalid("give each message of a batch its own key", field=idempotency.NAME)
    given = request.headers.get(tracing.HEADER)
    with tracing.accept_span(given, len(asked.items)) as trace:
        handed = sending.Sending(running, grant, asked, header, trace)
        outcomes = await handed.take(aside=large)
    if asked.single:
        return _json(sending.sent(outcomes[0]), 202)
    answer = sending.results(outcomes)
    if isinstance(answer, sending.NoneAccepted):
        return problems.respond(answer)
    return _json(answer, 202)


class Messages(Controller):
    """Sending and looking up."""

    path = PATH
    tags = ("messages",)

    @post("/", status_code=202, summary="Accept one message, or up to 1,000")
    async def accept(self, request: Incoming, running: Running) -> Response[bytes]:
        """Durable before it is acknowledged: after 202 the messages survive a kill."""
        return await accept(request, running)

    @get("/", summary="The newest messages, by recipient, stream, status, tag and time")
    async def index(self, request: Incoming, running: Running) -> Page:
        """A page may hold fewer messages than asked for, or none, while there is a next one."""
        grant = await authorise(request, running, Permission.MAIL_SEE)
        wanted = strict_json.query(request, ListIn)
        return await _page(running, grant, wanted, wanted.recipient)

    @post("/search", status_code=200, summary="The same, by the recipient's address")
    async def search(self, request: Incoming, running: Running) -> Page:
        """It changes nothing; it is a POST so that no address stands in a URL. With a reason, which
        takes the scope ``operate`` as well, it is audited, each page of it, and 429 beyond the
        limit for an hour."""
        await admit(request, running, Permission.MAIL_SEE)
        wanted = strict_json.decode(await strict_json.body(request), SearchIn)
        grant = await authorise(request, running, Permission.MAIL_SEE)
        address = addresses.key(addresses.parse(wanted.recipient, field="recipient"))
        recipient, reason = running.keys.pseudonym("address", address), wanted.reason
        if reason is not None:
            grant.require(scope_of(Permission.ACCOUNTS_SEE), network=None)
            words = str(reason)
            await running.database.retrying(
                lambda tx: account_mail.open_(tx, recipient, by=grant.id, reason=words)
            )
        return await _page(running, grant, wanted, recipient, opened=reason is not None)

    @post("/cancel", status_code=200, summary="Take a message back that waits to be sent")
    async def cancel(self, request: Incoming, running: Running) -> Cancelled:
        """Found by the idempotency key that it was sent under, with the same API key or its
        successor: nobody cancels another's message. 409 when it has left, is leaving, or may have
        left because an answer was lost; in that case it is not sent through another provider. Who
        asks again has the same answer."""
        await admit(request, running, Scope.SEND)
        wanted = strict_json.decode(await strict_json.body(request), CancelIn)
        grant = await authorise(request, running, Scope.SEND)
        own = grant.line, wanted.idempotency_key
        found = await running.database.retrying(
            lambda tx: taking_back.take_back_keyed(
                running.database, tx, running.keys, own, grant.streams
            )
        )
        if not found.back:
            raise Conflict(f"it {found}")
        return Cancelled(found.message, found.stopped, found.left)

    @get("/{message_id:str}", summary="One message with its attempts and events")
    async def show(self, request: Incoming, running: Running, message_id: str) -> MessageOut:
        """Who has the id was given it when the mail was handed in."""
        grant = await authorise(request, running, Permission.MAIL_SEE)
        async with running.database.read() as tx:
            found = await life(tx, running, message_id)
        if not grant.may_use_stream(found.stream):
            raise NotFound("no such message")
        return account_mail.of_key(running, grant).one(found)


async def life(tx: Tx, running: Services, message_id: str) -> MessageOut:
    """One message with all that came of it. Raises ``NotFound``."""
    found = await lives.one(tx, message_id)
    attempts = await lives.attempts(tx, found.id)
    events = await lives.events(tx, found.id)
    copies = await lives.copies(tx, found.id)
    stream = running.streams.get(found.stream)
    routes = {one.provider for one in stream.routes} if stream is not None else set()
    routes -= (await queries.cut(tx)).keys() | running.dispatcher.ailing(found.stream)
    return told.life(found, attempts, events, lives.waits_for(found, routes, tx.now), copies)


async def _page(
    running: Running,
    grant: Grant,
    asked: ListIn | SearchIn,
    address: str | None,
    *,
    opened: bool = False,
) -> Page:
    """The messages that were asked for, among those that the key may see."""
    sees = account_mail.of_key(running, grant, to_one=address is not None, opened=opened)
    streams = sees.streams
    if asked.stream is not None:
        if asked.stream not in running.streams and grant.may_use_stream(asked.stream):
            raise Invalid("there is no such stream", field="stream")
        grant.require(Scope.READ, streams=(asked.stream,), network=None)
        streams = sees.of(asked.stream)
    wanted = Wanted(
        address,
        streams,
        asked.status,
        instant(asked.after, "after"),
        instant(asked.before, "before"),
        asked.cursor,
        asked.limit,
        asked.tag,
    )
    async with running.database.read() as tx:
        found, following = await lives.messages(tx, wanted)
    left_out = [] if asked.stream is not None else list(sees.left_out)
    return Page(sees.shown(told.listed(one) for one in found), following, left_out)


def _json(answer: msgspec.Struct, status: int) -> Response[bytes]:
    return Response(msgspec.json.encode(answer), status_code=status, media_type="application/json")
