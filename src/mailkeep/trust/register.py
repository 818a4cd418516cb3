"""Reads the register of third parties from the ``[[party]]`` tables of the settings (pure).

A party that is in the catalogue has the owners, relays and hosts that the catalogue knows, besides
those that its table names: leaving something out of the file must not make it independent.

A party that is a house of the catalogue under an id of its own is owned by that house: two accounts
at one company are never two parties.

Security: the file may be wrong, or written by whoever wants to look independent. So an id is plain
ASCII, and no two differ in their case alone, since two that look alike would be two parties; a name
has no letters that turn or hide what stands beside them; no outside party calls itself ours, and
none takes another one's catalogue entry by its ``known``.
"""

import datetime
import re
import unicodedata
from collections.abc import Iterable, Mapping

import msgspec

from mailkeep.base.errors import BadSettings
from mailkeep.base.wording import nearest

from .catalogue import HOUSES
from .types import Party, PartyKind

#: The ways in which one party names another.
EDGES = ("relays_via", "owned_by", "administered_by", "runs_on")

#: Letters of a reason: a shrug explains nothing.
MINIMAL_REASON = 10
MOST = 1000  #: parties of a file
MOST_TIES = 10_000
MOST_DOMAINS = 2000  #: that they serve: accounts are counted at each
LONGEST = 200  #: letters of a name
_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:@+-]{0,79}")
_DOMAIN = re.compile(r"(?=.{1,253}$)[a-z0-9_-]{1,63}(?:\.[a-z0-9_-]{1,63})*", re.IGNORECASE)
#: Kinds of letters that change how what stands beside them looks, or look like nothing.
_UNSEEN = frozenset({"Cc", "Cf", "Co", "Cs", "Cn", "Zl", "Zp"})
#: ``pages``, ``operate``, ``phones``, ``vouch``, or a verb and what it is about; see ``rules``.
_CAPABILITY = re.compile(
    r"pages|operate|phones|vouch|(?:read|send|drop|dns|mailbox|list|stop|claim):[a-z0-9*][a-z0-9.*_@-]{0,252}"
)
_UNKNOWN_FIELD = re.compile(r"unknown field `([^`]*)`")


def load(tables: Iterable[Mapping[str, object]]) -> dict[str, Party]:
    """The parties by id.

    Every id that a party names must have a table of its own: a mistyped owner would otherwise be
    an owner that nothing else has, and two providers of one house would look independent.

    Raises:
        BadSettings: a field or an id that is not known (naming the nearest one that is), an id
            given twice or empty, or a value of the wrong kind.
    """
    parties = _read(tables)
    for party in list(parties.values()):
        _check(party)
        if party.known or party.id in HOUSES:
            parties[party.id] = _widened(party)
    add_known(parties)
    for party in parties.values():
        _check_ties(party, parties)
    return parties


def _read(tables: Iterable[Mapping[str, object]]) -> dict[str, Party]:
    parties: dict[str, Party] = {}
    for number, table in enumerate(tables, start=1):
        if number > MOST:
            raise BadSettings(f"party: there are over {MOST}")
        where = f"party {table.get('id') or f'number {number}'}"
        try:
            party = msgspec.convert(table, Party)
        except msgspec.ValidationError as error:
            raise BadSettings(f"{where}: {_field(str(error))}") from error
        if not party.id:
            raise BadSettings(f"{where}: the id is empty")
        if party.id in parties:
            raise BadSettings(f"two tables of [[party]] have the id {party.id!r}")
        parties[party.id] = party
    _check_alike(parties)
    if sum(len(one.serves) for one in parties.values()) > MOST_DOMAINS:
        raise BadSettings(f"party: over {MOST_DOMAINS} domains are served")
    if sum(len(getattr(one, edge)) for one in parties.values() for edge in EDGES) > MOST_TIES:
        raise BadSettings(f"party: there are over {MOST_TIES} ties between parties")
    return parties


def _check_alike(parties: Iterable[str]) -> None:
    """``SendGrid`` beside ``sendgrid`` would be nobody's."""
    meant = {one.lower(): one for one in HOUSES}
    for party in parties:
        other = meant.setdefault(party.lower(), party)
        if other != party:
            raise BadSettings(f"party {party!r}: id: say {other!r}, in these letters")


def _check_ties(party: Party, parties: Mapping[str, Party]) -> None:
    for edge in EDGES:
        for other in getattr(party, edge):
            if other not in parties:
                raise BadSettings(
                    f"party {party.id}: {edge} names no party {other!r}" + nearest(other, parties)
                )
    for override in party.independent:
        ties = {other for edge in EDGES for other in getattr(party, edge)}
        if override.of not in ties:
            raise BadSettings(
                f"party {party.id}: independent: it has no tie to {override.of!r}"
                + nearest(override.of, ties)
            )


def _check(party: Party) -> None:
    _check_words(party)
    where = f"party {party.id}"
    if party.kind is PartyKind.OURS:
        raise BadSettings(f"{where}: kind: this is set by Mailkeep itself")
    for field in ("source", "confirmed"):
        if getattr(party, field):
            raise BadSettings(f"{where}: {field} is the catalogue's own")
    if party.known and party.known not in HOUSES:
        raise BadSettings(f"{where}: known: no house {party.known!r}{nearest(party.known, HOUSES)}")
    if party.known and party.id in HOUSES and party.known != party.id:
        raise BadSettings(f"{where}: known: {party.id} is a house of the catalogue itself")
    if party.reviewed:
        day(party.reviewed, f"{where}: reviewed")
    for one in party.independent:
        day(one.until, f"{where}: independent of {one.of}: until")
        if len(one.reason.strip()) < MINIMAL_REASON:
            raise BadSettings(
                f"{where}: independent of {one.of}: say the reason, for whoever reads it later"
            )
    for one_can in party.can:
        if not _CAPABILITY.fullmatch(one_can):
            raise BadSettings(f"{where}: can: {one_can!r} is no capability; see the reference")


def _check_words(party: Party) -> None:
    """Names that look alike to people must be the same."""
    if not _ID.fullmatch(party.id):
        raise BadSettings(
            f"party {party.id!r}: id: 1 to 80 of the letters a to z, A to Z, 0 to 9 and ._:@+-,"
            " the first a letter or a digit"
        )
    unseen = {unicodedata.category(one) for one in party.name} & _UNSEEN
    if unseen or len(party.name) > LONGEST:
        raise BadSettings(
            f"party {party.id}: name: at most {LONGEST} letters, all of which can be seen"
        )
    for domain in party.serves:
        if not _DOMAIN.fullmatch(domain):
            raise BadSettings(
                f"party {party.id}: serves: {domain!r} is no domain in ASCII, such as a.example"
            )


def _widened(party: Party) -> Party:
    """The party with what the catalogue knows of its company."""
    known = HOUSES[party.known or party.id].party()
    ties = {
        edge: tuple(dict.fromkeys((*getattr(party, edge), *getattr(known, edge)))) for edge in EDGES
    }
    if party.id != known.id:
        ties["owned_by"] = tuple(dict.fromkeys((*ties["owned_by"], known.id)))
    kind = known.kind if party.kind is PartyKind.OTHER else party.kind
    return msgspec.structs.replace(
        party,
        name=party.name or known.name,
        kind=kind,
        known=known.known,
        source=known.source,
        confirmed=known.confirmed,
        **ties,
    )


def add_known(parties: dict[str, Party]) -> None:
    """Houses of the catalogue that the file names, or that own those, need no table."""
    todo = list(parties.values())
    while todo:
        party = todo.pop()
        for edge in EDGES:
            for other in getattr(party, edge):
                if other not in parties and other in HOUSES:
                    parties[other] = HOUSES[other].party()
                    todo.append(parties[other])


def day(text: str, where: str) -> None:
    """Raises ``BadSettings`` for what is no day, saying ``where``."""
    try:
        if datetime.date.fromisoformat(text).isoformat() == text:
            return
    except ValueError:
        pass
    raise BadSettings(f"{where}: say a day such as 2027-06-30, not {text!r}")


def require(parties: Mapping[str, Party], wanted: str, *, where: str) -> Party:
    """The party with that id. Raises ``BadSettings`` saying ``where`` and the way out: a house of
    the catalogue to be registered, or the nearest right id."""
    if wanted not in parties:
        way = (
            f'; add [[party]] with id = "{wanted}", a house of the catalogue'
            if wanted in HOUSES
            else nearest(wanted, parties)
        )
        raise BadSettings(f"{where}: no party {wanted!r}{way}")
    return parties[wanted]


def _field(text: str) -> str:
    match = _UNKNOWN_FIELD.search(text)
    return text if match is None else text + nearest(match[1], Party.__struct_fields__)
