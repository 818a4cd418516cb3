"""``/v1/claims``: a support desk records that a customer reported something as not theirs."""

from typing import Annotated

import msgspec
from litestar import Controller, post

from mailkeep.http.bearer import admit, authorise
from mailkeep.http.port import Incoming, Running
from mailkeep.mail.grants import Scope
from mailkeep.watch import claiming
from mailkeep.watch.claiming import What

from . import strict_json


class ClaimIn(msgspec.Struct, forbid_unknown_fields=True):
    """A claim that ``what`` was not done by the customer who has ``address``."""

    address: Annotated[str, msgspec.Meta(max_length=400)]
    what: What


class ClaimsApi(Controller):
    """Needs a key with the scope ``report``; one bound to an application makes claims about its
    users."""

    path = "/v1/claims"
    tags = ("reports",)

    @post("/", status_code=202, summary="A customer says: that was not me")
    async def claim(self, request: Incoming, running: Running) -> None:
        """It is recorded as a claim, and has no other effect. The answer is the same whether or not
        there is such an account."""
        await admit(request, running, Scope.REPORT)
        wanted = strict_json.decode(await strict_json.body(request), ClaimIn)
        grant = await authorise(request, running, Scope.REPORT)
        await running.database.retrying(
            lambda tx: claiming.claim(
                *(running.database, tx, running.keys, wanted.address, wanted.what),
                by=grant.id,
                application=grant.application,
            )
        )
