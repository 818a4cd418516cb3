"""``/v1/recoveries``: staff start a recovery for an owner who asks for help, and see none of it.

The mails go to the owner's own addresses over two routes, as after any request; whoever starts it
neither sees nor chooses a link, a code or a password (ASVS 6.4.6).

Security: for accounts of ours. The key of an application that keeps its own users is refused,
whatever the address, so that the refusal tells nothing: its users begin at ``/oauth/authorize``.
"""

from typing import Annotated

import msgspec
from litestar import Controller, post

from mailkeep.base.errors import NotFound
from mailkeep.http.bearer import admit, authorise, ours
from mailkeep.http.port import Incoming, Running
from mailkeep.operators.permissions import Permission

from . import strict_json


class RecoveryIn(msgspec.Struct, forbid_unknown_fields=True):
    """``address``: of the account; it may have others, and the mails go to this one."""

    address: Annotated[str, msgspec.Meta(min_length=3, max_length=320)]


class RecoveryOut(msgspec.Struct):
    """``id``: in the log and the audit chain; the same whether there is an account or not."""

    id: str


class RecoveriesApi(Controller):
    """It takes a key with the scope ``recover`` that is bound to no application."""

    path = "/v1/recoveries"
    tags = ("recoveries",)

    @post("/", status_code=202, summary="Start a recovery for an owner")
    async def start(self, request: Incoming, running: Running) -> RecoveryOut:
        """The answer is the same whether there is an account with that address or not."""
        ours(await admit(request, running, Permission.RECOVERIES_START))
        wanted = strict_json.decode(await strict_json.body(request), RecoveryIn)
        by = ours(await authorise(request, running, Permission.RECOVERIES_START)).id
        if running.recovery is None:
            raise NotFound("there are no accounts here")
        return RecoveryOut(await running.recovery.start_for(wanted.address, by=by))
