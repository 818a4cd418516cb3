"""``/v1/audit``: the audit chain: its entries, its verification, and its anchors."""

from typing import Annotated

import msgspec
from litestar import Controller, get

from mailkeep.base.clock import SECOND, iso, when
from mailkeep.events import anchors, audit, queries
from mailkeep.events.anchors import Compared, Place
from mailkeep.http.bearer import authorise
from mailkeep.http.port import Incoming, Running, Services
from mailkeep.operators.permissions import Permission
from mailkeep.store.database import Tx

from . import strict_json


class AuditIn(msgspec.Struct, forbid_unknown_fields=True):
    """``before``: only entries with a lower number; ``act``: only of acts that begin so."""

    before: Annotated[int, msgspec.Meta(ge=1, le=2**53)] | None = None
    act: Annotated[str, msgspec.Meta(max_length=80)] = ""
    limit: Annotated[int, msgspec.Meta(ge=1, le=1000)] = 50


class AuditEntryOut(msgspec.Struct):
    """An entry. ``data``: pseudonymous ids and words of ours, as JSON."""

    number: int
    at: str
    actor: str
    act: str
    data: msgspec.Raw
    hash: str


class AuditOut(msgspec.Struct):
    """The newest first."""

    entries: list[AuditEntryOut]


class VerifiedOut(msgspec.Struct):
    """The result of ``mailkeep audit verify``.

    ``first_broken``: the first entry that does not fit; ``anchors``: heads that were read back from
    where they were taken, null where none can be; ``fits_up_to``: the last anchored entry up to
    which the chain is what it was; ``rewritten``, ``cut``: from where it is not; ``foreign``: heads
    that our key did not sign.
    """

    fits: bool
    entries: int
    first_broken: int | None
    anchors: int | None
    fits_up_to: int | None
    rewritten: int | None
    cut: int | None
    foreign: int


class PlaceOut(msgspec.Struct):
    """A place of anchors. ``number``: the last entry that was anchored there, ``at`` when;
    ``error``: why none since. ``fresh``: not much older than it should be."""

    place: str
    number: int
    at: str | None
    error: str | None
    fresh: bool


class PlacesOut(msgspec.Struct):
    """The places of anchors. ``every``: seconds between two heads."""

    every: float
    places: list[PlaceOut]


class AuditApi(Controller):
    """All of it needs a key with the scope ``operate``."""

    path = "/v1/audit"
    tags = ("audit",)

    @get("/", summary="What operators and playbooks did")
    async def index(self, request: Incoming, running: Running) -> AuditOut:
        wanted = strict_json.query(request, AuditIn)
        await authorise(request, running, Permission.AUDIT_SEE)
        async with running.database.read() as tx:
            found = await queries.entries(
                tx, before=wanted.before, act=wanted.act, limit=wanted.limit
            )
        return AuditOut(
            [
                AuditEntryOut(
                    number=one.number,
                    at=iso(one.at),
                    actor=one.actor,
                    act=one.act,
                    data=msgspec.Raw(one.data.encode()),
                    hash=one.hash,
                )
                for one in found
            ]
        )

    @get("/verify", summary="Check every entry, and the chain against its anchors")
    async def verify(self, request: Incoming, running: Running) -> VerifiedOut:
        await authorise(request, running, Permission.AUDIT_SEE)
        async with running.database.read() as tx:
            head = await audit.head(tx, running.keys)
            broken, found = await verified(tx, running)
        fine = broken is None and (found is None or found.fine)
        none = (None, None, None, None, 0)
        said = none if found is None else _said(found)
        return VerifiedOut(fine, head.number, broken, *said)

    @get("/anchors", summary="Where heads of the chain are taken, and how far")
    async def places(self, request: Incoming, running: Running) -> PlacesOut:
        await authorise(request, running, Permission.AUDIT_SEE)
        async with running.database.read() as tx:
            found, now = await anchors.places(tx, running.anchors.named), tx.now
        every = running.anchors.every
        return PlacesOut(
            every / SECOND, [_place(one, fresh=one.is_fresh(now, every)) for one in found]
        )


async def verified(tx: Tx, running: Services) -> tuple[int | None, Compared | None]:
    """(the first entry that does not fit, what the anchors say; None: none can be read back)."""
    kept = await running.anchors.kept()
    found = None
    if kept is not None:
        found = await anchors.compare(tx, kept, running.keys.public_key())
    return await audit.verify(tx), found


def _said(one: Compared) -> tuple[int, int, int | None, int | None, int]:
    return (one.anchors, one.fits, one.rewritten, one.cut, one.foreign)


def _place(one: Place, *, fresh: bool) -> PlaceOut:
    return PlaceOut(one.place, one.number, when(one.at or None), one.error, fresh)
