"""``/v1/resets``: an application announces a password reset, and is told which side handles it; for
operators, what would have become of the resets that it kept.

Security: the answer is one word, which is the same before and after somebody is registered, and the
work is the same for every name. The result of a rehearsal is never shown to an application's key:
it would say who is a customer.
"""

from typing import Annotated, Literal

import msgspec
from litestar import Controller, get, post

from mailkeep.accounts import applications
from mailkeep.base.clock import DAY, SECOND, iso
from mailkeep.base.errors import Invalid, NotAllowed, NotFound, NotSignedIn
from mailkeep.base.networks import network, read
from mailkeep.http import client
from mailkeep.http.bearer import admit, authorise, ours
from mailkeep.http.port import Incoming, Running
from mailkeep.mail import api_keys
from mailkeep.mail.grants import Scope
from mailkeep.operators.permissions import Permission
from mailkeep.recovery import rehearsed
from mailkeep.recovery.rehearsing import Told
from mailkeep.recovery.types import Way
from mailkeep.store.database import Tx

from . import strict_json

_Text = Annotated[str, msgspec.Meta(max_length=400)]


class ResetIn(msgspec.Struct, forbid_unknown_fields=True):
    """A reset that somebody asked the application for: an ``address``, a ``subject``, or both.

    ``address``: as it was typed. ``subject``: whom the application means, where it knows somebody
    by what was typed. ``network``: the address that the browser came from; ``agent``: its
    ``User-Agent``; ``device``: the application's own name for it, opaque.
    """

    address: Annotated[str, msgspec.Meta(max_length=320)] = ""
    subject: _Text = ""
    network: Annotated[str, msgspec.Meta(max_length=64)] = ""
    agent: Annotated[str, msgspec.Meta(max_length=1024)] = ""
    device: _Text = ""


class WayOut(msgspec.Struct):
    """``here``: send the browser to ``/oauth/authorize``. ``there``: do the reset yourself as
    before."""

    way: Literal["here", "there"]


class ResetsIn(msgspec.Struct, forbid_unknown_fields=True):
    """``days``: back from now. ``application``: its id or name; without it, all."""

    days: Annotated[float, msgspec.Meta(gt=0, le=366)] = 7.0
    application: _Text = ""


class RehearsedOut(msgspec.Struct):
    """Counts of resets. ``here``: they were recovered here, the rest was rehearsed. ``pending``:
    not worked out yet; ``failed``: never will be. ``longest``: of the holds, seconds. ``meaning``
    says the same in a sentence, ``next`` the cheapest step to have more of them go through."""

    since: str
    asked: int
    here: int
    pending: int
    failed: int
    at_once: int
    held: int
    waits: int
    not_registered: int
    limit: int
    by_class: int
    longest: float
    reasons: dict[str, int]
    why: dict[str, int]
    factors: dict[str, int]
    meaning: str
    next: str


class ResetsApi(Controller):
    """Reporting needs a key with the scope ``recover`` that is bound to an application; reading,
    one with ``operate``."""

    path = "/v1/resets"
    tags = ("resets",)

    @post("/", status_code=200, summary="Say that a reset was asked for, and hear where it goes on")
    async def ask(self, request: Incoming, running: Running) -> WayOut:
        """Call it before either side starts, for every name that is typed, known or not. A reset
        that stays with the application is rehearsed: nothing is mailed, and no account notices."""
        await admit(request, running, Scope.RECOVER)
        given = strict_json.decode(await strict_json.body(request), ResetIn)
        grant = await authorise(request, running, Scope.RECOVER)
        recovery = running.recovery
        if recovery is None:
            raise NotFound("there are no accounts here")
        if not grant.application:
            raise NotAllowed("this key is bound to no application")
        if given.network and read(given.network) is None:
            raise Invalid("an IP address of the browser, or nothing", field="network")
        told = Told(
            address=given.address,
            subject=given.subject,
            device=given.device,
            network=network(given.network) if given.network else "",
            agent=client.agent(given.agent),
        )

        async def work(tx: Tx) -> Way:
            if grant.id not in await api_keys.still_valid(tx, {grant.id}):
                raise NotSignedIn("the API key has been revoked")
            return await recovery.whither(tx, grant.application, told)

        return WayOut((await running.database.retrying(work)).value)

    @get("/", summary="What would have become of resets that applications kept")
    async def index(self, request: Incoming, running: Running) -> RehearsedOut:
        wanted = strict_json.query(request, ResetsIn)
        ours(await authorise(request, running, Permission.RECOVERIES_SEE))
        async with running.database.read() as tx:
            application = ""
            if wanted.application:
                application = (await applications.named(tx, wanted.application)).id
            since = tx.now - round(wanted.days * DAY)
            found = await rehearsed.summary(tx, since, application)
        counts = msgspec.structs.asdict(found) | {"longest": found.longest / SECOND}
        return RehearsedOut(
            since=iso(since),
            meaning=rehearsed.sentence(found),
            next=rehearsed.step(found),
            **counts,
        )
