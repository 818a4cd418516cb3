"""``/v1/offboardings``: the lists by which providers are left, to be watched.

What is on a list is done by people at the console or the shell: a key ticks nothing off.
"""

import msgspec
from litestar import Controller, get

from mailkeep.base.clock import iso, when
from mailkeep.cutover import offboarding
from mailkeep.cutover.offboarding import OffboardingView
from mailkeep.http.bearer import authorise, ours
from mailkeep.http.port import Incoming, Running
from mailkeep.mail import queries as mail
from mailkeep.operators.permissions import Permission


class ItemOut(msgspec.Struct):
    """One thing to be done. ``how``: ``here`` (Mailkeep does it), ``hand`` (a person), ``kept``
    (it stays); ``done_by``: null until it is done."""

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


class OffboardingsApi(Controller):
    """Needs the scope ``read``."""

    path = "/v1/offboardings"
    tags = ("cutovers",)

    @get("/", summary="The providers that are left, and what is done")
    async def index(self, request: Incoming, running: Running) -> OffboardingsOut:
        ours(await authorise(request, running, Permission.PROVIDERS_SEE))
        async with running.database.read() as tx:
            exposed = await mail.exposed_to_each(tx)
            found = await offboarding.listing(tx)
        return OffboardingsOut([_out(one, exposed.get(one.provider, 0)) for one in found])


def _out(view: OffboardingView, exposed: int) -> OffboardingOut:
    return OffboardingOut(
        view.id,
        view.provider,
        view.hostile,
        iso(view.started_at),
        when(view.done_at),
        exposed,
        [
            ItemOut(
                one.name,
                one.how.value,
                one.text,
                iso(one.due_at),
                when(one.done_at),
                one.done_by,
                one.note,
            )
            for one in view.items
        ],
    )
