"""``/v1/events``: what became of messages, for an application that cannot be called.

Who asks keeps the place: ``next`` of one answer is ``after`` of the next question. Nothing is kept
for a reader, so none can be forgotten, and reading twice is the same as reading once.
"""

import base64
import binascii
import datetime as dt
from typing import Annotated

import msgspec
from litestar import Controller, get

from mailkeep.base.errors import Invalid
from mailkeep.events import retention
from mailkeep.events.log import head
from mailkeep.feed import happened, placing
from mailkeep.feed.delivery import EventOut
from mailkeep.feed.types import MOST_EVENTS, USUAL, EventKind
from mailkeep.http import account_mail
from mailkeep.http.bearer import authorise
from mailkeep.http.port import Incoming, Running
from mailkeep.mail.grants import Scope
from mailkeep.operators.permissions import Permission

from . import strict_json
from .message_in import instant

_HEAD = "events "
_LAST = 2**63 - 1  #: the largest place that a database can be asked for


class EventsIn(msgspec.Struct, forbid_unknown_fields=True):
    """Where to read on, and what.

    ``after``: the ``next`` of an earlier answer. ``since``: an instant, to begin with. With neither
    it begins with the oldest that is kept. ``what``: events, joined with commas.
    """

    after: Annotated[str, msgspec.Meta(min_length=1, max_length=60)] | None = None
    since: dt.datetime | None = None
    stream: str | None = None
    what: Annotated[str, msgspec.Meta(min_length=1, max_length=400)] | None = None
    limit: Annotated[int, msgspec.Meta(ge=1, le=MOST_EVENTS)] = 100


class EventPage(msgspec.Struct):
    """Events in the order in which Mailkeep wrote them down.

    ``next``: what to ask ``after``, also while there is nothing new. ``more``: there may be more at
    once, though a page may hold none. ``missed``: since that cursor was given the log has forgotten
    events: look messages up instead.
    """

    events: list[EventOut]
    next: str
    more: bool
    missed: bool


class EventsApi(Controller):
    """Needs a key with the scope ``read``; one that is bound to streams sees those, any other none
    whose mail tells who has an account."""

    path = "/v1/events"
    tags = ("messages",)

    @get("/", summary="What became of messages, from a place of the log on")
    async def index(self, request: Incoming, running: Running) -> EventPage:
        grant = await authorise(request, running, Permission.MAIL_SEE)
        asked = strict_json.query(request, EventsIn)
        sees = account_mail.of_key(running, grant)
        streams = sees.streams
        if asked.stream is not None:
            if asked.stream not in running.streams and grant.may_use_stream(asked.stream):
                raise Invalid("there is no such stream", field="stream")
            grant.require(Scope.READ, streams=(asked.stream,), network=None)
            streams = sees.of(asked.stream)
        since = instant(asked.since, "since")
        if asked.after is not None and since is not None:
            raise Invalid("say where to read on, or since when, not both", field="since")
        wanted = happened.Wanted(streams, _kinds(asked.what))
        async with running.database.read() as tx:
            forgotten = await retention.forgotten(tx, retention.OF_MAIL)
            place, missed = forgotten, False
            if since is not None:
                place = await placing.behind(tx, since)
            elif asked.after is not None:
                place = of_cursor(asked.after)
                if place > await head(tx):  # of a log that a restore took back
                    raise Invalid("this place is not in the log: say since when", field="after")
                missed = place < forgotten
            found = await happened.read(tx, place, wanted, asked.limit)
        events = [
            msgspec.structs.replace(one.out, recipient=None)
            if sees.hides(one.out.stream)
            else one.out
            for one in found.events
        ]
        return EventPage(events, to_cursor(found.through), found.more, missed)


def _kinds(text: str | None) -> frozenset[EventKind]:
    if text is None:
        return frozenset(USUAL)
    try:
        return frozenset(EventKind(one.strip()) for one in text.split(","))
    except ValueError as error:
        known = ", ".join(EventKind)
        raise Invalid(f"name events joined with commas, of {known}", field="what") from error


def to_cursor(place: int) -> str:
    """A place of the log, for whoever reads on (pure)."""
    return base64.urlsafe_b64encode(f"{_HEAD}{place}".encode()).decode().rstrip("=")


def of_cursor(text: str) -> int:
    """The place that ``to_cursor`` was made of (pure). Raises ``Invalid``."""
    try:
        raw = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
        digits = raw.decode("ascii").removeprefix(_HEAD)
        place = int(digits) if digits.isdigit() and len(digits) < 20 else -1
    except (binascii.Error, ValueError) as error:
        raise Invalid("take the cursor from `next` as it is", field="after") from error
    if not 0 <= place <= _LAST or to_cursor(place) != text:  # one place has one name
        raise Invalid("take the cursor from `next` as it is", field="after")
    return place
