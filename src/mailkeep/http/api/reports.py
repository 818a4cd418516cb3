"""``/v1/reports``: ingest DMARC and TLS reports from whoever reads the mailbox that they come
to."""

from typing import Literal

import msgspec
from litestar import Controller, post
from litestar.exceptions import HTTPException

from mailkeep.base.clock import SECOND, iso
from mailkeep.base.errors import Invalid
from mailkeep.http.bearer import admit, authorise, ours
from mailkeep.http.port import Incoming, Running
from mailkeep.mail.grants import Scope
from mailkeep.watch.packed import MAX_PACKED
from mailkeep.watch.reports import Taken

from . import whole

OCTETS = "application/octet-stream"


class ReportOut(msgspec.Struct):
    """A report. ``total``: mails or sessions. ``new``: it was not known before."""

    id: str
    kind: Literal["dmarc", "tls"]
    reporter: str
    believed: bool
    domain: str
    begin: str
    end: str
    total: int
    failed: int
    new: bool


class ReportsOut(msgspec.Struct):
    reports: list[ReportOut]


class ReportsApi(Controller):
    """Needs a key with the scope ``report`` that is bound to no application."""

    path = "/v1/reports"
    tags = ("reports",)

    @post("/", status_code=200, summary="Bring a DMARC or TLS report in")
    async def take(self, request: Incoming, running: Running) -> ReportsOut:
        """The body is the report, compressed or not, or the whole mail that it came in, as
        ``application/octet-stream``; only a mail shows who sent the report."""
        ours(await admit(request, running, Scope.REPORT))
        if request.headers.get("Content-Type", "").partition(";")[0].strip().lower() != OCTETS:
            raise HTTPException(f"send 'Content-Type: {OCTETS}'", status_code=415)
        raw = await whole.body(request)
        ours(await authorise(request, running, Scope.REPORT))
        if not raw or len(raw) > MAX_PACKED:
            raise Invalid("send a report of at most 10 MiB as the body", field="report")
        found = await running.reports.take(raw, via="api")
        return ReportsOut([_shown(one) for one in found])


def _shown(one: Taken) -> ReportOut:
    return ReportOut(
        id=one.id,
        kind="dmarc" if one.kind == "dmarc" else "tls",
        reporter=one.reporter,
        believed=one.believed,
        domain=one.domain,
        begin=iso(one.begin * SECOND),
        end=iso(one.end * SECOND),
        total=one.total,
        failed=one.failed,
        new=one.new,
    )
