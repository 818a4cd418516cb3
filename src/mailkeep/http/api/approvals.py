"""``/v1/approvals``: dangerous actions that one operator requested and a second one must
approve."""

import msgspec
from litestar import Controller, Response, get, post

from mailkeep.http.bearer import admit, authorise
from mailkeep.http.port import Incoming, Running
from mailkeep.operators.permissions import Permission
from mailkeep.response import approval
from mailkeep.response.types import Approval, Step

from .approval_out import ApprovalOut
from .approval_out import approval as shown
from .incident_out import ActionOut, acted


class ApprovalsOut(msgspec.Struct):
    """Open requests, the oldest first."""

    approvals: list[ApprovalOut]


class ApprovalsApi(Controller):
    """Reading needs a key with the scope ``read``, deciding one with ``operate``."""

    path = "/v1/approvals"
    tags = ("incidents",)

    @get("/", summary="What waits for a second person")
    async def index(self, request: Incoming, running: Running) -> ApprovalsOut:
        await authorise(request, running, Permission.INCIDENTS_SEE)
        async with running.database.read() as tx:
            return ApprovalsOut([shown(one) for one in await approval.all_waiting(tx)])

    @post("/{request_id:str}/approve", status_code=200, summary="Approve what another asked for")
    async def approve(
        self, request: Incoming, running: Running, request_id: str
    ) -> Response[ActionOut] | Response[ApprovalOut]:
        """The action is done at once, in the requester's name; a list is taken by the requester.
        403 for one's own request; 409 when it has expired or its warnings have changed."""
        await admit(request, running, Permission.ACTIONS_APPROVE)
        by = (await authorise(request, running, Permission.ACTIONS_APPROVE)).id
        done = await running.response.approve(request_id, by=by)
        if isinstance(done, Approval):
            return Response(shown(done), status_code=200)
        return acted(done, Step.APPLY.value)

    @post("/{request_id:str}/refuse", status_code=200, summary="Refuse it, or take it back")
    async def refuse(self, request: Incoming, running: Running, request_id: str) -> ApprovalOut:
        await admit(request, running, Permission.INCIDENTS_WORK)
        by = (await authorise(request, running, Permission.INCIDENTS_WORK)).id
        refuse = running.response.refuse
        return shown(await running.database.retrying(lambda tx: refuse(tx, request_id, by=by)))
