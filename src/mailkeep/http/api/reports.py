"""``/v1/reports`` and ``/v1/lookalikes``: bring DMARC and TLS reports in from whoever reads the
mailbox that they come to; what others told, and names like ours that are in use."""

from typing import Literal, get_args

import msgspec
from litestar import Controller, get, post
from litestar.exceptions import HTTPException

from mailkeep.base.clock import SECOND, iso
from mailkeep.base.errors import Invalid
from mailkeep.http.bearer import admit, authorise, ours
from mailkeep.http.port import Incoming, Running
from mailkeep.mail.grants import Scope
from mailkeep.operators.permissions import Permission
from mailkeep.watch import queries
from mailkeep.watch.abuse import Noted
from mailkeep.watch.lookalikes import Progress, progress
from mailkeep.watch.packed import MAX_PACKED
from mailkeep.watch.reports import Taken

from . import whole

OCTETS = "application/octet-stream"
Kind = Literal["dmarc", "tls", "notice", "abuse"]
KINDS: dict[str, Kind] = {one: one for one in get_args(Kind)}


class ReportOut(msgspec.Struct):
    """A report. ``notice``: of a provider, whose name and word are its ``domain``. ``abuse``: of a
    mail in our name; ``failed`` 0: we signed it ourselves. ``total``: mails or sessions. ``new``:
    it was not known before."""

    id: str
    kind: Kind
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


class AbuseOut(msgspec.Struct):
    """What a mail to the abuse mailbox reports. ``domain``: of ours, as which the mail was sent, or
    which its sender, ``name``, is like. ``said``: what a machine calls it. ``ours``: we signed it
    ourselves. ``new``: it was not known before."""

    id: str
    domain: str
    name: str
    said: str
    ours: bool
    new: bool


class ReportListOut(msgspec.Struct):
    """``refused``: how many were not read in the last week, by the reason."""

    reports: list[ReportOut]
    refused: dict[str, int]


class LookalikeOut(msgspec.Struct):
    """A name like one of ours that is in use. ``mx``: it takes mail; ``address``: it shows a page.
    ``fresh``: it was empty at an earlier look."""

    domain: str
    name: str
    way: str
    mx: bool
    address: bool
    since: str
    fresh: bool


class LookalikesOut(msgspec.Struct):
    """``looking``: names are looked up now. ``names``: to look up; ``looked_up``: of these."""

    looking: bool
    names: int
    looked_up: int
    seen: list[LookalikeOut]


class ReportsApi(Controller):
    """To bring one in needs a key with the scope ``report``, to see them ``read``; neither may be
    bound to an application."""

    path = "/v1/reports"
    tags = ("reports",)

    @post("/", status_code=200, summary="Bring a DMARC or TLS report in")
    async def take(self, request: Incoming, running: Running) -> ReportsOut:
        """The body is the report, compressed or not, or the whole mail that it came in, as
        ``application/octet-stream``; only a mail shows who sent the report."""
        found = await running.reports.take(await _octets(request, running), via="api")
        return ReportsOut([shown(one) for one in found])

    @post("/abuse", status_code=200, summary="Bring a mail to the abuse mailbox in")
    async def abuse(self, request: Incoming, running: Running) -> AbuseOut:
        """The body is the whole mail as it came, as ``application/octet-stream``, with the mail
        that it reports attached (ARF, RFC 5965, or forwarded as an attachment)."""
        return noted(await running.abuse.take(await _octets(request, running), via="api"))

    @get("/", summary="What others report of our mail")
    async def index(self, request: Incoming, running: Running) -> ReportListOut:
        """The newest 200, and what was refused. None of it is a fact: it is what was said."""
        ours(await authorise(request, running, Permission.INCIDENTS_SEE))
        async with running.database.read() as tx:
            found, refused = await queries.reports(tx)
        return ReportListOut([shown(one) for one in found], dict(refused))


class LookalikesApi(Controller):
    """Needs a key with the scope ``read`` that is bound to no application."""

    path = "/v1/lookalikes"
    tags = ("reports",)

    @get("/", summary="Names like ours that are in use")
    async def index(self, request: Incoming, running: Running) -> LookalikesOut:
        """As far as they were looked up; none is without ``[lookalikes]``."""
        ours(await authorise(request, running, Permission.INCIDENTS_SEE))
        async with running.database.read() as tx:
            return names(await progress(tx), looking=running.looking)


async def _octets(request: Incoming, running: Running) -> bytes:
    """The body of who may bring a report in."""
    ours(await admit(request, running, Scope.REPORT))
    if request.headers.get("Content-Type", "").partition(";")[0].strip().lower() != OCTETS:
        raise HTTPException(f"send 'Content-Type: {OCTETS}'", status_code=415)
    raw = await whole.body(request)
    ours(await authorise(request, running, Scope.REPORT))
    if not raw or len(raw) > MAX_PACKED:
        raise Invalid("send a report of at most 10 MiB as the body", field="report")
    return raw


def noted(one: Noted) -> AbuseOut:
    """A report of abuse as it is told."""
    return AbuseOut(one.id, one.domain, one.name, one.said, one.ours, one.new)


def names(found: Progress, *, looking: bool) -> LookalikesOut:
    """How far the looking up is, and which names are in use."""
    seen = [
        LookalikeOut(one.domain, one.name, one.way, one.mx, one.address, iso(one.since), one.fresh)
        for one in found.seen
    ]
    return LookalikesOut(looking, found.names, found.looked_up, seen)


def shown(one: Taken) -> ReportOut:
    """A report as it is told."""
    return ReportOut(
        id=one.id,
        kind=KINDS[one.kind],
        reporter=one.reporter,
        believed=one.believed,
        domain=one.domain,
        begin=iso(one.begin * SECOND),
        end=iso(one.end * SECOND),
        total=one.total,
        failed=one.failed,
        new=one.new,
    )
