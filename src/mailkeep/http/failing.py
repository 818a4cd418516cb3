"""Turns an error into a response: a page for a browser with a person at it, else a problem
document.

A wrong path or method, or too large a form, is refused by the framework before any page of ours is
reached, and a person would be shown JSON.
"""

from collections.abc import Callable
from typing import Any, TypeVar

from litestar import Response
from litestar.response import Template

from mailkeep.accounts.language import ENGLISH, Languages

from . import speech
from .port import Incoming
from .speech import Speech

E = TypeVar("E", bound=Exception)

#: Below these only programs ask, and programs are answered.
_PROGRAMS = ("/v1/", "/ssf/", "/hooks/", "/.well-known/", "/oauth/token", "/oauth/userinfo")

#: Of their operators, in English as all that they see.
_OURS = ("/console", "/mailbox")
MISSING = "missing"  #: the name of the page that says that there is none
#: What each status is called in the words of pages; of others: that it did not work.
_TITLES = {
    400: "failed.unreadable",
    401: "failed.sign_in",
    403: "failed.forbidden",
    404: "failed.missing",
    405: "failed.method",
    408: "failed.slow",
    413: "failed.large",
    415: "failed.unreadable",
    429: "failed.often",
    500: "failed.fault",
    503: "failed.unavailable",
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
    say: Callable[[Incoming, E], Response[Any]], languages: Languages, brand: str = ""
) -> Callable[[Incoming, E], Response[Any]]:
    """An exception handler that renders as a page what ``say`` renders as a problem document.

    Args:
        languages: that the page may be in.
        brand: whose pages these are; "": it is not said.
    """

    def handler(request: Incoming, error: E) -> Response[Any]:
        found = say(request, error)
        accept = ",".join(request.headers.getall("accept", []))
        if (found.status_code or 0) < 400 or not wants_page(accept, request.scope["path"]):
            return found
        status = found.status_code or 500
        ours = request.scope["path"].startswith(_OURS)
        speaks = Speech(languages.of(ENGLISH if ours else speech.wanted(request, languages)))
        varies = "Accept" if ours else f"Accept, {speaks.headers['Vary']}"
        headers = dict(found.headers) | {**speaks.headers, "Vary": varies}
        title = speaks.say(_TITLES.get(status, "failed.other"))
        # What was not found is not found again, so it can be shown in another language; what
        # failed in another way cannot be asked for once more.
        again = status == 404 and not ours and len(languages.names) > 1
        context = speaks.context | {
            "title": title,
            "status": status,
            "brand": brand,
            "ours": ours,
            "page": MISSING,
            "languages": languages.names if again else {},
        }
        return Template("failed.html", context=context, status_code=status, headers=headers)

    return handler
