"""``/v1/offboardings``: the lists by which providers are left: begin one, tick off, watch, stop.

Security: what a stolen key does not get is in ``http/leaving.py``.
"""

from typing import Annotated

import msgspec
from litestar import Controller, Response, get, post

from mailkeep.base.clock import iso, when
from mailkeep.base.errors import NotFound
from mailkeep.cutover import offboarding
from mailkeep.cutover.checklist import Item, checklist
from mailkeep.cutover.offboarding import ItemView, OffboardingView
from mailkeep.http import leaving
from mailkeep.http.bearer import admit, authorise, ours
from mailkeep.http.port import Incoming, Running, Services
from mailkeep.mail import queries as mail
from mailkeep.operators.permissions import Permission

from . import strict_json


class ItemOut(msgspec.Struct):
    """One thing to be done. ``how``: ``here`` (Mailkeep does it), ``hand`` (a person), ``kept``
    (it stays); ``done_by``: null until it is done; ``note``: what was seen of it then, with
    ``against what was seen`` before where the shell went past it, or that a person's word is all
    there is; and what they said."""

    name: str
    how: str
    text: str
    due_at: str
    done_at: str | None
    done_by: str | None
    note: str


class OffboardingOut(msgspec.Struct):
    """A provider that is left. ``exposed``: addresses that it was ever given, as of now."""

    id: str
    provider: str
    hostile: bool
    started_at: str
    done_at: str | None
    exposed: int
    items: list[ItemOut]


class OffboardingsOut(msgspec.Struct):
    offboardings: list[OffboardingOut]


class BegunOut(msgspec.Struct):
    """A list that stands. ``confirm``: this call cut the provider off, and a second person has to
    confirm that at ``/v1/providers/{name}/cut/confirm``; ``warnings``: what has too little left."""

    offboarding: OffboardingOut
    confirm: bool
    warnings: tuple[str, ...]


class PlannedOut(msgspec.Struct):
    """One thing that would be to do, and from when."""

    name: str
    how: str
    text: str
    due_at: str


class PlanOut(msgspec.Struct):
    """The list that a start would write down. ``warnings``: what a start is refused for."""

    provider: str
    hostile: bool
    items: list[PlannedOut]
    warnings: list[str]


class PlanIn(msgspec.Struct, forbid_unknown_fields=True):
    """``hostile``: it may be in an attacker's hands, and nothing waits."""

    hostile: bool = False


class LeaveIn(msgspec.Struct, forbid_unknown_fields=True):
    """Whom to leave. ``hostile``: it may be in an attacker's hands, and nothing waits; it is cut
    off, and ``reason`` says why to whom that is announced."""

    provider: str
    hostile: bool = False
    reason: Annotated[str, msgspec.Meta(min_length=1, max_length=200)] = "left as hostile"


class DoneIn(msgspec.Struct, forbid_unknown_fields=True):
    """``note``: who did it, and where that is written down; required where nothing can be looked
    at."""

    note: Annotated[str, msgspec.Meta(max_length=200)] = ""


class StopIn(msgspec.Struct, forbid_unknown_fields=True):
    """Why it is kept."""

    reason: Annotated[str, msgspec.Meta(min_length=1, max_length=200)]


class OffboardingsApi(Controller):
    """Reading needs a key with the scope ``read``, acting one with ``operate``."""

    path = "/v1/offboardings"
    tags = ("cutovers",)

    @get("/", summary="The providers that are left, and what is done")
    async def index(self, request: Incoming, running: Running) -> OffboardingsOut:
        ours(await authorise(request, running, Permission.PROVIDERS_SEE))
        return await _every(running)

    @post("/", status_code=201, summary="Begin to leave a provider for good")
    async def start(self, request: Incoming, running: Running) -> Response[BegunOut]:
        """200 where it is being left so already: the same call twice begins one list. 409 while it
        carries mail, while recovery keeps no two independent routes without it, and where a hostile
        leave would stop a stream's mail: that cut takes two people, and comes first."""
        await admit(request, running, Permission.PROVIDERS_CHANGE)
        wanted = strict_json.decode(await strict_json.body(request), LeaveIn)
        by = ours(await authorise(request, running, Permission.PROVIDERS_CHANGE)).id
        begun = await leaving.begin(
            running, wanted.provider, hostile=wanted.hostile, by=by, reason=wanted.reason
        )
        shown = BegunOut(await _shown(running, begun.view), begun.cut, begun.warnings)
        return Response(shown, status_code=201 if begun.new else 200)

    @get("/{provider:str}", summary="The list of one provider")
    async def show(self, request: Incoming, running: Running, provider: str) -> OffboardingOut:
        ours(await authorise(request, running, Permission.PROVIDERS_SEE))
        return await _shown(running, await leaving.view(running, provider))

    @get("/{provider:str}/plan", summary="The list that a start would write down")
    async def plan(self, request: Incoming, running: Running, provider: str) -> PlanOut:
        """Nothing is written down, and nothing is done."""
        wanted = strict_json.query(request, PlanIn)
        ours(await authorise(request, running, Permission.PROVIDERS_SEE))
        name, hostile = _known(running, provider), wanted.hostile
        async with running.database.read() as tx:
            known = await running.ticking.known(tx, name)
            warnings = await offboarding.warnings(tx, running.cutover.house, name, hostile=hostile)
            items = checklist(known, tx.now, hostile=hostile)
        return PlanOut(name, hostile, [_planned(one) for one in items], warnings)

    @post(
        "/{provider:str}/items/{item:str}/done",
        status_code=200,
        summary="Say that an item is done that a person does",
    )
    async def done(
        self, request: Incoming, running: Running, provider: str, item: str
    ) -> OffboardingOut:
        """It is looked whether it is done, where that can be seen, and 409 while it is seen not to
        be. One that is done stays as it is: the same call twice ticks off once."""
        await admit(request, running, Permission.PROVIDERS_CHANGE)
        wanted = strict_json.decode(await strict_json.body(request), DoneIn)
        by = ours(await authorise(request, running, Permission.PROVIDERS_CHANGE)).id
        return await _shown(
            running, await leaving.tick(running, provider, item, wanted.note, by=by)
        )

    @post("/{provider:str}/stop", status_code=200, summary="Leave a provider no more")
    async def stop(self, request: Incoming, running: Running, provider: str) -> OffboardingsOut:
        """The list goes; what is still being left is told. 409 while it is cut off, and once its
        word counts no more: to believe one again that was believed no longer is for the shell of
        the house."""
        await admit(request, running, Permission.PROVIDERS_CHANGE)
        wanted = strict_json.decode(await strict_json.body(request), StopIn)
        by = ours(await authorise(request, running, Permission.PROVIDERS_CHANGE)).id
        await leaving.stop(running, provider, wanted.reason, by=by)
        return await _every(running)


async def _every(running: Services) -> OffboardingsOut:
    async with running.database.read() as tx:
        exposed = await mail.exposed_to_each(tx)
        found = await offboarding.listing(tx)
    return OffboardingsOut([_out(one, exposed.get(one.provider, 0)) for one in found])


def _known(running: Services, name: str) -> str:
    """Raises ``NotFound``."""
    if name not in running.providers:
        raise NotFound("no provider of that name", field="provider")
    return name


async def _shown(running: Services, view: OffboardingView) -> OffboardingOut:
    async with running.database.read() as tx:
        exposed = await mail.exposed_to_each(tx)
    return _out(view, exposed.get(view.provider, 0))


def _planned(one: Item) -> PlannedOut:
    return PlannedOut(one.name, one.how.value, one.text, iso(one.due_at))


def _out(view: OffboardingView, exposed: int) -> OffboardingOut:
    return OffboardingOut(
        view.id,
        view.provider,
        view.hostile,
        iso(view.started_at),
        when(view.done_at),
        exposed,
        [_item(one) for one in view.items],
    )


def _item(one: ItemView) -> ItemOut:
    return ItemOut(
        one.name,
        one.how.value,
        one.text,
        iso(one.due_at),
        when(one.done_at),
        one.done_by,
        one.note,
    )
