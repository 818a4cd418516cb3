"""``/v1/providers/{name}/posture``: the configuration of our account at a provider, as its API
reports it."""

from typing import Annotated

import msgspec
from litestar import Controller, get, post

from mailkeep.base.clock import iso, when
from mailkeep.base.errors import NotFound
from mailkeep.http.bearer import admit, authorise
from mailkeep.http.port import Incoming, Running, Services
from mailkeep.operators.permissions import Permission
from mailkeep.providers.posture import registry
from mailkeep.providers.posture.types import Kind
from mailkeep.watch import posture
from mailkeep.watch.posture import ChangeView, Expected, View

from . import strict_json

Text = Annotated[str, msgspec.Meta(min_length=1, max_length=200)]


class ListOut(msgspec.Struct):
    """A list of the account. ``trouble``: why it could not be read the last time."""

    read: bool
    trouble: str | None


class FieldOut(msgspec.Struct):
    """A changed field. Null: the item did not exist, or the value is not shown to keys that only
    read."""

    name: str
    old: str | None
    new: str | None


class PostureChangeOut(msgspec.Struct):
    """A change. ``strange``: it names a host or domain that the account never named before."""

    id: str
    at: str
    kind: str
    what: str
    fields: list[FieldOut]
    strange: bool
    state: str


class ExpectedOut(msgspec.Struct):
    id: str
    kind: str
    until: str
    left: int


class PostureOut(msgspec.Struct):
    """Counts of what the account holds, by kind; what changed; what no API reports, and why."""

    provider: str
    kind: str
    read_at: str | None
    key_can_send: bool | None
    lists: dict[str, ListOut]
    items: dict[str, int]
    changes: list[PostureChangeOut]
    expected: list[ExpectedOut]
    blind: dict[str, str]


class ExpectIn(msgspec.Struct, forbid_unknown_fields=True):
    """An announcement. ``seconds``: how long it lasts, a week at most; ``changes``: for how many
    changes."""

    kind: Kind
    seconds: float
    reason: Text
    changes: int = 1


class AcceptIn(msgspec.Struct, forbid_unknown_fields=True):
    """``changes``: the ids of changes to accept; none means all that are open."""

    reason: Text
    changes: tuple[Annotated[str, msgspec.Meta(max_length=60)], ...] = ()


class AcceptedOut(msgspec.Struct):
    accepted: list[str]


class PostureApi(Controller):
    """Reading needs a key with the scope ``read``, announcing and accepting one with ``operate``.

    No address of a person leaves here: values are shown where they are words, numbers or hosts.
    """

    path = "/v1/providers/{name:str}/posture"
    tags = ("providers",)

    @get("/", summary="Our account at a provider")
    async def show(self, request: Incoming, running: Running, name: str) -> PostureOut:
        await authorise(request, running, Permission.PROVIDERS_SEE)
        kind = _kind(running, name)
        async with running.database.read() as tx:
            return shown(await posture.view(tx, running.keys, name), kind)

    @post("/expected", status_code=201, summary="Announce a change that you are about to make")
    async def expect(self, request: Incoming, running: Running, name: str) -> ExpectedOut:
        await admit(request, running, Permission.PROVIDERS_CHANGE)
        wanted = strict_json.decode(await strict_json.body(request), ExpectIn)
        by = (await authorise(request, running, Permission.PROVIDERS_CHANGE)).id
        _kind(running, name)
        return _expected(
            await running.database.retrying(
                lambda tx: posture.expect(
                    tx,
                    name,
                    wanted.kind,
                    seconds=wanted.seconds,
                    changes=wanted.changes,
                    by=by,
                    reason=wanted.reason,
                )
            )
        )

    @post("/accepted", status_code=200, summary="Say that changes were your own")
    async def accept(self, request: Incoming, running: Running, name: str) -> AcceptedOut:
        await admit(request, running, Permission.PROVIDERS_CHANGE)
        wanted = strict_json.decode(await strict_json.body(request), AcceptIn)
        by = (await authorise(request, running, Permission.PROVIDERS_CHANGE)).id
        _kind(running, name)
        done = await running.database.retrying(
            lambda tx: posture.accept(
                running.database, tx, name, wanted.changes, by=by, reason=wanted.reason
            )
        )
        return AcceptedOut(list(done))


def shown(found: View, kind: str) -> PostureOut:
    """An account as the API writes it."""
    return PostureOut(
        found.account,
        kind,
        when(found.read_at),
        found.can_send,
        {
            name: ListOut(one.read and not one.failures, one.trouble or None)
            for name, one in sorted(found.lists.items())
        },
        {of: len(items) for of, items in found.items.items()},
        [_change(one) for one in found.changes],
        [_expected(one) for one in found.expected],
        {of.value: why for of, why in registry.blind(kind).items()},
    )


def _change(one: ChangeView) -> PostureChangeOut:
    fields = [
        FieldOut(
            field.name,
            field.old.text if field.old is not None and field.old.safe else None,
            field.new.text if field.new is not None and field.new.safe else None,
        )
        for field in one.fields
    ]
    state = "expected" if one.expected else "open" if one.is_open else "accepted"
    return PostureChangeOut(one.id, iso(one.at), one.kind, one.what, fields, one.strange, state)


def _expected(one: Expected) -> ExpectedOut:
    return ExpectedOut(one.id, one.kind, iso(one.until), one.left)


def _kind(running: Services, name: str) -> str:
    """Raises ``NotFound``."""
    account = running.accounts_read.get(name)
    provider = running.providers.get(name)
    if account is None and provider is None:
        raise NotFound("no provider of that name", field="name")
    return account.kind if account is not None else "" if provider is None else provider.kind
