"""The list of exposed addresses, one by one: released by two people, and rate-limited.

The ledger is a treasure: whoever has all of it knows every customer. Numbers are for whoever sees
incidents; the list needs an open incident, somebody who may ask for it and another person who
approves, each time anew. It is of pseudonyms; which address one is, is asked one at a time
elsewhere. Lists are counted by person, whatever keys and sessions they have, and for the whole
installation, since somebody who creates keys has as many as they like.

Attacks met here: a responder's stolen session (it can request, and everybody's pager says so), a
list in small parts (there are no parts: one stream, counted when it begins, that ends with the
session), two sessions or keys of one person (they are one person), an incident made for the sake of
the list (it needs signs, and the other person).
"""

import time
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import msgspec
from sqlalchemy import func, insert, select, update

from mailkeep.base.clock import DAY, HOUR, SECOND, Instant, iso
from mailkeep.base.errors import Conflict, Invalid, NotAllowed, TooMany
from mailkeep.base.ids import earliest, new_id
from mailkeep.events import audit
from mailkeep.incidents import queries as incidents
from mailkeep.incidents.types import Incident, State
from mailkeep.mail import counting, exposed_lines
from mailkeep.operators import people
from mailkeep.store.database import Database, Tx

from . import approval, queries
from .actions.port import Case, Means
from .approval import Approvals
from .keeping import take_turn
from .tables import approvals, exposed_lists
from .types import Approval, Asked, Preview, ResponseSettings, Step

NAME = "list_exposed"
TITLE = "List who was exposed"
LOOK_SECONDS = 1.0
BATCH = 4096  #: lines in one read: a few milliseconds, and others have their turn

_l, _p = exposed_lists, approvals


class Listed(msgspec.Struct, frozen=True):
    """A list that may be read now.

    Attributes:
        until: the end of the window: who was first given later is not in it.
    """

    id: str
    incident: str
    suspects: tuple[str, ...]
    until: Instant


class Numbers(msgspec.Struct, frozen=True):
    """What everybody who sees the incident may know of it.

    Attributes:
        each: addresses by suspect; one may stand with several.
        together: addresses in all.
        request: what is asked for, or was agreed to, and stands.
    """

    until: Instant
    each: dict[str, int]
    together: int
    request: Approval | None


class Lists:
    """Handles requests for lists, and hands lists out.

    Args:
        means: the services that actions use.
        approvals: what waits for a second person.
    """

    def __init__(self, means: Means, approvals: Approvals) -> None:
        self._means = means
        self._approvals = approvals

    async def numbers(self, tx: Tx, incident: str) -> Numbers:
        """How many were exposed, and whether a list is asked for. Raises ``NotFound``."""
        case = queries.case_of(tx, self._means, await incidents.one(tx, incident))
        each = {
            one: await counting.exposed(tx, frozenset({one}), case.until)
            for one in sorted(case.suspects)
        }
        together = await counting.exposed(tx, case.suspects, case.until)
        life = round(self._means.settings.approval_life * SECOND)
        found = await _newest(tx, incident, tx.now - life)
        return Numbers(case.until, each, together, found)

    async def ask(self, tx: Tx, incident: str, *, by: str) -> Approval:
        """Ask for a list; a second person must agree.

        Raises:
            NotFound: no such incident.
            Conflict: it is closed.
            Invalid: it suspects nobody who was given addresses.
        """
        found = await incidents.one(tx, incident, lock=True)
        case = self._open(tx, found)
        return await self._approvals.ask_for(
            tx, found, NAME, TITLE, Step.LIST, _preview(case), by=by
        )

    async def agree(self, tx: Tx, found: Approval, *, by: str) -> None:
        """A second person approves; see ``Approvals.approve``. The list is not handed out to them:
        whoever asked takes it. Raises as ``ask`` too."""
        case = self._open(tx, await incidents.one(tx, found.incident, lock=True))
        await self._approvals.approve(tx, found, _preview(case), by=by)

    async def begin(self, incident: str, *, by: str, alone: str = "") -> Listed:
        """Take a list that was approved. It is counted and audited here, and so is a refusal
        because of the limit.

        Args:
            alone: why nobody need agree; for the shell of the house only.

        Raises:
            NotAllowed: nobody agreed, or it was too long ago; it was somebody else who asked.
            TooMany: this person, or all of them, took too many.
            NotFound, Conflict, Invalid: as ``ask``.
        """
        database = self._means.database
        found = await database.retrying(lambda tx: self._begin(tx, incident, by, alone))
        if isinstance(found, TooMany):
            raise found
        while True:  # what a claim wrote a moment ago is in it
            async with database.read() as tx:
                if not await counting.is_behind(tx, found.until):
                    return found
            await counting.step(database)

    async def _begin(self, tx: Tx, incident: str, by: str, alone: str) -> Listed | TooMany:
        found = await incidents.one(tx, incident, lock=True)
        case = self._open(tx, found)
        await take_turn(tx)
        who = await people.person(tx, by)
        settings = self._means.settings
        request = "" if alone else await self._agreed(tx, case, who)
        refused = await _spent(tx, who, settings)
        said: dict[str, object] = {"incident": incident, "person": who, "request": request}
        if refused is not None:
            await audit.write(tx, by, "list_exposed_refused", said)
            return refused
        if alone:
            await self._means.incidents.note(tx, incident, alone, by=by)
            await self._approvals.alone(tx, found, NAME, Step.LIST, by)
        # Each further list is requested anew.
        taken = update(_p).where(_p.c.id == request).values(state=Asked.TAKEN.value)
        await tx.run(taken)
        made = Listed(
            new_id("lst", tx.now, tx.order.next()),
            incident,
            tuple(sorted(case.suspects)),
            case.until,
        )
        await tx.run(
            insert(_l).values(id=made.id, incident_id=incident, person=who, by=by, until=made.until)
        )
        count = await counting.exposed(tx, case.suspects, case.until)
        await audit.write(tx, by, "list_exposed", said | {"list": made.id, "addresses": count})
        words = "a list of who was exposed was taken"
        await self._means.incidents.enter(tx, incident, "list", words, by=by, count=count)
        return made

    def _open(self, tx: Tx, found: Incident) -> Case:
        if found.state is State.CLOSED:
            raise Conflict("this incident is closed: nobody needs the list for it")
        case = queries.case_of(tx, self._means, found)
        if not case.suspects:
            kind = found.subject.kind
            raise Invalid(f"this incident is about a {kind}: no suspect was given addresses")
        return case

    async def _agreed(self, tx: Tx, case: Case, who: str) -> str:
        """Their own approved request. Raises ``NotAllowed``."""
        life = round(self._means.settings.approval_life * SECOND)
        rows = await tx.all(
            select(_p.c.id, _p.c.asked_by, _p.c.mark).where(
                _p.c.incident_id == case.incident.id,
                _p.c.step == Step.LIST.value,
                _p.c.state == Asked.APPROVED.value,
                _p.c.decided_at > tx.now - life,
            )
        )
        mark = _preview(case).mark
        for row in rows:
            if row["mark"] == mark and await people.person(tx, row["asked_by"]) == who:
                return str(row["id"])
        raise NotAllowed("ask for the list first: a second person must agree to it")


async def read(
    database: Database, listed: Listed, still: Callable[[], Awaitable[bool]]
) -> AsyncIterator[bytes]:
    """The list, as lines of JSON: an address and a suspect each, in the order in which it was
    given; the last line says how many.

    Args:
        still: whether whoever takes it may go on; asked once in a while, and no more is handed out
            when not.
    """
    count, asked = 0, time.monotonic()
    for provider in listed.suspects:
        async for part in exposed_lines.read(database, provider, listed.until, BATCH):
            if time.monotonic() - asked > LOOK_SECONDS:
                asked = time.monotonic()
                if not await still():
                    yield msgspec.json.encode({"rows": count, "ended": "no longer allowed"}) + b"\n"
                    return
            yield part.text
            count += part.lines
    yield msgspec.json.encode({"rows": count, "until": iso(listed.until)}) + b"\n"


async def _newest(tx: Tx, incident: str, since: Instant) -> Approval | None:
    """The newest request for a list that waits, or was agreed to since."""
    row = await tx.one(
        select(_p.c.id)
        .where(
            _p.c.incident_id == incident,
            _p.c.step == Step.LIST.value,
            ((_p.c.state == Asked.WAITING.value) & (_p.c.expires_at > tx.now))
            | ((_p.c.state == Asked.APPROVED.value) & (_p.c.decided_at > since)),
        )
        .order_by(_p.c.id.desc())
        .limit(1)
    )
    return None if row is None else await approval.one(tx, row["id"])


async def _spent(tx: Tx, who: str, settings: ResponseSettings) -> TooMany | None:
    """The reason why no list may be taken now."""

    async def taken(since: Instant, *of: Any) -> int:
        query = select(func.count()).where(_l.c.id >= earliest("lst", since), *of)
        return int(await tx.value(query) or 0)

    if await taken(tx.now - HOUR, _l.c.person == who) >= settings.lists_each_hour:
        return TooMany(
            "you have reached the limit of lists for one person in an hour", retry_after=3600
        )
    if await taken(tx.now - DAY) >= settings.lists_each_day:
        return TooMany("the installation's limit of lists for a day is reached", retry_after=3600)
    return None


def _preview(case: Case) -> Preview:
    """What the second person approves: of whom the list is. If that changes, it is requested
    anew."""
    names = ", ".join(sorted(case.suspects))
    return Preview(TITLE, 0, (f"everybody whose address was given to {names}",))
