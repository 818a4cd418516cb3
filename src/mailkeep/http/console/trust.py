"""Console pages of the chain of trust: the graph, what-if analysis, the threat model.

A GET shows and changes nothing. They work without scripts: each party in the picture is a link to
what falls with it.

Security: whoever may look may ask as often as they like. Answers are cached (``posture.ready``),
one question is computed at a time, and only about parties that exist.
"""

import asyncio
from collections.abc import Iterable
from typing import Any

import msgspec
from litestar import Controller, MediaType, Response, get
from litestar.response import Template
from markupsafe import Markup

from mailkeep.base.clock import iso
from mailkeep.base.errors import Invalid
from mailkeep.http.port import Incoming, Running
from mailkeep.operators.permissions import Permission
from mailkeep.posture import drawing, markdown, model, services, words
from mailkeep.posture.ready import Answers
from mailkeep.posture.types import Fall, Gained, Ranked, SinglePoint
from mailkeep.posture.whatif import by_party, failing
from mailkeep.trust.types import Party

from .operator import Operator, needs
from .showing import page

MOST = 10  #: parties of one question
SHOWN = 20  #: capabilities of a kind that are shown with their path

_SEE = needs(Permission.TRUST_SEE)


class _Shown(msgspec.Struct):
    """What the first page shows.

    Attributes:
        ties: of the parties that were asked about, in words, and behind whom they stand.
        gained: what falls, kind by kind: the first of each, and how many more there are.
    """

    chosen: tuple[str, ...]
    names: dict[str, str]
    picture: drawing.Picture
    ranked: list[Ranked]
    bad: dict[str, list[SinglePoint]]
    counted_at: int
    ties: list[tuple[str, list[tuple[str, tuple[str, ...]]], list[str]]]
    gained: list[tuple[list[Gained], int]]
    fall: Fall | None = None


class TrustPages(Controller):
    """The picture with its text, and the threat model."""

    path = "/console/trust"
    include_in_schema = False

    @get("/", opt=_SEE)
    async def show(self, request: Incoming, running: Running, operator: Operator) -> Template:
        asked = request.query_params.getall("party", [])
        some = [one.strip() for text in asked for one in text.split(",") if one.strip()]
        if len(some) > MOST:
            raise Invalid(f"say {MOST} parties at most", field="party")
        whole = not some or request.query_params.get("whole") == "yes"
        shown = await running.trust.ask(lambda found: _shown(found, some, whole=whole))
        return _page(
            operator,
            "trust",
            shown=shown,
            fall=shown.fall,
            no_playbook=words.NO_PLAYBOOK,
            chosen=shown.chosen,
            picture=shown.picture,
            lines=_drawn(shown.picture),
            whole=whole,
            parties=sorted(shown.names.items(), key=lambda one: one[1].lower()),
            width=drawing.WIDE,
            height=drawing.HIGH,
        )

    @get("/changes", opt=_SEE)
    async def changes(self, running: Running, operator: Operator) -> Template:
        found = await running.trust.ask(lambda answers: answers.changes)
        return _page(operator, "trust_changes", changes=found)

    @get("/model", opt=_SEE)
    async def model(self, request: Incoming, running: Running, operator: Operator) -> Template:
        day = request.query_params.get("day", services.NOW)
        made = await running.trust.threat_model(day)
        return _page(
            operator,
            "trust_model",
            made=made,
            day=day,
            boundaries=model.boundaries(made),
            could=markdown.could,
            said=model.said,
            sources=markdown.sources(made),
            stride=model.stride,
            assets=model.ASSETS,
            rules=model.rules_words(),
        )

    @get("/model.md", media_type=MediaType.TEXT, opt=_SEE)
    async def text(self, request: Incoming, running: Running, operator: Operator) -> Response[str]:
        """The same, to be kept with the house's other documents."""
        del operator
        made = await running.trust.threat_model(request.query_params.get("day", services.NOW))
        return Response(
            await asyncio.to_thread(markdown.page, made),
            media_type="text/markdown; charset=utf-8",
            headers={"Content-Disposition": 'attachment; filename="threat-model.md"'},
        )

    @get("/models", opt=_SEE)
    async def models(self, request: Incoming, running: Running, operator: Operator) -> Template:
        """Earlier models, and what became different between two days."""
        before = request.query_params.get("before", "").strip()
        after = request.query_params.get("after", "").strip() or services.NOW
        kept = await running.trust.kept()
        days: dict[str, int] = {}  # of several in one day the last one is that day's
        for one in kept:
            days.setdefault(iso(one.at)[:10], one.at)
        last = {at: day for day, at in days.items()}
        return _page(
            operator,
            "trust_models",
            found=await running.trust.difference(before, after) if before else None,
            before=before,
            after=after,
            kept=[(one, last.get(one.at, "")) for one in kept],
        )


def _shown(answers: Answers, some: list[str], *, whole: bool) -> _Shown:
    """Runs beside the loop that serves everybody."""
    found = answers.found
    chosen = found.known(some)
    picture, fall = answers.picture, None
    if chosen:
        fall = answers.fall(chosen)
        falls, touched = drawing.reached(found.engine.reach(chosen).words())
        picture = drawing.picture(found.world, chosen, falls, touched, whole=whole)
    bad = by_party(failing(answers.single_points))
    at, known = found.live.counted_at, found.world.parties
    ties = [(one, drawing.ties_of(known[one]), _before(known.values(), one)) for one in chosen]
    kinds: dict[str, list[Gained]] = {}
    for gained in fall.gained if fall else ():
        kinds.setdefault(words.verb(gained.word), []).append(gained)
    few = [(some[:SHOWN], len(some[SHOWN:])) for some in kinds.values()]
    names = dict(found.names)
    return _Shown(chosen, names, picture, answers.ranked, dict(bad), at, ties, few, fall)


def _drawn(picture: drawing.Picture) -> Markup:
    """The lines in one piece: there are thousands. Nothing in them is anybody else's word."""
    return Markup("\n").join(
        Markup('<path class="tie {} {}" data-a="{:d}" data-b="{:d}" d="{}"></path>').format(
            one.kind, one.state, *one.ends, one.path
        )
        for one in picture.lines
    )


def _before(parties: Iterable[Party], one: str) -> list[str]:
    """Those behind whom a party stands."""
    return [party.id for party in parties if any(one in some for _, some in drawing.ties_of(party))]


def _page(operator: Operator, name: str, **context: Any) -> Template:
    return page(operator, name, "/trust", hows=words.HOWS, **context)
