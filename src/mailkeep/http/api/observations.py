"""``/v1/observations``: what was seen elsewhere is brought in."""

import msgspec
from litestar import Controller, get, post
from litestar.exceptions import HTTPException

from mailkeep.base.errors import Invalid
from mailkeep.http.bearer import admit, authorise, ours
from mailkeep.http.port import Incoming, Running
from mailkeep.mail.grants import Scope
from mailkeep.watch.packed import MAX_PACKED

JSON = "application/json"
TYPES = frozenset({JSON, "application/gzip", "application/x-gzip", "application/octet-stream"})
CHALLENGE = "x-okta-verification-challenge"
LONGEST_CHALLENGE = 200


class AuditOut(msgspec.Struct):
    """How many lines were new; known already; about something else or of no concern; too old or of
    a time to come; not as they should be."""

    new: int
    known: int
    passed: int
    stale: int
    broken: int


class ChallengeOut(msgspec.Struct):
    """What an event hook of Okta's wants to hear before it sends anything."""

    verification: str


class AuditApi(Controller):
    """Needs a key with the scope ``audit`` that is bound to no application."""

    path = "/v1/observations/audit"
    tags = ("observations",)

    @post("/{log:str}", status_code=200, summary="Bring lines of an audit log in")
    async def take(self, request: Incoming, running: Running, log: str) -> AuditOut:
        """The body is the log in the form of its kind (``[[console_log]]``), gzipped or not. Lines
        that are known already change nothing, so that what failed is brought again."""
        ours(await admit(request, running, Scope.AUDIT))
        kind, _, _ = request.headers.get("Content-Type", "").partition(";")
        if kind.strip().lower() not in TYPES:
            raise HTTPException(f"send 'Content-Type: {JSON}' or application/gzip", status_code=415)
        raw = await request.body()
        ours(await authorise(request, running, Scope.AUDIT))
        if not raw or len(raw) > MAX_PACKED:
            raise Invalid("send lines of at most 10 MiB as the body", field="log")
        found = await running.consoles.take(log, raw)
        return AuditOut(**msgspec.structs.asdict(found))

    @get("/{log:str}", summary="Answer the challenge of an event hook")
    async def challenge(self, request: Incoming, running: Running, log: str) -> ChallengeOut:
        """Okta asks once whether an address wants its event hook."""
        ours(await authorise(request, running, Scope.AUDIT))
        running.consoles.require(log)
        words = request.headers.get(CHALLENGE, "")
        if not 0 < len(words) <= LONGEST_CHALLENGE:
            raise Invalid("send the challenge of an event hook", field=CHALLENGE)
        return ChallengeOut(words)
