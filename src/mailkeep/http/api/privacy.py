"""``/v1/privacy``: export or erase one person's data, or place it under legal hold.

Security: it has a scope of its own, which no other one includes. Every use is audited and counted
against a limit of the whole installation; an erasure waits, and its owner is told; a hold is placed
here, and ended at the command line only. The person is named in a body, never in a path.
"""

from typing import Annotated, Any

import msgspec
from litestar import Controller, get, post

from mailkeep.base.clock import iso, when
from mailkeep.http.bearer import admit, authorise
from mailkeep.http.port import Incoming, Running
from mailkeep.mail.grants import Scope
from mailkeep.privacy import holds, people
from mailkeep.privacy.types import Erasure, LegalHold
from mailkeep.store.database import Tx

from . import strict_json

Who = Annotated[str, msgspec.Meta(min_length=3, max_length=254)]


class PersonIn(msgspec.Struct, forbid_unknown_fields=True):
    """An address, or an account's id."""

    who: Who


class HoldIn(msgspec.Struct, forbid_unknown_fields=True):
    """``reason``: a reference, such as a case number."""

    who: Who
    reason: Annotated[str, msgspec.Meta(min_length=1, max_length=200)]


class PersonOut(msgspec.Struct):
    """Everything that is stored about a person, as docs/how-to/export-and-erase.md describes it."""

    format: str
    made_at: str
    accounts: list[str]
    addresses: list[str]
    tables: dict[str, list[dict[str, Any]]]
    facts: list[dict[str, Any]]


class ErasurePreviewOut(msgspec.Struct):
    """Rows by table; ``refused``: why an erasure cannot be requested now."""

    accounts: int
    addresses: int
    removed: dict[str, int]
    blanked: dict[str, int]
    kept: dict[str, int]
    due_at: str
    refused: str | None


class ErasureOut(msgspec.Struct):
    """It names nobody. ``rows``: removed or blanked so far, by table."""

    id: str
    state: str
    by: str
    at: str
    due_at: str
    ended_at: str | None
    rows: dict[str, int]
    waits_for: str | None


class ErasuresOut(msgspec.Struct):
    erasures: list[ErasureOut]


class LegalHoldOut(msgspec.Struct):
    id: str
    reason: str
    by: str
    at: str
    ended_at: str | None


class LegalHoldsOut(msgspec.Struct):
    holds: list[LegalHoldOut]


class PrivacyApi(Controller):
    """All of it needs a key with the scope ``privacy``."""

    path = "/v1/privacy"
    tags = ("privacy",)

    @post("/export", status_code=200, summary="All that is kept about a person")
    async def export(self, request: Incoming, running: Running) -> PersonOut:
        """429 when the installation's limit for the day is reached."""
        await admit(request, running, Scope.PRIVACY)
        wanted = strict_json.decode(await strict_json.body(request), PersonIn)
        by = (await authorise(request, running, Scope.PRIVACY)).id
        return PersonOut(**await running.privacy.export(wanted.who, by=by))

    @post("/erasures/preview", status_code=200, summary="What an erasure would do")
    async def preview(self, request: Incoming, running: Running) -> ErasurePreviewOut:
        await admit(request, running, Scope.PRIVACY)
        wanted = strict_json.decode(await strict_json.body(request), PersonIn)
        await authorise(request, running, Scope.PRIVACY)
        async with running.database.read() as tx:
            person = await people.find(tx, running.keys, wanted.who)
            seen = await running.privacy.erasing.preview(tx, person)
        return ErasurePreviewOut(
            len(person.accounts),
            len(person.addresses),
            seen.removed,
            seen.blanked,
            seen.kept,
            iso(seen.due_at),
            seen.refused or None,
        )

    @post("/erasures", status_code=202, summary="Ask for an erasure")
    async def erase(self, request: Incoming, running: Running) -> ErasureOut:
        """The owner is told, and it waits. 409 while something prevents it: a legal hold, an open
        incident. A repeated request is the same erasure."""
        await admit(request, running, Scope.PRIVACY)
        wanted = strict_json.decode(await strict_json.body(request), PersonIn)
        by = (await authorise(request, running, Scope.PRIVACY)).id

        async def ask(tx: Tx) -> ErasureOut:
            person = await people.find(tx, running.keys, wanted.who)
            return _erasure(await running.privacy.erasing.ask(tx, person, by=by))

        return await running.database.retrying(ask)

    @get("/erasures", summary="The newest erasures first")
    async def erasures(self, request: Incoming, running: Running) -> ErasuresOut:
        await authorise(request, running, Scope.PRIVACY)
        async with running.database.read() as tx:
            found = await running.privacy.erasing.listing(tx)
        return ErasuresOut([_erasure(one) for one in found])

    @post("/erasures/{erasure:str}/stop", status_code=200, summary="Stop one that has not begun")
    async def stop(self, request: Incoming, running: Running, erasure: str) -> ErasureOut:
        by = (await authorise(request, running, Scope.PRIVACY)).id
        stop = running.privacy.erasing.stop
        return _erasure(await running.database.retrying(lambda tx: stop(tx, erasure, by=by)))

    @post("/holds", status_code=201, summary="Place a legal hold")
    async def hold(self, request: Incoming, running: Running) -> LegalHoldOut:
        """It is ended with `mailkeep privacy hold --end`, and not with a key."""
        await admit(request, running, Scope.PRIVACY)
        wanted = strict_json.decode(await strict_json.body(request), HoldIn)
        by = (await authorise(request, running, Scope.PRIVACY)).id

        async def place(tx: Tx) -> LegalHoldOut:
            person = await people.find(tx, running.keys, wanted.who)
            return _hold(await holds.place(tx, person, wanted.reason, by=by))

        return await running.database.retrying(place)

    @get("/holds", summary="The legal holds that last")
    async def holds(self, request: Incoming, running: Running) -> LegalHoldsOut:
        await authorise(request, running, Scope.PRIVACY)
        async with running.database.read() as tx:
            return LegalHoldsOut([_hold(one) for one in await holds.lasting(tx)])


def _erasure(one: Erasure) -> ErasureOut:
    return ErasureOut(
        one.id,
        one.state.value,
        one.by,
        iso(one.at),
        iso(one.due_at),
        when(one.ended_at),
        one.counts,
        one.waits_for or None,
    )


def _hold(one: LegalHold) -> LegalHoldOut:
    return LegalHoldOut(one.id, one.reason, one.by, iso(one.at), when(one.ended_at))
