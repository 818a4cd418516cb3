"""``/v1/providers``: the state of each provider; cut off and restore by hand, as at the console."""

from typing import Annotated, Literal, TypeVar

import msgspec
from litestar import Controller, get, post

from mailkeep.base.clock import iso, when
from mailkeep.base.errors import NotFound
from mailkeep.http.bearer import admit, authorise
from mailkeep.http.health import Former, ProviderHealth, former, providers
from mailkeep.http.port import Incoming, Running, Services
from mailkeep.mail import queries as mail
from mailkeep.operators.permissions import Permission
from mailkeep.response import hands
from mailkeep.response.hands import HandCut

from . import strict_json

T = TypeVar("T")


class HandCutOut(msgspec.Struct):
    """A cut by hand. ``state``: ``waiting`` for a second person until ``due_at``; ``flagged``:
    nobody confirmed it; ``confirmed``; ``asked``: it is not done, and the second person does it;
    ``restoring``: ``back_by`` asked to restore the provider."""

    id: str
    by: str
    at: str
    reason: str
    due_at: str
    state: str
    confirmed_by: str | None
    confirmed_at: str | None
    back_by: str | None


class ProviderOut(msgspec.Struct):
    """A provider. ``state``: ``standing``, ``suspected``, ``failing``, ``resting`` or ``cut``;
    ``streams``: those that route over it; ``avoided_by``: those of them that avoid it just now."""

    name: str
    kind: str
    party: str
    state: str
    since: str | None
    why: str
    streams: list[str]
    avoided_by: list[str]
    exposed: int
    hand_cut: HandCutOut | None


class ProvidersOut(msgspec.Struct):
    """``left``: those that carry nothing any more, with how many addresses each knows for good;
    ``party`` is empty where the settings do not say whose it was."""

    providers: list[ProviderOut]
    left: list[Former]


class WouldOut(msgspec.Struct):
    """The effects of cutting it off now.

    ``again``: messages that would be sent again elsewhere; ``stops``: streams of which no route
    would be left, or, where they are secret, no two independent ones: that takes two people;
    ``incident``: one is open about it, and it is acted there.
    """

    again: int
    warnings: tuple[str, ...]
    stops: tuple[str, ...]
    incident: str | None


class ReasonIn(msgspec.Struct, forbid_unknown_fields=True):
    """Why."""

    reason: Annotated[str, msgspec.Meta(min_length=1, max_length=200)]


class ConfirmIn(msgspec.Struct, forbid_unknown_fields=True):
    """The cut to confirm: ``id`` and ``state`` of the ``hand_cut`` as it was shown."""

    cut: str
    state: Literal["asked", "waiting", "flagged"]


class GiveBackIn(msgspec.Struct, forbid_unknown_fields=True):
    """The restore to approve: ``id`` and ``back_by`` of the ``hand_cut`` as it was shown."""

    cut: str
    back_by: str


class ProvidersApi(Controller):
    """Reading needs a key with the scope ``read``, acting one with ``operate``."""

    path = "/v1/providers"
    tags = ("providers",)

    @get("/", summary="How each provider stands")
    async def index(self, request: Incoming, running: Running) -> ProvidersOut:
        await authorise(request, running, Permission.PROVIDERS_SEE)
        async with running.database.read() as tx:
            exposed = await mail.exposed_to_each(tx)
        return ProvidersOut(await _all(running), former(running, exposed))

    @get("/{name:str}", summary="How a provider stands")
    async def show(self, request: Incoming, running: Running, name: str) -> ProviderOut:
        await authorise(request, running, Permission.PROVIDERS_SEE)
        return await _one(running, name)

    @get("/{name:str}/cut", summary="What cutting it off would do")
    async def would(self, request: Incoming, running: Running, name: str) -> WouldOut:
        await authorise(request, running, Permission.PROVIDERS_CHANGE)
        _known(running, name)
        async with running.database.read() as tx:
            found = await hands.would(tx, running.response.means, name)
            incident = await hands.about(tx, name)
        open_one = None if incident is None else incident.id
        return WouldOut(found.again, found.warnings, found.stops, open_one)

    @post("/{name:str}/cut", status_code=200, summary="Cut a provider off by hand")
    async def cut(self, request: Incoming, running: Running, name: str) -> ProviderOut:
        """Done at once and announced to everybody; a second person has to confirm it. If it would
        stop a stream's mail it is only requested: ``hand_cut`` says so. 409 while an incident is
        open about it: act there."""
        by, reason = await _asked(request, running)
        means = running.response.means
        await running.database.retrying(lambda tx: hands.cut(tx, means, name, by=by, reason=reason))
        return await _one(running, name)

    @post(
        "/{name:str}/cut/confirm",
        status_code=200,
        summary="Confirm a cut by hand, or do one that was asked for",
    )
    async def confirm(self, request: Incoming, running: Running, name: str) -> ProviderOut:
        """403 for one's own; 409 when it has changed since it was shown."""
        by, wanted = await _second(request, running, ConfirmIn)
        means = running.response.means
        await running.database.retrying(
            lambda tx: hands.confirm(tx, means, name, by=by, cut=wanted.cut, state=wanted.state)
        )
        return await _one(running, name)

    @post(
        "/{name:str}/restore/confirm",
        status_code=200,
        summary="Let it carry mail again that another one asked for",
    )
    async def give_back(self, request: Incoming, running: Running, name: str) -> ProviderOut:
        """403 for one's own; 409 when it has changed since it was shown."""
        by, wanted = await _second(request, running, GiveBackIn)
        means = running.response.means
        await running.database.retrying(
            lambda tx: hands.give_back(
                tx, means, name, by=by, cut=wanted.cut, asked_by=wanted.back_by
            )
        )
        return await _one(running, name)

    @post("/{name:str}/restore", status_code=200, summary="Let it carry mail again")
    async def restore(self, request: Incoming, running: Running, name: str) -> ProviderOut:
        """Done at once by whoever cut it off, while nobody has confirmed it; otherwise it is
        requested, and a second person approves it at ``/restore/confirm``. It withdraws a cut that
        was only requested. 409 while an incident is open about it, or when an incident cut it
        off."""
        by, reason = await _asked(request, running)
        means = running.response.means
        await running.database.retrying(
            lambda tx: hands.restore(tx, means, name, by=by, reason=reason)
        )
        return await _one(running, name)


async def _asked(request: Incoming, running: Running) -> tuple[str, str]:
    """Who asks, and why."""
    await admit(request, running, Permission.PROVIDERS_CHANGE)
    wanted = strict_json.decode(await strict_json.body(request), ReasonIn)
    return (await authorise(request, running, Permission.PROVIDERS_CHANGE)).id, wanted.reason


async def _second(request: Incoming, running: Running, kind: type[T]) -> tuple[str, T]:
    """Who gives a second person's word, and on what."""
    await admit(request, running, Permission.ACTIONS_APPROVE)
    wanted = strict_json.decode(await strict_json.body(request), kind)
    return (await authorise(request, running, Permission.ACTIONS_APPROVE)).id, wanted


def _known(running: Services, name: str) -> None:
    """Raises ``NotFound``."""
    if name not in running.providers:
        raise NotFound("no provider of that name", field="name")


async def _one(running: Services, name: str) -> ProviderOut:
    _known(running, name)
    return next(one for one in await _all(running) if one.name == name)


async def _all(running: Services) -> list[ProviderOut]:
    async with running.database.read() as tx:
        found = await providers(tx, running)
        exposed = await mail.exposed_to_each(tx)
        cuts = await hands.current(tx)
    return [_shown(running, one, exposed.get(one.name, 0), cuts.get(one.name)) for one in found]


def _shown(
    running: Services, one: ProviderHealth, exposed: int, cut: HandCut | None
) -> ProviderOut:
    streams = [
        stream.name
        for stream in running.streams.values()
        if one.name in {route.provider for route in stream.routes}
    ]
    return ProviderOut(
        one.name,
        one.kind,
        running.providers[one.name].party,
        one.state,
        when(one.since),
        one.why,
        streams,
        list(one.streams),
        exposed,
        None if cut is None else _hand_cut(cut),
    )


def _hand_cut(one: HandCut) -> HandCutOut:
    return HandCutOut(
        one.id,
        one.by,
        iso(one.at),
        one.reason,
        iso(one.due_at),
        one.state,
        one.confirmed_by,
        when(one.confirmed_at),
        one.back_by,
    )
