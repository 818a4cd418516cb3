"""``/v1/incidents/{id}/notices``: which owners were told of an incident, one by one."""

from typing import Annotated

import msgspec
from litestar import Controller, post

from mailkeep.base.clock import iso
from mailkeep.http.bearer import admit, authorise
from mailkeep.http.port import Incoming, Running
from mailkeep.operators.permissions import Permission
from mailkeep.response import looking, telling
from mailkeep.response.telling import Counts, Page
from mailkeep.response.types import OwnerTold

from . import strict_json


class NoticesIn(msgspec.Struct, forbid_unknown_fields=True):
    """``unreached``: only owners who were not told; ``after``: the ``after`` of the page before."""

    unreached: bool = False
    after: Annotated[str, msgspec.Meta(max_length=40)] = ""
    limit: Annotated[int, msgspec.Meta(ge=1, le=telling.MOST)] = telling.PAGE


class NoticeOut(msgspec.Struct):
    """A mail to an owner. ``what`` it says of the account: ``completed``, ``stopped_by_factor``,
    ``half_proven`` or ``requested``; ``status``: as of any message, or ``forgotten``."""

    message: str
    what: str
    status: str
    at: str


class OwnerToldOut(msgspec.Struct):
    """An owner, by the account's id. ``told``: one of the mails was delivered; no mail: nothing was
    written yet, or no address counts."""

    account: str
    told: bool
    mails: list[NoticeOut]


class NoticesOut(msgspec.Struct):
    """Owners whose account was touched, how many of them were told, and a page of them by their
    accounts' ids. ``after``: the cursor of the next page; null: this was the last."""

    owners: int
    told: int
    not_told: int
    notices: list[OwnerToldOut]
    after: str | None


class NoticesApi(Controller):
    """Needs a key with the scope ``operate``, and is audited: whose an account is stands nowhere
    here."""

    path = "/v1/incidents"
    tags = ("incidents",)

    @post("/{incident:str}/notices", status_code=200, summary="Which owners were told")
    async def index(self, request: Incoming, running: Running, incident: str) -> NoticesOut:
        await admit(request, running, Permission.ACCOUNTS_SEE)
        wanted = strict_json.decode(await strict_json.body(request), NoticesIn)
        by = (await authorise(request, running, Permission.ACCOUNTS_SEE)).id
        counted, found = await looking.owners(
            *(running.response.means, incident),
            by=by,
            unreached=wanted.unreached,
            after=wanted.after,
            limit=wanted.limit,
        )
        return shown(counted, found)


def shown(counted: Counts, found: Page) -> NoticesOut:
    """As the API and the command line write them."""
    return NoticesOut(
        owners=counted.owners,
        told=counted.told,
        not_told=counted.not_told,
        notices=[_owner(one) for one in found.owners],
        after=found.after or None,
    )


def _owner(one: OwnerTold) -> OwnerToldOut:
    mails = [NoticeOut(each.message, each.what, each.status, iso(each.at)) for each in one.mails]
    return OwnerToldOut(one.account, one.told, mails)
