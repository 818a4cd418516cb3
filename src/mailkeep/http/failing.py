"""Turns an error into a response: a page for a browser with a person at it, else a problem
document.

A wrong path or method, or too large a form, is refused by the framework before any page of ours is
reached, and a person would be shown JSON.
"""

from collections.abc import Callable
from typing import Any, TypeVar

from litestar import Response
from litestar.response import Template

from .port import Incoming

E = TypeVar("E", bound=Exception)

#: Below these only programs ask, and programs are answered.
_PROGRAMS = ("/v1/", "/ssf/", "/hooks/", "/.well-known/", "/oauth/token", "/oauth/userinfo")

_WORDS = {
    400: "That could not be read",
    401: "Sign in first",
    403: "That is not allowed",
    404: "There is no such page",
    405: "This page cannot be opened like that",
    408: "That took too long",
    413: "That is too large",
    415: "That could not be read",
    429: "That was too often",
    500: "Something went wrong here",
    503: "This cannot be done now",
}


def wants_page(accept: str, path: str) -> bool:
    """Whether a page is what was asked for (pure; RFC 9110 section 12.5.1).

    Args:
        accept: the header; browsers name ``text/html`` when a person opens a page or sends a form,
            and not when a script asks.
    """
    if path.startswith(_PROGRAMS):
        return False
    kinds = [one.split(";") for one in accept.lower().split(",")]
    return any(
        kind.strip() == "text/html" and not any(_never(one) for one in more)
        for kind, *more in kinds
    )


def _never(parameter: str) -> bool:
    name, _, value = parameter.partition("=")
    return name.strip() == "q" and not value.strip().strip("0.")


def answering(
    say: Callable[[Incoming, E], Response[Any]],
) -> Callable[[Incoming, E], Response[Any]]:
    """An exception handler that renders as a page what ``say`` renders as a problem document."""

    def handler(request: Incoming, error: E) -> Response[Any]:
        found = say(request, error)
        accept = ",".join(request.headers.getall("accept", []))
        if (found.status_code or 0) < 400 or not wants_page(accept, request.scope["path"]):
            return found
        status = found.status_code or 500
        title = _WORDS.get(status, "That did not work")
        headers = dict(found.headers) | {"Vary": "Accept"}
        context = {"title": title, "status": status}
        return Template("failed.html", context=context, status_code=status, headers=headers)

    return handler
