"""Repairs links that a mail gateway rewrote: ``#`` became ``%23``, so the secret arrives in the
path.

The customer is redirected to the page that the mail meant, with the secret in the fragment again;
the request redeems no more than the link itself. We never write such a link (ASVS 14.2.1), and no
path is logged.
"""

import re
from typing import Any

from litestar import Response
from litestar.exceptions import HTTPException
from litestar.response import Redirect

from . import problems
from .port import Incoming

#: A page of ours and a secret as we write it: nothing else is led anywhere, least of all to
#: ``//elsewhere.example``.
_LINK = re.compile(r"((?:/[a-z][a-z-]*)+)#([0-9A-Z]{26})")


def page(path: str) -> str | None:
    """Where the link was meant to lead, for a path as it was decoded (pure)."""
    found = _LINK.fullmatch(path)
    return None if found is None else f"{found[1]}#{found[2]}"


def on_not_found(request: Incoming, error: HTTPException) -> Response[Any]:
    """What no route answers: a link that was rewritten, or nothing of ours."""
    meant = page(request.scope["path"]) if request.method == "GET" else None
    if meant is None:
        return problems.on_http_error(request, error)
    return Redirect(meant, status_code=303, headers={"Referrer-Policy": "no-referrer"})
