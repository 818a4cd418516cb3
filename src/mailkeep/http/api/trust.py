"""``/v1/trust``: what falls if this one falls, as the house stands now."""

from typing import Annotated

import msgspec
from litestar import Controller, get

from mailkeep.base.errors import Invalid, NotAllowed, NotFound
from mailkeep.http.bearer import authorise
from mailkeep.http.port import Incoming, Running
from mailkeep.operators.permissions import Permission
from mailkeep.posture import changes, queries
from mailkeep.posture.model import ThreatModel, written
from mailkeep.posture.types import Change, Fall, Ranked, Sets, SinglePoint
from mailkeep.posture.whatif import Model

from . import strict_json

MOST = 10  #: parties of one question


class WhatIfIn(msgspec.Struct, forbid_unknown_fields=True):
    """``party``: one, or several with commas."""

    party: Annotated[str, msgspec.Meta(max_length=1000)] = ""


class PartiesOut(msgspec.Struct):
    parties: list[Ranked]


class SinglePointsOut(msgspec.Struct):
    single_points: list[SinglePoint]


class SmallestOut(msgspec.Struct):
    """By class of accounts."""

    sets: list[Sets]


class ChangesOut(msgspec.Struct):
    changes: list[Change]


class TrustApi(Controller):
    """Needs a key with the scope ``read`` that is bound to no stream: it is a map of the whole
    house, and a key that sees a part of the mail has no business with it."""

    path = "/v1/trust"
    tags = ("trust",)

    @get("/parties", summary="The parties, ranked by what falls with each alone")
    async def parties(self, request: Incoming, running: Running) -> PartiesOut:
        return PartiesOut((await _model(request, running)).ranked())

    @get("/whatif", summary="What falls if these parties fall together")
    async def whatif(self, request: Incoming, running: Running) -> Fall:
        party = strict_json.query(request, WhatIfIn).party
        some = [one.strip() for one in party.split(",") if one.strip()]
        model = await _model(request, running)
        if not some:
            raise NotFound("say which party", field="party")
        if len(some) > MOST:
            raise Invalid(f"say {MOST} parties at most", field="party")
        return model.fall(some)

    @get("/single-points", summary="Parties that take accounts by themselves")
    async def single_points(self, request: Incoming, running: Running) -> SinglePointsOut:
        return SinglePointsOut((await _model(request, running)).single_points())

    @get("/smallest", summary="The smallest sets of parties that take accounts, by class")
    async def smallest(self, request: Incoming, running: Running) -> SmallestOut:
        return SmallestOut((await _model(request, running)).smallest())

    @get("/changes", summary="What single changes would buy, the best first")
    async def what_would_help(self, request: Incoming, running: Running) -> ChangesOut:
        model = await _model(request, running)
        return ChangesOut(changes.ranked(model.world, model.live.today))

    @get("/model", summary="The threat model as it stands")
    async def model(self, request: Incoming, running: Running) -> ThreatModel:
        return written(await _model(request, running))


async def _model(request: Incoming, running: Running) -> Model:
    grant = await authorise(request, running, Permission.TRUST_SEE)
    if grant.streams:
        raise NotAllowed("this key is bound to streams, and this is about the whole house")
    async with running.database.read() as tx:
        return await queries.model(tx, running.chain)
