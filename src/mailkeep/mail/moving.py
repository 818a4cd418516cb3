"""Applies providers' delivery reports to the messages that they hold.

A webhook costs the same few prepared statements, however many reports it brings (decision 17).
"""

from collections.abc import Callable, Collection, Mapping
from typing import Any, NamedTuple

import msgspec
from sqlalchemy import (
    BigInteger,
    ColumnClause,
    ColumnElement,
    Float,
    String,
    Text,
    bindparam,
    cast,
    column,
    func,
    literal_column,
    or_,
    select,
    update,
)
from sqlalchemy.types import TypeEngine

from mailkeep.providers.types import Claim, ClaimKind, OutcomeKind
from mailkeep.store.database import Tx
from mailkeep.store.repeated import Among, Repeated, of_postgresql
from mailkeep.store.schema import Micros

from . import recipients, tables
from .believing import Word
from .outbox import shred_bodies
from .types import TOLD, WITHHELD, Status

_STATUS = {ClaimKind.DELIVERED: Status.DELIVERED, ClaimKind.BOUNCED: Status.BOUNCED}

#: From where a claim may take a message. Delivered is final: a late bounce of another copy, or a
#: forged one, must not turn a mail that arrived into one that did not.
_FROM = {
    Status.DELIVERED: (Status.QUEUED, Status.SENDING, Status.ACCEPTED, Status.BOUNCED),
    Status.BOUNCED: (Status.ACCEPTED,),
}


#: What a provider says of whom it was asked to send a mail to.
_TO_WHOM = frozenset({ClaimKind.SENT, ClaimKind.DELIVERED, ClaimKind.DEFERRED, ClaimKind.REJECTED})

#: Outcomes after which the provider may have a mail to which it gave a name.
_MAY_HAVE_IT = (None, OutcomeKind.AMBIGUOUS.value, OutcomeKind.ACCEPTED.value)


class Ours(NamedTuple):
    """A message that a provider had from us.

    ``people``: the pseudonyms of all in it, its recipient's first, with the address of each where
    it is needed: there are several to tell apart, or ``all_named`` does not hold. ``holds``: the
    provider has it, or may have; ``waits``: it is to go to another one, as its answer was lost.
    ``told``: how many claims of the provider's about it are kept. ``theirs``: the names that the
    provider gave it; ``all_named``: there are no others, as all of them are known, and there are
    not several recipients with one each. ``journal``: its application told of it, and may have told
    of each recipient's mail by itself.
    """

    message: str
    stream: str
    people: Mapping[str, str]
    holds: bool
    waits: bool = False
    told: int = 0
    theirs: frozenset[str] = frozenset()
    all_named: bool = False
    journal: bool = False


def of(about: Mapping[tuple[str, str | None], Ours], claim: Claim) -> Ours | None:
    """What is known of the message that a claim is about; None: it is about none of ours.

    Everybody who gets a mail can read our id in it. Whoever sends through our account there with an
    id that they got would else hide their mail behind that one: the provider names it otherwise, or
    it is to somebody whom the message never had.
    """
    known = about.get((claim.provider, claim.message_id))
    if known is None or claim.provider_message_id in known.theirs:
        return known
    if known.all_named and claim.provider_message_id is not None:
        return None
    return None if _is_elsewhere(claim, known) else known


def _is_elsewhere(claim: Claim, known: Ours) -> bool:
    """Whether a claim tells of mail to a stranger. Who passed a mail on, or got it in the end, is
    named by bounces (RFC 3464 section 2.3.2), complaints and reports of relays on the way: those
    say nothing of whom the provider was to send it to."""
    if claim.kind not in _TO_WHOM or claim.authenticated == "none" or known.journal:
        return False
    return recipients.is_stranger(claim.recipient, known.people.values())


class Moved:
    """Messages that claims move, by where to."""

    def __init__(self, keeping: Collection[str]) -> None:
        self._keeping = keeping
        self._to: dict[Status, set[str]] = {}
        self._bodies: set[str] = set()  # of those that may go

    def add(self, claim: Claim, known: Ours, word: Word) -> None:
        """Note what one report changes.

        Args:
            claim: the report, of a provider whose word moves messages at least.
            known: the message that it is about.
            word: whether the provider's word may also destroy our copy of the body.
        """
        status = _STATUS.get(claim.kind)
        if status is not None:
            self._to.setdefault(status, set()).add(known.message)
            if word.destroys and known.stream not in self._keeping:
                self._bodies.add(known.message)

    async def write(self, tx: Tx) -> None:
        moved: list[str] = []
        # Delivered comes last: it stands whatever else the same webhook says.
        for status in (Status.BOUNCED, Status.DELIVERED):
            wanted = sorted(self._to.get(status, ()))
            if wanted:
                found = await tx.fetch(_MOVE[status], ids=wanted, now=tx.now)
                moved += [row[0] for row in found]
        shred_bodies(tx, [one for one in moved if one in self._bodies])


def _move(status: Status) -> Repeated:
    m = tables.messages
    movable = or_(*(m.c.status == one.value for one in _FROM[status]))
    # If we never had the provider's answer, it has accepted the message by now at the latest.
    taken = func.coalesce(m.c.accepted_at, bindparam("now", type_=Micros))
    return Repeated(
        lambda _insert: (
            update(m)
            .where(Among(m.c.id, "ids"), movable)
            .values(status=status.value, accepted_at=taken)
            .returning(m.c.id)
        )
    )


_MOVE = {status: _move(status) for status in _FROM}


async def ours(tx: Tx, claims: Collection[Claim]) -> dict[tuple[str, str | None], Ours]:
    """What is known of the messages that these claims name, by provider and message, where that
    provider did have that message from us.

    A provider's word about a message that it was never given is no word about that message.
    """
    named = sorted({one.message_id for one in claims if one.message_id is not None})
    if not named:
        return {}
    out: dict[tuple[str, str | None], Ours] = {}
    found = await tx.fetch(_OURS, ids=named)
    names: dict[tuple[str, str], set[str]] = {}
    unclear: set[tuple[str, str]] = set()
    for message, _, _, _, _, _, provider, outcome, _, name, _ in found:
        if name is not None:
            names.setdefault((provider, message), set()).add(name)
        elif outcome in _MAY_HAVE_IT:
            unclear.add((provider, message))
    asked = {
        one for row in found if row[3] or (row[6], row[0]) in unclear for one in _names(*row[2:4])
    }
    known = await _addresses(tx, asked)
    for message, stream, address, copies, status, newest, provider, outcome, told, _, by in found:
        # The provider of the newest attempt; the last row of a pair is its newest attempt.
        holds, waits = provider == newest, status == Status.QUEUED.value
        if waits:
            # The provider refused the mail, or may have had it: only then does its report matter.
            holds = holds and outcome in (None, OutcomeKind.AMBIGUOUS.value)
        people = {one: known.get(one, "") for one in _names(address, copies)}
        which = provider, message
        theirs = frozenset(names.get(which, ()))
        all_named = bool(theirs) and len(people) == 1 and which not in unclear
        out[which] = Ours(message, stream, people, holds, waits, told, theirs, all_named, bool(by))
    return out


def _ours() -> Any:
    m, a, c = tables.messages.c, tables.attempts.c, tables.claims.c
    kept = select(func.count()).where(c.message_id == m.id, c.provider == a.provider)
    wanted = select(m.id, m.stream, m.address_id, m.copies, m.status, m.provider)
    told_of = a.detail.is_not_distinct_from(TOLD)
    return (
        wanted.add_columns(a.provider, a.outcome, kept.scalar_subquery(), a.provider_message_id)
        .add_columns(told_of)
        .join(tables.attempts, a.message_id == m.id)
        .where(Among(m.id, "ids"), or_(a.outcome.is_(None), a.outcome != WITHHELD))  # never left
        .order_by(m.id, a.id)
        .with_for_update(of=tables.messages)  # what is decided by their state stays so
    )


_OURS = Repeated(lambda _insert: _ours())


def _names(address: str, copies: str) -> list[str]:
    return recipients.exposed(address, copies)


async def _addresses(tx: Tx, names: Collection[str]) -> dict[str, str]:
    """The addresses behind pseudonyms."""
    if not names:
        return {}
    return {row[0]: row[1] for row in await tx.fetch(_NAMED, ids=sorted(names))}


_NAMED = Repeated(
    lambda _insert: select(tables.addresses.c.id, tables.addresses.c.address).where(
        Among(tables.addresses.c.id, "ids")
    )
)


async def remember(
    tx: Tx,
    given: Mapping[tuple[str, str], Claim],
    about: Mapping[tuple[str, str | None], Ours],
    weights: Mapping[tuple[str, str], float],
) -> set[tuple[str, str]]:
    """Remember these claims; which of them were never made before."""
    rows = []
    for provider, name in sorted(given):  # in one order for everybody
        claim = given[provider, name]
        known = of(about, claim)
        rows.append(
            {
                "provider": provider,
                "claim_id": name,
                "received_at": tx.now,
                "message_id": None if known is None else known.message,
                "event": claim.kind.value,
                "at_provider": claim.at,
                "address_id": recipients.told_of(claim.recipient, known and known.people)[1],
                "weight": weights[provider, name],
            }
        )
    if not rows:
        return set()
    found = await tx.fetch(_REMEMBER, rows=msgspec.json.encode(rows).decode())
    return {(provider, name) for provider, name in found}


_COLUMNS: dict[str, type[TypeEngine[Any]]] = {
    "provider": String,
    "claim_id": String,
    "received_at": BigInteger,
    "message_id": String,
    "event": String,
    "at_provider": BigInteger,
    "address_id": String,
    "weight": Float,
}


def _remember(insert: Callable[..., Any]) -> Any:
    """Every row is one value of one statement: which of them are new is then told by RETURNING."""
    if of_postgresql(insert):
        from sqlalchemy.dialects.postgresql import JSONB

        typed: list[ColumnClause[Any]] = [column(name, kind) for name, kind in _COLUMNS.items()]
        whole = cast(cast(bindparam("rows"), Text), JSONB)
        given = func.jsonb_to_recordset(whole).table_valued(*typed).render_derived(with_types=True)
        values: list[ColumnElement[Any]] = [given.c[name] for name in _COLUMNS]
    else:
        each = func.json_each(bindparam("rows")).table_valued("value").c.value
        values = [func.json_extract(each, literal_column(f"'$.{name}'")) for name in _COLUMNS]
    # SQLite takes ON CONFLICT for part of a SELECT that has no WHERE.
    rows = select(*values).where(literal_column("true"))
    c = tables.claims
    first = insert(c).from_select(list(_COLUMNS), rows).on_conflict_do_nothing()
    return first.returning(c.c.provider, c.c.claim_id)


_REMEMBER = Repeated(_remember)
