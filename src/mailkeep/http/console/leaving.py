"""Console page of a provider that is left for good: what that means, its list, and its end.

What needs a key that can delete at the provider, and what goes past a look, is for the shell of the
house; the page says with which command.
"""

from typing import Any

from litestar import Controller, Response, get, post
from litestar.response import Redirect, Template

from mailkeep.base import reasons
from mailkeep.base.errors import NotFound
from mailkeep.cutover import offboarding
from mailkeep.cutover.checklist import checklist
from mailkeep.cutover.looks import rests
from mailkeep.cutover.offboarding import OffboardingView
from mailkeep.http import leaving
from mailkeep.http.port import Incoming, Running, Services
from mailkeep.mail import queries as mail
from mailkeep.operators import services as operators
from mailkeep.operators.permissions import Permission
from mailkeep.response import hands
from mailkeep.store.database import Tx

from .operator import Operator, needs
from .refusing import or_again
from .showing import page

_CHANGE = needs(Permission.PROVIDERS_CHANGE)


class LeavingPages(Controller):
    """One page a provider, and what is done there."""

    path = "/console/providers/{name:str}/leave"
    include_in_schema = False

    @get("/", opt=needs(Permission.PROVIDERS_SEE))
    async def show(self, running: Running, operator: Operator, name: str) -> Template:
        return await _shown(running, operator, name)

    @post("/", opt=_CHANGE)
    async def begin(
        self, request: Incoming, running: Running, operator: Operator, name: str
    ) -> Response[Any]:
        """In peace, or as hostile, which is asked once more; one that is left in peace can be found
        hostile."""
        hostile = operator.form.get("hostile") == "yes"
        reason = operator.form.get("reason", "").strip()

        async def work() -> Response[Any]:
            if hostile:
                reasons.given(reason)
            if hostile and operator.form.get("sure") != "yes":
                return await _sure(running, operator, name, reason)
            await leaving.begin(running, name, hostile=hostile, by=operator.actor, reason=reason)
            return _to(name)

        return await or_again(request, operator, work, lambda now: _shown(running, now, name))

    @post("/items/{item:str}", opt=_CHANGE)
    async def tick(
        self, request: Incoming, running: Running, operator: Operator, name: str, item: str
    ) -> Response[Any]:
        """An item that a person has done; it is looked whether it is."""
        note = operator.form.get("note", "")

        async def work() -> Response[Any]:
            await leaving.tick(running, name, item, note, by=operator.actor)
            return _to(name)

        return await or_again(request, operator, work, lambda now: _shown(running, now, name))

    @post("/stop", opt=_CHANGE)
    async def stop(
        self, request: Incoming, running: Running, operator: Operator, name: str
    ) -> Response[Any]:
        reason = operator.form.get("reason", "")

        async def work() -> Response[Any]:
            await leaving.stop(running, name, reason, by=operator.actor)
            return _to(name)

        return await or_again(request, operator, work, lambda now: _shown(running, now, name))


async def _shown(running: Services, operator: Operator, name: str) -> Template:
    """Raises ``NotFound``: no such provider, and none of that name is being left."""
    async with running.database.read() as tx:
        view = await offboarding.view(tx, name)
        if view is None and name not in running.providers:
            raise NotFound("no provider of that name")
        more = await _before(tx, running, name, view) if name in running.providers else {}
        return page(
            operator,
            "leaving",
            "/providers",
            name=name,
            view=view,
            now=tx.now,
            rests=rests,
            names=await operators.names(tx),
            exposed=await mail.exposed(tx, name, tx.now),
            carries=await offboarding.carries(tx, running.cutover.house, name),
            is_cut=name in await mail.cut(tx),
            distrusted=name in await mail.distrusted(tx),
            known=name in running.providers,
            **more,
        )


async def _sure(running: Services, operator: Operator, name: str, reason: str) -> Template:
    """Whether it is really to be left as hostile, and what that does. Raises ``NotFound``."""
    if name not in running.providers:
        raise NotFound("no provider of that name")
    means = running.response.means
    async with running.database.read() as tx:
        return page(
            operator,
            "leaving_sure",
            "/providers",
            name=name,
            reason=reason,
            is_cut=name in await mail.cut(tx),
            would=await hands.would(tx, means, name),
            for_two=hands.is_for_two(means.settings),
        )


async def _before(
    tx: Tx, running: Services, name: str, view: OffboardingView | None
) -> dict[str, Any]:
    """What a start would do, where one can be made."""
    means, house = running.response.means, running.cutover.house
    known = await running.ticking.known(tx, name)
    more: dict[str, Any] = {
        "emptied": known.emptied,
        "cut": (await hands.current(tx)).get(name),
        "incident": await hands.about(tx, name),
        "would": await hands.would(tx, means, name),
        "for_two": hands.is_for_two(means.settings),
    }
    if view is None or view.done_at is not None:
        more["plan"] = checklist(known, tx.now, hostile=False)
        more["against"] = await offboarding.warnings(tx, house, name, hostile=False)
    return more


def _to(name: str) -> Redirect:
    return Redirect(f"/console/providers/{name}/leave", status_code=303)
