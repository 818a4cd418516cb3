"""``/v1/incidents/{id}/accounts``: the accounts behind the counts of an incident, one by one."""

from typing import Annotated

import msgspec
from litestar import Controller, post

from mailkeep.base.clock import iso, when
from mailkeep.http.bearer import admit, authorise
from mailkeep.http.port import Incoming, Running
from mailkeep.incidents import touched
from mailkeep.incidents.harm import Harm
from mailkeep.incidents.touched import Asked, Page
from mailkeep.operators.permissions import Permission
from mailkeep.response import looking

from . import strict_json


class TouchedIn(msgspec.Struct, forbid_unknown_fields=True):
    """``outcome``: which accounts; ``after``: the ``after`` of the page before."""

    outcome: Asked = Asked.REQUESTED
    after: Annotated[str, msgspec.Meta(max_length=40)] = ""
    limit: Annotated[int, msgspec.Meta(ge=1, le=touched.MOST)] = touched.PAGE


class AccountChangeOut(msgspec.Struct):
    """A change since the recovery. ``by``: whether those who were signed in then came from browsers
    that the account knew before: ``known``, ``strange``, ``either``, or ``unseen``."""

    what: str
    state: str
    at: str
    by: str


class TouchedOut(msgspec.Struct):
    """An account, by its id. ``reached``: how far somebody came, the worst of it; ``why`` it counts
    as ``lost``: ``denied``, ``strange_browser``. ``sessions``: sign-ins since it was completed, of
    which ``strange`` from browsers that it did not know."""

    account: str
    reached: str
    why: tuple[str, ...]
    asked_at: str
    completed_at: str | None
    denied_at: str | None
    sessions: int
    strange: int
    changes: list[AccountChangeOut]


class TouchedPageOut(msgspec.Struct):
    """Accounts by their ids. ``after``: the cursor of the next page; null: this was the last. A
    page may have few, or none, before the last one."""

    accounts: list[TouchedOut]
    after: str | None


class TouchedApi(Controller):
    """Needs a key with the scope ``operate``, and is audited: whose an account is stands nowhere
    here."""

    path = "/v1/incidents"
    tags = ("incidents",)

    @post("/{incident:str}/accounts", status_code=200, summary="What happened to which account")
    async def index(self, request: Incoming, running: Running, incident: str) -> TouchedPageOut:
        await admit(request, running, Permission.ACCOUNTS_SEE)
        wanted = strict_json.decode(await strict_json.body(request), TouchedIn)
        by = (await authorise(request, running, Permission.ACCOUNTS_SEE)).id
        found = await looking.look(
            *(running.response.means, incident, wanted.outcome),
            by=by,
            after=wanted.after,
            limit=wanted.limit,
        )
        return shown(found)


def shown(found: Page) -> TouchedPageOut:
    """As the API and the command line write them."""
    return TouchedPageOut([_account(one) for one in found.accounts], found.after or None)


def _account(one: Harm) -> TouchedOut:
    return TouchedOut(
        account=one.account,
        reached=one.reached.value,
        why=one.why,
        asked_at=iso(one.asked_at),
        completed_at=when(one.completed_at),
        denied_at=when(one.denied_at),
        sessions=one.sessions,
        strange=one.strange,
        changes=[AccountChangeOut(c.what, c.state, iso(c.at), c.by.value) for c in one.changes],
    )
