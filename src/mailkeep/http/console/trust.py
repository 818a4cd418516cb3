"""The chain of trust at the console: the picture, what falls if these fall, the threat model.

A GET shows and changes nothing. They work without scripts: a party of the picture is a link to
what falls with it.
"""

from typing import Any

from litestar import Controller, MediaType, Response, get
from litestar.response import Template

from mailkeep.base.errors import Invalid
from mailkeep.http.port import Incoming, Running
from mailkeep.operators.permissions import Permission
from mailkeep.posture import changes, drawing, markdown, model, queries, words
from mailkeep.posture.whatif import Model, by_party, failing

from .operator import Operator, needs
from .showing import page

MOST = 10  #: parties of one question

_SEE = needs(Permission.TRUST_SEE)


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
        found = await _model(running)
        chosen = found.known(some)
        fall = found.fall(chosen) if chosen else None
        reached = found.engine.reach(chosen).words() if chosen else []
        falls, touched = drawing.reached(reached)
        whole = not chosen or request.query_params.get("whole") == "yes"
        points = found.single_points()
        return _page(
            operator,
            "trust",
            fall=fall,
            chosen=chosen,
            picture=drawing.picture(found.world, chosen, falls, touched, whole=whole),
            whole=whole,
            parties=sorted(found.names.items(), key=lambda one: one[1].lower()),
            ranked=found.ranked(),
            bad=by_party(failing(points)),
            width=drawing.WIDE,
            height=drawing.HIGH,
        )

    @get("/changes", opt=_SEE)
    async def changes(self, running: Running, operator: Operator) -> Template:
        found = await _model(running)
        return _page(
            operator, "trust_changes", changes=changes.ranked(found.world, found.live.today)
        )

    @get("/model", opt=_SEE)
    async def model(self, running: Running, operator: Operator) -> Template:
        made = model.written(await _model(running))
        return _page(
            operator,
            "trust_model",
            made=made,
            stride=model.stride,
            assets=model.ASSETS,
            rules=model.rules_words(),
        )

    @get("/model.md", media_type=MediaType.TEXT, opt=_SEE)
    async def text(self, running: Running, operator: Operator) -> Response[str]:
        """The same, to be kept with the house's other documents."""
        del operator
        made = model.written(await _model(running))
        return Response(
            markdown.page(made),
            media_type="text/markdown; charset=utf-8",
            headers={"Content-Disposition": 'attachment; filename="threat-model.md"'},
        )


async def _model(running: Running) -> Model:
    async with running.database.read() as tx:
        return await queries.model(tx, running.chain)


def _page(operator: Operator, name: str, **context: Any) -> Template:
    return page(operator, name, "/trust", hows=words.HOWS, **context)
