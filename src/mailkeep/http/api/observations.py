"""``/v1/observations``: ingest what other systems observed, such as audit logs and journals."""

import asyncio
from datetime import datetime
from typing import Annotated

import msgspec
from litestar import Controller, get, post
from litestar.exceptions import HTTPException

from mailkeep.base.errors import Invalid, NotFound
from mailkeep.http.bearer import admit, authorise, ours
from mailkeep.http.port import Incoming, Running
from mailkeep.mail.grants import Scope
from mailkeep.mail.journal import MAX_ID, MOST_LINES, Sent
from mailkeep.watch.audit_logs.lines import instant
from mailkeep.watch.packed import MAX_PACKED

from . import strict_json, whole

Name = Annotated[str, msgspec.Meta(min_length=1, max_length=40)]
JSON = "application/json"
TYPES = frozenset({JSON, "application/gzip", "application/x-gzip", "application/octet-stream"})
CHALLENGE = "x-okta-verification-challenge"
LONGEST_CHALLENGE = 200


class ConsoleLogOut(msgspec.Struct):
    """How many entries were new; known already; irrelevant; too old or in the future; malformed."""

    new: int
    known: int
    passed: int
    stale: int
    broken: int


class ChallengeOut(msgspec.Struct):
    """The answer that verifies an Okta event hook."""

    verification: str


class SentIn(msgspec.Struct, forbid_unknown_fields=True):
    """A mail that an application sent by itself. ``id``: as the provider named it in its answer."""

    provider: Name
    id: Annotated[str, msgspec.Meta(min_length=1, max_length=MAX_ID)]
    to: Annotated[str, msgspec.Meta(max_length=400)]
    stream: Name
    at: datetime


class JournalIn(msgspec.Struct, forbid_unknown_fields=True):
    sent: Annotated[list[SentIn], msgspec.Meta(min_length=1, max_length=MOST_LINES)]


class NotedOut(msgspec.Struct):
    """How many entries were new; known already; too old or in the future."""

    new: int
    known: int
    stale: int


class JournalApi(Controller):
    """Needs a key with the scope ``observe``; one bound to streams reports mail of these only."""

    path = "/v1/observations"
    tags = ("observations",)

    @post("/", status_code=200, summary="Tell of mail that you sent yourself")
    async def note(self, request: Incoming, running: Running) -> NotedOut:
        """An entry that is known already changes nothing. Nothing is ever sent for one; its
        recipient is kept as a pseudonym."""
        await admit(request, running, Scope.OBSERVE)
        wanted = strict_json.decode(await strict_json.body(request), JournalIn)
        grant = await authorise(request, running, Scope.OBSERVE)
        journal = running.journal
        if journal is None:
            raise NotFound("no journal is kept here: the settings have no [journal]")
        streams = {one.stream for one in wanted.sent}
        grant.require(Scope.OBSERVE, streams=streams, network=None, field="sent.")
        lines = []
        for number, one in enumerate(wanted.sent):
            at = instant(one.at)
            if at is None:
                raise Invalid("say a time with its offset", field=f"sent[{number}].at")
            lines.append(Sent(one.provider, one.id, one.to, one.stream, at))
        checked = await asyncio.to_thread(journal.check, lines)
        found = await running.database.retrying(
            lambda tx: journal.note(tx, checked, by=grant.line or grant.id)
        )
        return NotedOut(**msgspec.structs.asdict(found))


class ConsoleLogApi(Controller):
    """Needs a key with the scope ``audit`` that is bound to no application."""

    path = "/v1/observations/audit"
    tags = ("observations",)

    @post("/{log:str}", status_code=200, summary="Bring lines of an audit log in")
    async def take(self, request: Incoming, running: Running, log: str) -> ConsoleLogOut:
        """The body is the log in the format of its kind (``[[console_log]]``), gzipped or not.
        Known entries change nothing, so a failed upload can be repeated."""
        ours(await admit(request, running, Scope.AUDIT))
        kind, _, _ = request.headers.get("Content-Type", "").partition(";")
        if kind.strip().lower() not in TYPES:
            raise HTTPException(f"send 'Content-Type: {JSON}' or application/gzip", status_code=415)
        raw = await whole.body(request)
        ours(await authorise(request, running, Scope.AUDIT))
        if not raw or len(raw) > MAX_PACKED:
            raise Invalid("send lines of at most 10 MiB as the body", field="log")
        found = await running.consoles.take(log, raw)
        return ConsoleLogOut(**msgspec.structs.asdict(found))

    @get("/{log:str}", summary="Answer the challenge of an event hook")
    async def challenge(self, request: Incoming, running: Running, log: str) -> ChallengeOut:
        """Okta verifies an event hook's address once, by this request."""
        ours(await authorise(request, running, Scope.AUDIT))
        running.consoles.require(log)
        words = request.headers.get(CHALLENGE, "")
        if not 0 < len(words) <= LONGEST_CHALLENGE:
            raise Invalid("send the challenge of an event hook", field=CHALLENGE)
        return ChallengeOut(words)
