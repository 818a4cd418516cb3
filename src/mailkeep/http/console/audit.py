"""Console page of the audit chain: what was done, by whom, and whether the chain verifies."""

import json
from typing import Any

import msgspec
from litestar import Controller, get
from litestar.response import Template

from mailkeep.base.errors import Invalid
from mailkeep.events import anchors, audit, queries
from mailkeep.http.api.audit import verified
from mailkeep.http.port import Incoming, Running
from mailkeep.operators import services as operators
from mailkeep.operators.permissions import Permission

from .operator import Operator, needs
from .showing import page

PAGE = 50


class Line(msgspec.Struct, frozen=True):
    """An entry in words."""

    number: int
    at: int
    who: str
    act: str
    words: list[tuple[str, str]]
    hash: str


class AuditPages(Controller):
    """The newest entries, and the check of all of them."""

    path = "/console/audit"
    include_in_schema = False

    @get("/", opt=needs(Permission.AUDIT_SEE))
    async def show(self, request: Incoming, running: Running, operator: Operator) -> Template:
        before, act = request.query_params.get("before", ""), request.query_params.get("act", "")
        if before and not (before.isascii() and before.isdigit() and len(before) < 19):
            raise Invalid("say a number", field="before")
        checked = request.query_params.get("check") == "yes"
        async with running.database.read() as tx:
            found = await queries.entries(
                tx, before=int(before) if before else None, act=act[:80], limit=PAGE
            )
            names = await operators.names(tx)
            broken, kept = await verified(tx, running) if checked else (None, None)
            places = await anchors.places(tx, running.anchors.named)
            head, now = await audit.head(tx, running.keys), tx.now
        return page(
            operator,
            "audit",
            "/audit",
            found=[_line(one, names) for one in found],
            after=found[-1].number if len(found) == PAGE else None,
            act=act,
            checked=checked,
            broken=broken,
            head=head,
            kept=kept,
            anchored=[(one, one.is_fresh(now, running.anchors.every)) for one in places],
        )


def _line(one: queries.Entry, names: dict[str, str]) -> Line:
    data: dict[str, Any] = json.loads(one.data)
    words = [(name.replace("_", " "), _word(value)) for name, value in data.items()]
    who = names.get(one.actor, one.actor)
    return Line(one.number, one.at, who, one.act, [pair for pair in words if pair[1]], one.hash)


def _word(value: object) -> str:
    if value in (None, "", [], {}):
        return ""
    text = value if isinstance(value, str) else json.dumps(value)
    return text if len(text) <= 120 else f"{text[:119]}…"
