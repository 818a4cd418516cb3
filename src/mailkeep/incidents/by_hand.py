"""Incidents that a person opens, and windows that a person sets: what was heard by telephone is on
no log.

Attacks met here: the thief of one responder's key or session opens incidents to frighten owners,
to wear out those who are rung, or to hide what was read. So no action rests on a person's word
without two people (``response.approval``), it is never enough for an automatic one, one person
opens a few a day and says little more: a window that changes all the time would keep two people
from agreeing to anything. And nothing makes a window smaller than what signs say of it. Every word
has a reason, which stands in the timeline, and is audited; the reason stays out of the audit chain
and of events, as notes do.
"""

import re
from typing import TYPE_CHECKING

import msgspec
from sqlalchemy import func, select, update

from mailkeep.accounts import queries as accounts
from mailkeep.base.clock import DAY, Instant, when
from mailkeep.base.errors import Conflict, Invalid, NotFound, TooMany
from mailkeep.base.ids import new_id
from mailkeep.events import audit
from mailkeep.events.log import record
from mailkeep.mail import queries as mail
from mailkeep.store.database import Database, Tx
from mailkeep.watch.types import ABOUT, OUR_HOUSE, RESETS, Hypothesis, Subject

from . import queries, reconsidering
from .events import IncidentContained, IncidentOpened, IncidentUpdated
from .tables import incidents
from .types import Incident, State, Word
from .words import TITLES, between, clock, prose

if TYPE_CHECKING:
    from .services import Incidents

EACH_DAY = 10  #: incidents that one person opens in a day
WORDS_EACH_DAY = 30  #: windows that one person sets in a day, and what they say besides
REACH = 730 * DAY  #: how far back a window may begin

_NAME = re.compile(r"[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?")
_GRAVITY = {one: rank for rank, one in enumerate(Hypothesis)}

_i = incidents


class Saying(msgspec.Struct, frozen=True):
    """What a person says.

    Attributes:
        subject: the provider's name, the account's id, the domain; empty where there is but one.
        since, until: from when to when it was so, if they know.
    """

    hypothesis: Hypothesis
    subject: str
    reason: str
    since: Instant | None = None
    until: Instant | None = None


class ByHand:
    """Opens incidents and sets windows on a person's word.

    Args:
        database: where incidents are kept.
        room: whose timeline it is written into.
    """

    def __init__(self, database: Database, room: "Incidents") -> None:
        self._database = database
        self._room = room

    async def open(self, tx: Tx, saying: Saying, *, by: str) -> tuple[str, bool]:
        """Open an incident, or say it of the one that is open about the same; its id, and whether
        it is new. Of one that is open, the window only grows by it.

        Raises:
            NotFound: no such provider or account.
            Invalid: no reason, or a window that cannot be.
            TooMany: one person opens ``EACH_DAY`` a day, and says ``WORDS_EACH_DAY`` besides.
            Conflict: it was opened in this moment; say it again.
        """
        subject = await self._subject(tx, saying)
        reason = prose(saying.reason, "reason")
        await queries.live(tx, lock=True)  # as when signs are weighed: one after the other
        found = await queries.about(tx, subject)
        check(tx.now, saying.since, saying.until)
        if found is not None:
            await self._add(tx, found, saying, reason, by)
            return found.id, False
        await self._bounded(tx, by)
        incident = new_id("inc", tx.now, tx.order.next())
        await self._insert(tx, incident, subject, saying, by)
        await self._room.enter(tx, incident, "opened", f"opened by a person: {reason}", by=by)
        await self._note(tx, incident, _word(saying, tx.now, by), by)
        await audit.write(tx, by, "open_incident", _audited(incident, saying))
        name = saying.hypothesis.value
        opened = IncidentOpened(
            incident=incident, subject_kind=subject.kind, subject_id=subject.id, hypotheses=(name,)
        )
        await record(self._database, tx, opened)
        await self._if_cut(tx, incident, subject, by)
        return incident, True

    async def window(
        self,
        tx: Tx,
        incident: str,
        since: Instant | None,
        until: Instant | None,
        reason: str,
        *,
        by: str,
    ) -> None:
        """Set from when to when it was, as a person knows it; what is left out stands as the signs
        say.

        Raises:
            NotFound: no such incident.
            Conflict: it is closed.
            Invalid: no reason, or a window that is smaller than what signs say.
            TooMany: one person says ``WORDS_EACH_DAY`` a day.
        """
        found = await queries.one(tx, incident, lock=True)
        if found.state is State.CLOSED:
            raise Conflict("this incident is closed")
        reason = prose(reason, "reason")
        check(tx.now, since, until)
        await self._few(tx, by)
        first = int(await tx.value(select(_i.c.since).where(_i.c.id == incident)) or 0)
        if since is not None and since > first:
            raise Invalid(
                f"it began by {clock(first)}, as far as is seen: it can only begin earlier",
                field="since",
            )
        if until is not None and found.signed:
            raise Invalid(
                "signs hold something about it, so it ends with the cut, and no earlier",
                field="until",
            )
        hypothesis = None if found.word is None else found.word.hypothesis
        word = Word(by, tx.now, hypothesis, since, until)
        await self._keep(tx, found, word, f"the window is set: {reason}", by)
        said: dict[str, object] = {"incident": incident, "since": when(since), "until": when(until)}
        await audit.write(tx, by, "set_window", said)

    async def _add(self, tx: Tx, found: Incident, saying: Saying, reason: str, by: str) -> None:
        """Say it of an incident that is open: the graver of what was said stands, and the wider
        window."""
        await self._few(tx, by)
        before = found.word
        said = saying.hypothesis
        since, until = saying.since, saying.until
        if before is not None:
            if before.hypothesis is not None:
                said = min(said, before.hypothesis, key=_GRAVITY.__getitem__)
            since = min((one for one in (since, before.since) if one is not None), default=None)
            # Who says of no end, says that it goes on.
            ends = (until, before.until)
            until = None if None in ends else max(one for one in ends if one is not None)
        if found.signed:
            until = None
        word = Word(by, tx.now, said, since, until)
        words = f"{TITLES[saying.hypothesis].lower()}, as a person says: {reason}"
        await self._keep(tx, found, word, words, by)
        await audit.write(tx, by, "say_incident", _audited(found.id, saying))

    async def _keep(self, tx: Tx, found: Incident, word: Word, text: str, by: str) -> None:
        values = _values(word) | {"quiet_since": None if word.hypothesis else found.quiet_since}
        await tx.run(update(_i).where(_i.c.id == found.id).values(**values))
        await self._room.enter(tx, found.id, "said", text, by=by)
        await self._note(tx, found.id, word, by)
        await reconsidering.when_held(tx, self._room, found)
        now = await queries.one(tx, found.id)
        held = tuple(sorted(one.value for one in now.held))
        await record(self._database, tx, IncidentUpdated(incident=found.id, hypotheses=held))

    async def _note(self, tx: Tx, incident: str, word: Word, by: str) -> None:
        """The window in words of ours, apart from what the person wrote."""
        if word.since is None and word.until is None:
            return
        await self._room.enter(tx, incident, "window", between(word.since, word.until), by=by)

    async def _insert(
        self, tx: Tx, incident: str, subject: Subject, saying: Saying, by: str
    ) -> None:
        row = {
            "id": incident,
            "subject_kind": subject.kind,
            "subject_id": subject.id,
            "state": State.OPEN.value,
            "opened_at": tx.now,
            "since": tx.now,
            "opinions": "[]",
        }
        row |= _values(_word(saying, tx.now, by))
        if await tx.run(tx.upsert(_i).values(**row).on_conflict_do_nothing()) != 1:
            raise Conflict("an incident about it opened in this moment: say it again")

    async def _if_cut(self, tx: Tx, incident: str, subject: Subject, by: str) -> None:
        """What was cut off before is contained from then on: nothing was given to it since."""
        if subject.kind != "provider":
            return
        cut_at = (await mail.cut(tx)).get(subject.id)
        if cut_at is None:
            return
        values = {"state": State.CONTAINED.value, "contained_at": cut_at}
        await tx.run(update(_i).where(_i.c.id == incident).values(**values))
        words = "the suspect was cut off before it opened"
        await self._room.enter(tx, incident, State.CONTAINED.value, words)
        await record(self._database, tx, IncidentContained(incident=incident, by=by))

    async def _subject(self, tx: Tx, saying: Saying) -> Subject:
        kind, name = ABOUT[saying.hypothesis], saying.subject
        alone = {one.kind: one for one in (RESETS, OUR_HOUSE)}.get(kind)
        if alone is not None:
            if name not in {"", alone.id}:
                raise Invalid(f"{saying.hypothesis.value} is about no one of many", field="subject")
            return alone
        house = self._room.house
        # One that was left for good knows what it was given: it can be broken into years later.
        if kind == "provider" and name not in house.parties and name not in house.left:
            raise NotFound(
                "no provider of that name; `mailkeep providers list` names them", field="subject"
            )
        if kind == "account":
            await accounts.account(tx, name)
        elif kind != "provider" and not _NAME.fullmatch(name):
            raise Invalid("say which: a name of DNS, in lower case", field="subject")
        return Subject(kind, name)

    async def _bounded(self, tx: Tx, by: str) -> None:
        mine = (_i.c.said_by == by, _i.c.opened_at > tx.now - DAY)
        found = await tx.value(select(func.count()).select_from(_i).where(*mine))
        if int(found or 0) >= EACH_DAY:
            raise TooMany(f"you opened {EACH_DAY} incidents within a day", retry_after=3600)

    async def _few(self, tx: Tx, by: str) -> None:
        said = await audit.acts(tx, {"set_window", "say_incident"}, tx.now - DAY, by)
        if len(said) >= WORDS_EACH_DAY:
            raise TooMany(f"you said {WORDS_EACH_DAY} things within a day", retry_after=3600)


def check(
    now: Instant,
    since: Instant | None,
    until: Instant | None,
    *,
    fields: tuple[str, str] = ("since", "until"),
) -> None:
    """Whether a time that a person says can be. Raises ``Invalid``."""
    for at, field in zip((since, until), fields, strict=True):
        if at is not None and at > now:
            raise Invalid("it lies in the future: leave out an end that is not yet", field=field)
        if at is not None and at < now - REACH:
            raise Invalid(f"it lies more than {REACH // DAY} days back", field=field)
    if since is not None and until is not None and until <= since:
        raise Invalid("it ends before it begins", field="until")


def _word(saying: Saying, now: Instant, by: str) -> Word:
    return Word(by, now, saying.hypothesis, saying.since, saying.until)


def _values(word: Word) -> dict[str, object]:
    return {
        "said": None if word.hypothesis is None else word.hypothesis.value,
        "said_by": word.by,
        "said_at": word.at,
        "said_since": word.since,
        "said_until": word.until,
    }


def _audited(incident: str, saying: Saying) -> dict[str, object]:
    return {
        "incident": incident,
        "hypothesis": saying.hypothesis.value,
        "since": when(saying.since),
        "until": when(saying.until),
    }
