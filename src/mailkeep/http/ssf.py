"""Shared Signals endpoints for receivers of security events (SSF 1.0 section 7 and 8, RFC 8936).

Security: a receiver presents its own token, which opens its own stream. Bodies are small, and read
after the token. Errors have the status codes of that specification: 400 for what cannot be read.
"""

from typing import Any, TypeVar

import msgspec
from litestar import Controller, Response, Router, delete, get, patch, post, put
from litestar.exceptions import HTTPException

from mailkeep.base.errors import Invalid, MailkeepError, NotFound
from mailkeep.signals import sets
from mailkeep.signals.services import Signals
from mailkeep.signals.streams import StreamIn
from mailkeep.signals.types import Receiver, Status

from . import problems
from .api import strict_json
from .bearer import key_of
from .port import Incoming, Running
from .well_known import KEPT, KEY_SET

T = TypeVar("T")

MAX_BODY = 64 * 1024


class StatusIn(msgspec.Struct):
    status: Status
    stream_id: str | None = None
    reason: str | None = None


class SubjectIn(msgspec.Struct):
    subject: dict[str, Any]
    stream_id: str | None = None
    verified: bool = True


class VerifyIn(msgspec.Struct):
    stream_id: str | None = None
    state: str | None = None


class ErrorIn(msgspec.Struct):
    """A receiver's word for why it will not take an event (RFC 8936 section 2.6)."""

    err: str = ""
    description: str = ""


class PollIn(msgspec.Struct, rename="camel"):
    """RFC 8936 section 2.2."""

    max_events: int = 100
    return_immediately: bool = False
    ack: list[str] = []
    set_errs: dict[str, ErrorIn] = {}


@get("/.well-known/ssf-configuration", include_in_schema=False)
async def configuration(running: Running) -> Response[dict[str, Any]]:
    """How we tell, and where we are asked (SSF 1.0 section 7.1)."""
    found = sets.configuration(room(running).issuer, KEY_SET)
    return Response(found, headers={"Cache-Control": f"public, max-age={KEPT}"})


class StreamsApi(Controller):
    """A receiver's stream."""

    path = "/ssf"
    include_in_schema = False

    @post("/streams")
    async def create(self, request: Incoming, running: Running) -> Response[dict[str, Any]]:
        receiver = await who(request, running)
        wanted = await read(request, StreamIn)
        return Response(await room(running).streams.create(receiver, wanted), status_code=201)

    @get("/streams")
    async def show(self, request: Incoming, running: Running) -> Response[Any]:
        receiver = await who(request, running)
        stream = request.query_params.get("stream_id")
        return Response(await room(running).streams.read(receiver, stream))

    @patch("/streams")
    async def change(self, request: Incoming, running: Running) -> Response[dict[str, Any]]:
        receiver = await who(request, running)
        wanted = await read(request, StreamIn)
        return Response(await room(running).streams.update(receiver, wanted, whole=False))

    @put("/streams")
    async def replace(self, request: Incoming, running: Running) -> Response[dict[str, Any]]:
        receiver = await who(request, running)
        wanted = await read(request, StreamIn)
        return Response(await room(running).streams.update(receiver, wanted, whole=True))

    @delete("/streams")
    async def remove(self, request: Incoming, running: Running) -> None:
        receiver = await who(request, running)
        await room(running).streams.remove(receiver, request.query_params.get("stream_id"))

    @get("/status")
    async def status(self, request: Incoming, running: Running) -> Response[dict[str, Any]]:
        receiver = await who(request, running)
        stream = request.query_params.get("stream_id")
        return Response(await room(running).streams.status(receiver, stream))

    @post("/status", status_code=200)
    async def set_status(self, request: Incoming, running: Running) -> Response[dict[str, Any]]:
        receiver = await who(request, running)
        wanted = await read(request, StatusIn)
        return Response(
            await room(running).streams.set_status(
                receiver, wanted.stream_id, wanted.status, wanted.reason
            )
        )

    @post("/subjects/add", status_code=200)
    async def add_subject(self, request: Incoming, running: Running) -> Response[None]:
        receiver = await who(request, running)
        wanted = await read(request, SubjectIn)
        await room(running).streams.want(receiver, wanted.stream_id, wanted.subject, on=True)
        return Response(None)

    @post("/subjects/remove", status_code=204)
    async def remove_subject(self, request: Incoming, running: Running) -> None:
        receiver = await who(request, running)
        wanted = await read(request, SubjectIn)
        await room(running).streams.want(receiver, wanted.stream_id, wanted.subject, on=False)

    @post("/verify", status_code=204)
    async def verify(self, request: Incoming, running: Running) -> None:
        receiver = await who(request, running)
        wanted = await read(request, VerifyIn)
        await room(running).streams.verify(receiver, wanted.stream_id, wanted.state)

    @post("/poll/{stream:str}", status_code=200)
    async def poll(
        self, request: Incoming, running: Running, stream: str
    ) -> Response[dict[str, Any]]:
        receiver = await who(request, running)
        wanted = await read(request, PollIn)
        if wanted.max_events < 0:
            raise Invalid("not below 0", field="maxEvents")
        polled = await room(running).polling.poll(
            receiver,
            stream,
            acks=wanted.ack,
            errors={jti: one.err for jti, one in wanted.set_errs.items()},
            most=wanted.max_events,
            wait=not wanted.return_immediately,
        )
        return Response({"sets": polled.sets, "moreAvailable": polled.more})


def router() -> Router:
    """The endpoints that ``configuration`` names."""
    return Router(
        "/",
        route_handlers=[configuration, StreamsApi],
        exception_handlers={MailkeepError: on_error},
        request_max_body_size=MAX_BODY,
    )


def on_error(request: Incoming, error: MailkeepError) -> Response[bytes]:
    """As everywhere, but that what cannot be accepted is a 400 here."""
    answer = problems.on_our_error(request, error)
    if isinstance(error, Invalid):
        found = msgspec.structs.replace(problems.problem_of(error), status=400)
        return problems.respond(found)
    return answer


def room(running: Running) -> Signals:
    """The room behind these doors. Raises ``NotFound`` where there is none."""
    if running.signals is None:
        raise NotFound("security events are switched off here")
    return running.signals


async def who(request: Incoming, running: Running) -> Receiver:
    """The receiver whose token the request carries. Raises ``NotSignedIn``."""
    return await room(running).authorise(key_of(request))


async def read(request: Incoming, kind: type[T]) -> T:
    """The body as JSON. The examples of the specification have no content type, so none is needed.

    Raises:
        Invalid: naming the field.
        HTTPException: 413, 415.
    """
    said = request.headers.get("Content-Type", "").partition(";")[0].strip().lower()
    if said not in {"", "application/json"}:
        raise HTTPException("send 'Content-Type: application/json'", status_code=415)
    return strict_json.decode(await request.body(), kind)
