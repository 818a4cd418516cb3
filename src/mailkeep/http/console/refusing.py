"""A form that is refused comes back: its page again, with what was typed, the field that is wrong
marked, and why, under the status of the error.

Handlers of forms with something to type go through ``or_again``; their templates ask ``form_at``
what to show in a form. One form of a page is told from the others by where it is posted to, and by
its hidden fields where several are posted to the same place.

Security: what is shown again is what the same browser just sent, in the answer to that request
alone. Secrets (keys, passkeys) are typed into the sign-in pages, which show nothing again.
"""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import msgspec
from litestar import Response
from litestar.response import Template

from mailkeep.base.errors import Conflict, Invalid, MailkeepError, NotFound, TooMany
from mailkeep.http.port import Incoming

from .operator import Operator, Refused

#: What a person at a form can do something about.
MENDABLE = (Invalid, Conflict, NotFound, TooMany)


class Form:
    """What a template shows in one of its forms. ``error``: why just this one was refused."""

    def __init__(self, refused: Refused | None) -> None:
        self.error: MailkeepError | None = None if refused is None else refused.error
        self._typed: Mapping[str, str] = {} if refused is None else refused.typed

    def get(self, name: str, otherwise: str = "") -> str:
        """What was typed into a field; else what the page shows there anyway."""
        return self._typed.get(name, otherwise) if self.error else otherwise

    def wrong(self, name: str) -> bool:
        """Whether this field is what is wrong."""
        return self.error is not None and self.error.field == name


def forms(refused: Refused | None) -> Callable[..., Form]:
    """``form_at`` of a page: by the path that a form is posted to, and its hidden fields."""

    def form_at(path: str, **hidden: str) -> Form:
        same = refused is not None and refused.path == path
        if same and refused is not None:
            same = all(refused.typed.get(name) == value for name, value in hidden.items())
        return Form(refused if same else None)

    return form_at


async def or_again(
    request: Incoming,
    operator: Operator,
    work: Callable[[], Awaitable[Response[Any]]],
    show: Callable[[Operator], Awaitable[Template]],
) -> Response[Any]:
    """What ``work`` answers; where it refuses what was typed, the page of the form.

    Args:
        show: makes that page. What it raises itself, there being no such page, is raised.
    """
    try:
        return await work()
    except MENDABLE as error:
        refused = Refused(request.url.path.rstrip("/"), operator.form, error)
        return await show(msgspec.structs.replace(operator, refused=refused))
