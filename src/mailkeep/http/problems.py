"""Errors as problem documents (RFC 9457)."""

import msgspec
from litestar import Response
from litestar.exceptions import HTTPException

from mailkeep.base.errors import MailkeepError, TooMany

from .port import Incoming

MEDIA_TYPE = "application/problem+json"


class Problem(msgspec.Struct, omit_defaults=True):
    """A problem document. ``type`` is relative to this API; ``field`` names the input at fault."""

    type: str
    title: str
    status: int
    detail: str = ""
    field: str | None = None


def _respond(problem: Problem, headers: dict[str, str] | None = None) -> Response[bytes]:
    return Response(
        msgspec.json.encode(problem),
        status_code=problem.status,
        media_type=MEDIA_TYPE,
        headers=headers,
    )


def on_our_error(request: Incoming, error: MailkeepError) -> Response[bytes]:
    """What the rooms raise; its text is made to be shown."""
    headers = {}
    request.state.why = error.slug
    if isinstance(error, TooMany) and error.retry_after is not None:
        headers["Retry-After"] = str(max(1, round(error.retry_after)))
    if error.status == 401:
        headers["WWW-Authenticate"] = "Bearer"
    title = error.slug.replace("-", " ").capitalize()
    return _respond(
        Problem(f"/problems/{error.slug}", title, error.status, str(error), error.field), headers
    )


def on_http_error(request: Incoming, error: HTTPException) -> Response[bytes]:
    """What the framework raises: no such path, wrong method, too large."""
    if error.status_code >= 500:
        request.state.fault = error
    return _respond(Problem("about:blank", error.detail or "Error", error.status_code))


def on_fault(request: Incoming, error: Exception) -> Response[bytes]:
    """Our own fault: the log has the trace, the caller learns nothing of the inside."""
    request.state.fault = error
    request.state.why = type(error).__name__
    return _respond(Problem("about:blank", "Internal error", 500))
