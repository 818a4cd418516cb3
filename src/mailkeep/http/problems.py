"""Renders errors as problem documents (RFC 9457)."""

from http import HTTPStatus

import msgspec
from litestar import Response
from litestar.exceptions import HTTPException
from litestar.types import Send

from mailkeep.base.errors import MailkeepError, TooMany, Unavailable
from mailkeep.mail.taking import InDoubt

from .port import Incoming

MEDIA_TYPE = "application/problem+json"


class Problem(msgspec.Struct, omit_defaults=True):
    """A problem document. ``type`` is relative to this API; ``field`` names the input at fault.

    ``message_id``: of a message of which nobody can tell whether it was stored; it has this id if
    it was.
    """

    type: str
    title: str
    status: int
    detail: str = ""
    field: str | None = None
    message_id: str | None = None


INTERNAL = Problem("about:blank", "Internal error", 500)


def respond(problem: Problem, headers: dict[str, str] | None = None) -> Response[bytes]:
    """A problem document as the answer."""
    if problem.status == 503:
        headers = {"Retry-After": _whole(Unavailable.retry_after)} | (headers or {})
    return Response(
        msgspec.json.encode(problem),
        status_code=problem.status,
        media_type=MEDIA_TYPE,
        headers=headers,
    )


def problem_of(error: MailkeepError) -> Problem:
    """What the rooms raise, as a problem document."""
    title = error.slug.replace("-", " ").capitalize()
    found = Problem(f"/problems/{error.slug}", title, error.status, str(error), error.field)
    if isinstance(error, InDoubt):
        found.message_id = error.message or None
    return found


def on_our_error(request: Incoming, error: MailkeepError) -> Response[bytes]:
    """What the rooms raise; its text is made to be shown."""
    headers = {}
    request.state.why = error.slug
    if isinstance(error, TooMany | Unavailable) and error.retry_after is not None:
        headers["Retry-After"] = _whole(error.retry_after)
    if error.status == 401:
        headers["WWW-Authenticate"] = "Bearer"
    return respond(problem_of(error), headers)


async def send(answer: Response[bytes], to: Send) -> None:
    """Send an answer past the framework, as it stands."""
    content = answer.content
    headers = [
        (b"content-type", str(answer.media_type).encode()),
        (b"content-length", b"%d" % len(content)),
        *((name.lower().encode(), one.encode("latin-1")) for name, one in answer.headers.items()),
    ]
    status = answer.status_code or 200
    await to({"type": "http.response.start", "status": status, "headers": headers})
    await to({"type": "http.response.body", "body": content, "more_body": False})


def _whole(seconds: float) -> str:
    return str(max(1, round(seconds)))


def on_http_error(request: Incoming, error: HTTPException) -> Response[bytes]:
    """What the framework raises: no such path, wrong method, too large."""
    if error.status_code >= 500:
        request.state.fault = error
    # RFC 9457 section 4.2.1: such a problem says no more than its status does.
    title = _phrase(error.status_code)
    detail = "" if error.status_code >= 500 or error.detail == title else error.detail
    given = {name.lower(): one for name, one in (error.headers or {}).items()}
    headers = {"Allow": given["allow"]} if "allow" in given else None
    return respond(Problem("about:blank", title, error.status_code, detail), headers)


def _phrase(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return "Error"


def on_fault(request: Incoming, error: Exception) -> Response[bytes]:
    """Our own fault: the log has the trace, the caller learns nothing of the inside."""
    request.state.fault = error
    request.state.why = type(error).__name__
    return respond(INTERNAL)
