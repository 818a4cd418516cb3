"""``/v1/opinions``: what may be going on, also what is too weak to open an incident."""

import msgspec
from litestar import Controller, get

from mailkeep.base.clock import when
from mailkeep.http.bearer import authorise, ours
from mailkeep.http.port import Incoming, Running
from mailkeep.incidents.suspicions import Standing, Suspicion
from mailkeep.incidents.words import suspicion
from mailkeep.operators.permissions import Permission


class SuspectOut(msgspec.Struct):
    kind: str
    id: str


class TermOut(msgspec.Struct):
    """A detector's part of the sum, in nats. ``counted`` is what of ``weight`` went into it;
    ``note`` says why that is less."""

    detector: str
    weight: float
    counted: float
    note: str
    reason: str
    events: tuple[str, ...]


class SuspicionOut(msgspec.Struct):
    """Something that may be going on. ``standing``: ``held`` by ``incident``, ``closed`` by a
    person on these signs, ``below`` the line. ``open``: its sum alone is above that line.
    ``may_cut_automatically``: we saw a sign of it that nobody outside could have staged."""

    text: str
    hypothesis: str
    subject: SuspectOut
    standing: Standing
    incident: str | None
    open: bool
    prior: float
    log_odds: float
    probability: float
    may_cut_automatically: bool
    first_sign: str | None
    last_sign: str | None
    terms: list[TermOut]


class OpinionsOut(msgspec.Struct):
    opinions: list[SuspicionOut]


class OpinionsApi(Controller):
    """Needs a key with the scope ``read`` that is bound to no application."""

    path = "/v1/opinions"
    tags = ("incidents",)

    @get("/", summary="What may be going on")
    async def index(self, request: Incoming, running: Running) -> OpinionsOut:
        """Everything that any sign speaks for, the likeliest first, worked out anew."""
        ours(await authorise(request, running, Permission.INCIDENTS_SEE))
        async with running.database.read() as tx:
            found = await running.incidents.suspicions(tx)
        return OpinionsOut([shown(one) for one in found])


def shown(one: Suspicion) -> SuspicionOut:
    """A suspicion as it is told."""
    opinion = one.opinion
    return SuspicionOut(
        text=suspicion(opinion.hypothesis, opinion.subject.id, opinion.log_odds),
        hypothesis=opinion.hypothesis.value,
        subject=SuspectOut(opinion.subject.kind, opinion.subject.id),
        standing=one.standing,
        incident=one.incident,
        open=opinion.open,
        prior=opinion.prior,
        log_odds=opinion.log_odds,
        probability=opinion.probability,
        may_cut_automatically=opinion.may_cut_automatically,
        first_sign=when(one.first),
        last_sign=when(one.last),
        terms=[
            TermOut(term.detector, term.weight, term.counted, term.note, term.reason, term.events)
            for term in opinion.terms
        ],
    )
