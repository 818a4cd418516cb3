"""``/v1/trust``: what-if analysis of third parties: what falls with each of them."""

from collections.abc import Callable
from typing import Annotated, TypeVar

import msgspec
from litestar import Controller, get

from mailkeep.base.clock import iso
from mailkeep.base.errors import Invalid, NotAllowed, NotFound
from mailkeep.http.bearer import authorise
from mailkeep.http.port import Incoming, Running
from mailkeep.operators.permissions import Permission
from mailkeep.posture import services
from mailkeep.posture.model import Difference, ThreatModel
from mailkeep.posture.ready import Answers
from mailkeep.posture.types import Change, Fall, Ranked, Sets, SinglePoint

from . import strict_json

T = TypeVar("T")
MOST = 10  #: parties of one question


class WhatIfIn(msgspec.Struct, forbid_unknown_fields=True):
    """``party``: one, or several with commas."""

    party: Annotated[str, msgspec.Meta(max_length=1000)] = ""


class PartiesOut(msgspec.Struct):
    """``counted_at``: when accounts and addresses were counted."""

    parties: list[Ranked]
    counted_at: str


class SinglePointsOut(msgspec.Struct):
    single_points: list[SinglePoint]


class SmallestOut(msgspec.Struct):
    """By class of accounts."""

    sets: list[Sets]


class ChangesOut(msgspec.Struct):
    changes: list[Change]


class DayIn(msgspec.Struct, forbid_unknown_fields=True):
    """``day``: at its end, as 2026-11-28; ``now``: as it stands."""

    day: Annotated[str, msgspec.Meta(max_length=40)] = services.NOW


class DaysIn(msgspec.Struct, forbid_unknown_fields=True):
    """Two days, of which each may be ``now``."""

    before: Annotated[str, msgspec.Meta(max_length=40)] = ""
    after: Annotated[str, msgspec.Meta(max_length=40)] = services.NOW


class KeptOut(msgspec.Struct):
    """A threat model that was kept.

    Attributes:
        at, seen_at: when it began to be so, and was last found so.
        seen: share of the acts that somebody sees under it.
    """

    at: str
    seen_at: str
    seen: float


class ModelsOut(msgspec.Struct):
    """The newest first."""

    models: list[KeptOut]


class TrustApi(Controller):
    """Needs a key with the scope ``read`` that is bound to no stream: the answers are about the
    whole installation."""

    path = "/v1/trust"
    tags = ("trust",)

    @get("/parties", summary="The parties, ranked by what falls with each alone")
    async def parties(self, request: Incoming, running: Running) -> PartiesOut:
        return await _ask(
            request,
            running,
            lambda answers: PartiesOut(answers.ranked, answers.found.counted_at),
        )

    @get("/whatif", summary="What falls if these parties fall together")
    async def whatif(self, request: Incoming, running: Running) -> Fall:
        await _may(request, running)
        party = strict_json.query(request, WhatIfIn).party
        some = tuple(one.strip() for one in party.split(",") if one.strip())
        if not some:
            raise NotFound("say which party", field="party")
        if len(some) > MOST:
            raise Invalid(f"say {MOST} parties at most", field="party")
        return await running.trust.ask(lambda answers: answers.fall(some))

    @get("/single-points", summary="Parties that take accounts by themselves")
    async def single_points(self, request: Incoming, running: Running) -> SinglePointsOut:
        return SinglePointsOut(await _ask(request, running, lambda answers: answers.single_points))

    @get("/smallest", summary="The smallest sets of parties that take accounts, by class")
    async def smallest(self, request: Incoming, running: Running) -> SmallestOut:
        return SmallestOut(await _ask(request, running, lambda answers: answers.smallest))

    @get("/changes", summary="What single changes would buy, the best first")
    async def what_would_help(self, request: Incoming, running: Running) -> ChangesOut:
        return ChangesOut(await _ask(request, running, lambda answers: answers.changes))

    @get("/model", summary="The threat model as it stands, or as it was at the end of a day")
    async def model(self, request: Incoming, running: Running) -> ThreatModel:
        await _may(request, running)
        return await running.trust.threat_model(strict_json.query(request, DayIn).day)

    @get("/models", summary="The threat models that were kept")
    async def models(self, request: Incoming, running: Running) -> ModelsOut:
        await _may(request, running)
        found = await running.trust.kept()
        return ModelsOut(
            [KeptOut(iso(one.at), iso(one.seen_at), one.seen_share / 1000) for one in found]
        )

    @get("/diff", summary="What became different in the threat model between two days")
    async def diff(self, request: Incoming, running: Running) -> Difference:
        await _may(request, running)
        asked = strict_json.query(request, DaysIn)
        if not asked.before:
            raise NotFound("say which day", field="before")
        return await running.trust.difference(asked.before, asked.after)


async def _ask(request: Incoming, running: Running, question: Callable[[Answers], T]) -> T:
    await _may(request, running)
    return await running.trust.ask(question)


async def _may(request: Incoming, running: Running) -> None:
    grant = await authorise(request, running, Permission.TRUST_SEE)
    if grant.streams:
        raise NotAllowed(
            "this key is restricted to streams, and this is about the whole installation"
        )
