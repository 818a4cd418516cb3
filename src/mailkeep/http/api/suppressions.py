"""``/v1/suppressions``: our own list of addresses that some mail is held back from.

Security: an address is searched for and taken off by a POST, since URLs end up in logs, and none is
ever listed: a key that leaks tells nobody who is written to. A key that is bound to streams sees
and changes what holds in these alone. No entry keeps mail that opens accounts from anybody.
"""

import datetime as dt
from typing import Annotated

import msgspec
from litestar import Controller, post, put

from mailkeep.base import addresses
from mailkeep.base.clock import iso, when
from mailkeep.base.errors import Invalid
from mailkeep.events import audit
from mailkeep.http.bearer import admit, authorise
from mailkeep.http.port import Incoming, Running
from mailkeep.mail import suppressions
from mailkeep.mail.grants import Grant, Scope
from mailkeep.mail.suppressions import EVERYWHERE, Entry
from mailkeep.mail.types import SuppressionReason
from mailkeep.operators.permissions import Permission
from mailkeep.store.database import Tx

from . import strict_json
from .message_in import instant
from .slices import sliced

MOST = 500  #: entries in one request


class SuppressionIn(msgspec.Struct, forbid_unknown_fields=True):
    """An address to put on the list. ``stream``: in which it holds; without it in every one that
    minds the list."""

    address: str
    reason: SuppressionReason = SuppressionReason.MANUAL
    stream: str | None = None
    expires_at: dt.datetime | None = None


class SuppressionsIn(msgspec.Struct, forbid_unknown_fields=True):
    """Up to 500; all of them, or none."""

    suppressions: Annotated[list[SuppressionIn], msgspec.Meta(min_length=1, max_length=MOST)]


class WhoseIn(msgspec.Struct, forbid_unknown_fields=True):
    """Whose entries; ``reason``: for this one only; ``stream``: of this one only."""

    address: str
    reason: SuppressionReason | None = None
    stream: str | None = None


class SuppressedOut(msgspec.Struct):
    """How many are new, were known before, or had ended already."""

    new: int
    known: int
    over: int


class SuppressionOut(msgspec.Struct):
    """An entry that holds; ``stream`` null: in every one that minds the list."""

    reason: SuppressionReason
    stream: str | None
    provider: str
    added_at: str
    since: str | None
    expires_at: str | None


class SuppressionsOut(msgspec.Struct):
    """What holds for one address."""

    suppressions: list[SuppressionOut]


class RemovedOut(msgspec.Struct):
    """How many entries are gone."""

    removed: int


class SuppressionsApi(Controller):
    """Needs the scope ``send`` to change the list, ``read`` to look into it."""

    path = "/v1/suppressions"
    tags = ("suppressions",)

    @put("/", summary="Put addresses on our own list")
    async def put(self, request: Incoming, running: Running) -> SuppressedOut:
        """Said again, an entry is as it was said last."""
        await admit(request, running, Scope.SEND)
        asked = strict_json.decode(await strict_json.body(request), SuppressionsIn)
        grant = await authorise(request, running, Scope.SEND)
        entries = [
            _entry(one, running, grant, f"suppressions[{number}].")
            async for number, one in sliced(enumerate(asked.suppressions))
        ]

        async def work(tx: Tx) -> suppressions.Put:
            done = await suppressions.put(tx, running.keys, entries, by=grant.id)
            await audit.write(tx, grant.id, "suppress", {"new": done.new, "known": done.known})
            return done

        done = await running.database.retrying(work)
        return SuppressedOut(done.new, done.known, done.over)

    @post("/remove", status_code=200, summary="Take an address off it")
    async def remove(self, request: Incoming, running: Running) -> RemovedOut:
        """What is not on it is no error."""
        await admit(request, running, Scope.SEND)
        asked = strict_json.decode(await strict_json.body(request), WhoseIn)
        grant = await authorise(request, running, Scope.SEND)
        address = addresses.parse(asked.address)
        streams = _streams(asked, running, grant, Scope.SEND)

        database, keys = running.database, running.keys

        async def work(tx: Tx) -> int:
            return await suppressions.remove(
                database, tx, keys, address, reason=asked.reason, streams=streams, by=grant.id
            )

        return RemovedOut(await database.retrying(work))

    @post("/search", status_code=200, summary="What holds for an address")
    async def search(self, request: Incoming, running: Running) -> SuppressionsOut:
        """Changes nothing. A key that is bound to streams is told what holds in these, and what
        holds in all."""
        await admit(request, running, Permission.MAIL_SEE)
        asked = strict_json.decode(await strict_json.body(request), WhoseIn)
        grant = await authorise(request, running, Permission.MAIL_SEE)
        address = addresses.parse(asked.address)
        streams = _streams(asked, running, grant, Scope.READ)
        async with running.database.read() as tx:
            found = await suppressions.of(tx, running.keys, address)
        return SuppressionsOut(
            [
                SuppressionOut(
                    one.reason,
                    one.stream or None,
                    one.provider,
                    iso(one.added_at),
                    when(one.since),
                    when(one.expires_at),
                )
                for one in found
                if (streams is None or one.stream in {*streams, EVERYWHERE})
                and asked.reason in (None, one.reason)
            ]
        )


def _entry(one: SuppressionIn, running: Running, grant: Grant, field: str) -> Entry:
    stream = one.stream or EVERYWHERE
    if stream and stream not in running.streams and grant.may_use_stream(stream):
        raise Invalid("there is no such stream", field=f"{field}stream")
    # Of a key that is bound to streams an entry for all of them is none of its business.
    grant.require(Scope.SEND, streams=(stream,), network=None, field=field)
    address = addresses.parse(one.address, field=f"{field}address")
    return Entry(
        address, one.reason, stream, expires_at=instant(one.expires_at, f"{field}expires_at")
    )


def _streams(asked: WhoseIn, running: Running, grant: Grant, scope: Scope) -> frozenset[str] | None:
    """The streams that are asked about; None: every one."""
    if asked.stream is None:
        return grant.streams or None
    if asked.stream not in running.streams and grant.may_use_stream(asked.stream):
        raise Invalid("there is no such stream", field="stream")
    grant.require(scope, streams=(asked.stream,), network=None)
    return frozenset({asked.stream})
