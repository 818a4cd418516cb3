"""The accounts behind the counts of an incident, one by one: how far somebody came with each.

Under pseudonyms: whose an account is, is asked one at a time elsewhere (``accounts.opening``).
"""

import enum
from collections.abc import Sequence

import msgspec

from mailkeep.accounts import histories
from mailkeep.recovery import queries as recovery
from mailkeep.recovery.stories import stories
from mailkeep.store.database import Tx

from . import blast
from .harm import Harm, Reached, judge
from .suspects import ProviderParties
from .types import COUNTS_NOBODY, Incident, IncidentSettings

PAGE = 100  #: accounts on a page, unless more are asked for
MOST = 500  #: that may be asked for
LOOKED = 1_000  #: accounts that are judged for one page, to find those that are asked for
COUNTED = 5_000  #: the same for the count, in the background
PART = 200  #: accounts in one statement: others have their turn between two


class Asked(enum.StrEnum):
    """Which accounts: the counts of the blast radius, and what came of what was completed."""

    REQUESTED = "requested"
    HALF = "half_proven"
    STOPPED = "stopped_by_factor"
    COMPLETED = "completed"
    DENIED = "denied"
    LOST = "lost"
    SIGNED_IN = "signed_in"  #: signed in to since from a browser that it did not know
    CHANGED = "changed"  #: changed since


#: What cannot be counted without a look at each account.
_JUDGED = {Asked.LOST, Asked.SIGNED_IN, Asked.CHANGED}


class Page(msgspec.Struct, frozen=True):
    """Some accounts, by their ids. ``after``: where the next page begins; "": nowhere. A page may
    have few, or none, before the last one: no more were looked at."""

    accounts: list[Harm]
    after: str


async def page(
    tx: Tx,
    house: ProviderParties,
    incident: Incident,
    settings: IncidentSettings,
    asked: Asked,
    *,
    after: str = "",
    limit: int = PAGE,
    looked: int | None = None,
) -> Page:
    """The next accounts behind a count.

    Args:
        after: the account at which the page before ended.
        looked: how many are judged at most; else ``LOOKED``.
    """
    if incident.subject.kind in COUNTS_NOBODY:
        return Page([], "")
    count = Asked.COMPLETED if asked in _JUDGED else asked
    most = (looked or LOOKED) if asked in _JUDGED else limit
    since, until = blast.window(incident, tx.now, settings)
    ways = house.suspects(incident.subject) or frozenset(house.parties)
    names = await recovery.some(
        *(tx, ways, since, until, count.value, incident.account), after=after, limit=most + 1
    )
    found: list[Harm] = []
    for start in range(0, min(len(names), most), PART):
        part = names[start : min(start + PART, most)]
        for one in await _judged(tx, house, incident, settings, part):
            if len(found) == limit:
                return Page(found, found[-1].account)
            if _fits(one, asked):
                found.append(one)
    return Page(found, names[most - 1] if len(names) > most else "")


async def lost(
    tx: Tx, house: ProviderParties, incident: Incident, settings: IncidentSettings
) -> int | None:
    """How many accounts count as lost; None: too many were completed to look at each."""
    found = await page(tx, house, incident, settings, Asked.LOST, limit=COUNTED, looked=COUNTED)
    return None if found.after else len(found.accounts)


async def _judged(
    tx: Tx,
    house: ProviderParties,
    incident: Incident,
    settings: IncidentSettings,
    names: Sequence[str],
) -> list[Harm]:
    since, until = blast.window(incident, tx.now, settings)
    ways = house.suspects(incident.subject) or frozenset(house.parties)
    went = await stories(tx, ways, since, until, names)
    stays = await histories.stays(tx, names)
    changes = await histories.changes(tx, names, since)
    whose = await histories.applications(tx, names)
    return [
        judge(
            one,
            went[one],
            stays.get(one, ()),
            changes.get(one, ()),
            ours=not whose.get(one, ""),
        )
        for one in names
        if one in went
    ]


def _fits(one: Harm, asked: Asked) -> bool:
    if asked is Asked.LOST:
        return one.reached is Reached.LOST
    if asked is Asked.SIGNED_IN:
        return one.strange > 0
    return asked is not Asked.CHANGED or bool(one.changes)
