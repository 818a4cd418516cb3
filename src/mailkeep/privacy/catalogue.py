"""The data map: all rooms' declarations of personal data, table by table."""

from collections.abc import Collection

from sqlalchemy import ColumnElement, Table, false, or_, select

from mailkeep.accounts import tables as accounts
from mailkeep.accounts.personal import PERSONAL as ACCOUNTS
from mailkeep.cutover import tables as cutover
from mailkeep.cutover.personal import PERSONAL as CUTOVER
from mailkeep.events import tables as events
from mailkeep.events.personal import PERSONAL as EVENTS
from mailkeep.feed import tables as feed
from mailkeep.feed.personal import PERSONAL as FEED
from mailkeep.incidents import tables as incidents
from mailkeep.incidents.personal import PERSONAL as INCIDENTS
from mailkeep.mail import tables as mail
from mailkeep.mail.personal import PERSONAL as MAIL
from mailkeep.operators import tables as operators
from mailkeep.operators.personal import PERSONAL as OPERATORS
from mailkeep.posture import tables as posture
from mailkeep.posture.personal import PERSONAL as POSTURE
from mailkeep.recovery import tables as recovery
from mailkeep.recovery.personal import PERSONAL as RECOVERY
from mailkeep.response import tables as response
from mailkeep.response.personal import PERSONAL as RESPONSE
from mailkeep.signals import tables as signals
from mailkeep.signals.personal import PERSONAL as SIGNALS
from mailkeep.store.personal import Personal
from mailkeep.store.schema import metadata
from mailkeep.watch import tables as watch
from mailkeep.watch.personal import PERSONAL as WATCH

from . import tables as privacy
from .personal import PERSONAL as PRIVACY
from .types import Person

#: What is declared here is known as a table, whatever else was imported.
TABLES = (
    *(accounts, cutover, events, feed, incidents, mail, operators, posture),
    *(recovery, response, signals, watch, privacy),
)

#: By room, in the order in which a reader would ask.
ROOMS: dict[str, Personal] = {
    "accounts": ACCOUNTS,
    "mail": MAIL,
    "recovery": RECOVERY,
    "signals": SIGNALS,
    "feed": FEED,
    "response": RESPONSE,
    "incidents": INCIDENTS,
    "cutover": CUTOVER,
    "watch": WATCH,
    "posture": POSTURE,
    "operators": OPERATORS,
    "events": EVENTS,
    "privacy": PRIVACY,
}
CATALOGUE: Personal = {name: one for room in ROOMS.values() for name, one in room.items()}


def theirs(table: Table, person: Person) -> ColumnElement[bool]:
    """The rows of a table that are about a person."""
    found: list[ColumnElement[bool]] = []
    for link in CATALOGUE[table.name].of.split():
        name, _, leads = link.partition(":")
        column = table.c[name]
        if leads == "account":
            found.append(_among(column, person.accounts))
        elif leads == "address":
            found.append(_among(column, person.addresses))
        else:
            parent, _, key = leads.partition(".")
            above = metadata.tables[parent]
            found.append(column.in_(select(above.c[key]).where(theirs(above, person))))
    return or_(false(), *found)


def _among(column: ColumnElement[str], names: Collection[str]) -> ColumnElement[bool]:
    return column.in_(sorted(names)) if names else false()
