"""Errors as problem documents (RFC 9457)."""

from http import HTTPStatus

import msgspec
from litestar import Response
from litestar.exceptions import HTTPException

from mailkeep.base.errors import MailkeepError, TooMany, Unavailable

from .port import Incoming

MEDIA_TYPE = "application/problem+json"


class Problem(msgspec.Struct, omit_defaults=True):
    """A problem document. ``type`` is relative to this API; ``field`` names the input at fault."""

    type: str
    title: str
    status: int
    detail: str = ""
    field: str | None = None


INTERNAL = Problem("about:blank", "Internal error", 500)


def respond(problem: Problem, headers: dict[str, str] | None = None) -> Response[bytes]:
    """A problem document as the answer."""
    return Response(
        msgspec.json.encode(problem),
        status_code=problem.status,
        media_type=MEDIA_TYPE,
        headers=headers,
    )


def problem_of(error: MailkeepError) -> Problem:
    """What the rooms raise, as a problem document."""
    title = error.slug.replace("-", " ").capitalize()
    return Problem(f"/problems/{error.slug}", title, error.status, str(error), error.field)


def on_our_error(request: Incoming, error: MailkeepError) -> Response[bytes]:
    """What the rooms raise; its text is made to be shown."""
    headers = {}
    request.state.why = error.slug
    if isinstance(error, TooMany | Unavailable) and error.retry_after is not None:
        headers["Retry-After"] = str(max(1, round(error.retry_after)))
    if error.status == 401:
        headers["WWW-Authenticate"] = "Bearer"
    return respond(problem_of(error), headers)


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
