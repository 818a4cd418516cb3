"""Console pages of providers: state, configuration of our account, exposure; cut off and
restore."""

from collections.abc import Awaitable, Callable
from typing import Any

from litestar import Controller, Response, get, post
from litestar.response import Redirect, Template

from mailkeep.base.errors import NotFound
from mailkeep.cutover import offboarding
from mailkeep.http.api.posture import shown as told
from mailkeep.http.health import former, providers
from mailkeep.http.port import Incoming, Running, Services
from mailkeep.incidents import queries as incidents
from mailkeep.mail import queries as mail
from mailkeep.operators import services as operators
from mailkeep.operators.permissions import Permission
from mailkeep.response import approval, hands
from mailkeep.store.database import Tx
from mailkeep.watch import console_lines, posture
from mailkeep.watch.console_types import Act
from mailkeep.watch.types import provider_subject

from .operator import Operator, needs
from .refusing import or_again
from .showing import page

_SEE = needs(Permission.PROVIDERS_SEE)
_CHANGE = needs(Permission.PROVIDERS_CHANGE)
STEPS = ("cut", "restore")
MOST_LINES = 20  #: of audit logs that are shown
ACTS = {
    Act.SIGN_IN: "Somebody signed in",
    Act.KEY: "A key was made or changed",
    Act.USER: "Somebody was given rights",
    Act.CHANGE: "Something was changed",
    Act.DNS: "DNS records were changed",
}


class ProviderPages(Controller):
    """All of them, and one."""

    path = "/console/providers"
    include_in_schema = False

    @get("/", opt=_SEE)
    async def index(self, running: Running, operator: Operator) -> Template:
        async with running.database.read() as tx:
            found = await providers(tx, running)
            changes = await posture.unexplained(tx)
            exposed = await mail.exposed_to_each(tx)
            lists = {one.provider: one for one in await offboarding.listing(tx)}
        return page(
            operator,
            "providers",
            "/providers",
            found=found,
            changes=changes,
            streams={one.name: _streams(running, one.name) for one in found},
            left=former(running, exposed),
            lists=lists,
        )

    @get("/{name:str}", opt=_SEE)
    async def show(self, running: Running, operator: Operator, name: str) -> Template | Redirect:
        if name not in running.providers and await _was_left(running, name):
            return Redirect("/console/providers#left", status_code=303)  # old mail leads here
        return await shown(running, operator, name)

    @get("/{name:str}/{step:str}", opt=_CHANGE)
    async def preview(self, running: Running, operator: Operator, name: str, step: str) -> Template:
        """What it would do now; opening it does nothing."""
        return await _ask(running, operator, name, step)

    @post("/{name:str}/confirm", opt=needs(Permission.ACTIONS_APPROVE))
    async def confirm(
        self, request: Incoming, running: Running, operator: Operator, name: str
    ) -> Response[Any]:
        """A second person's word on a cut by hand, as the page showed it."""
        means, form = running.response.means, operator.form
        cut, state = form.get("cut", ""), form.get("state", "")

        async def work() -> Response[Any]:
            await running.database.retrying(
                lambda tx: hands.confirm(tx, means, name, by=operator.actor, cut=cut, state=state)
            )
            return _to(name)

        return await or_again(request, operator, work, lambda now: shown(running, now, name))

    @post("/{name:str}/give-back", opt=needs(Permission.ACTIONS_APPROVE))
    async def give_back(
        self, request: Incoming, running: Running, operator: Operator, name: str
    ) -> Response[Any]:
        """A second person's word on a provider that another one wants back."""
        means, form = running.response.means, operator.form
        cut, asked_by = form.get("cut", ""), form.get("back_by", "")

        async def work() -> Response[Any]:
            await running.database.retrying(
                lambda tx: hands.give_back(
                    tx, means, name, by=operator.actor, cut=cut, asked_by=asked_by
                )
            )
            return _to(name)

        return await or_again(request, operator, work, lambda now: shown(running, now, name))

    @post("/{name:str}/{step:str}", opt=_CHANGE)
    async def act(
        self, request: Incoming, running: Running, operator: Operator, name: str, step: str
    ) -> Response[Any]:
        _provider(running, name)
        done = _step(running, operator, name, step)

        async def work() -> Response[Any]:
            await running.database.retrying(done)
            return _to(name)

        async def again(now: Operator) -> Template:
            asks = step in STEPS
            return await (_ask(running, now, name, step) if asks else shown(running, now, name))

        return await or_again(request, operator, work, again)


def _step(
    running: Services, operator: Operator, name: str, step: str
) -> Callable[[Tx], Awaitable[object]]:
    """What a form asks for. Raises ``NotFound``."""
    means, form, by = running.response.means, operator.form, operator.actor
    reason = form.get("reason", "")
    if step == "accepted":
        changes = [one for one in [form.get("change", "")] if one]
        return lambda tx: posture.accept(running.database, tx, name, changes, by=by, reason=reason)
    if step == "vouched":
        line = form.get("line", "")
        return lambda tx: console_lines.accept(running.database, tx, [line], by=by, reason=reason)
    if step not in STEPS:
        raise NotFound("no such page")
    do: Callable[..., Awaitable[object]] = hands.cut if step == "cut" else hands.restore
    return lambda tx: do(tx, means, name, by=by, reason=reason)


async def shown(running: Services, operator: Operator, name: str) -> Template:
    """The page of one provider. Raises ``NotFound``."""
    config = _provider(running, name)
    account = running.accounts_read.get(name)
    kind = account.kind if account is not None else config.kind
    async with running.database.read() as tx:
        (one,) = [one for one in await providers(tx, running) if one.name == name]
        view = await posture.view(tx, running.keys, name)
        exposed = await mail.exposed(tx, name, tx.now)
        lines = await console_lines.view(tx, running.keys, name, MOST_LINES)
        incident = await hands.about(tx, name)
        case = await incidents.about(tx, provider_subject(name))
        cut = (await hands.current(tx)).get(name)
        unheard = name in await mail.distrusted(tx)
        left = await offboarding.view(tx, name)
        names = await operators.names(tx)
    breakers = {
        stream: breaker
        for (stream, provider), breaker in running.dispatcher.breakers().items()
        if provider == name
    }
    return page(
        operator,
        "provider",
        "/providers",
        one=one,
        party=config.party,
        streams=_streams(running, name),
        breakers=breakers,
        posture=told(view, kind),
        read=account is not None,
        consoles=lines,
        acts=ACTS,
        told=running.consoles.tells_of(name, config.party),
        exposed=exposed,
        incident=incident,
        case=case,
        cut=cut,
        unheard=unheard,
        left=left,
        word_for_two=approval.word_is_for_two(running.response.means.settings),
        names=names,
    )


async def _ask(running: Services, operator: Operator, name: str, step: str) -> Template:
    _provider(running, name)
    if step not in STEPS:
        raise NotFound("no such page")
    async with running.database.read() as tx:
        would = await hands.would(tx, running.response.means, name)
        incident = await hands.about(tx, name)
        is_cut, rests = name in await mail.cut(tx), name in await mail.resting(tx)
        cut = (await hands.current(tx)).get(name)
    return page(
        operator,
        "provider_step",
        "/providers",
        name=name,
        step=step,
        would=would,
        incident=incident,
        is_cut=is_cut,
        rests=rests,
        cut=cut,
    )


def _to(name: str) -> Redirect:
    return Redirect(f"/console/providers/{name}", status_code=303)


async def _was_left(running: Running, name: str) -> bool:
    async with running.database.read() as tx:
        left = former(running, await mail.exposed_to_each(tx))
    return name in {one.name for one in left}


def _provider(running: Services, name: str) -> Any:
    """Raises ``NotFound``."""
    if name not in running.providers:
        raise NotFound("no provider of that name")
    return running.providers[name]


def _streams(running: Services, name: str) -> list[str]:
    return [
        one.name
        for one in running.streams.values()
        if name in {route.provider for route in one.routes}
    ]
