"""Runs retention: deletes old rows of every room by ``[retention]`` of ``mailkeep.toml``, in
days."""

import time
from collections import Counter
from collections.abc import Collection
from functools import partial
from typing import Protocol

import msgspec

from mailkeep.accounts import changes, signing_in, throttle, undoing
from mailkeep.accounts import retention as accounts
from mailkeep.accounts.factors import passkeys
from mailkeep.base.clock import DAY, HOUR, Instant
from mailkeep.base.errors import BadSettings
from mailkeep.events.retention import OF_MAIL, forget_facts
from mailkeep.incidents import queries as incidents
from mailkeep.mail import bodies, journal, suppressions
from mailkeep.mail import retention as mail
from mailkeep.mail.events import AttemptFinished, DeliveryReported, MessageAccepted
from mailkeep.mail.rounds import Round
from mailkeep.mail.types import Keeping
from mailkeep.privacy import meter
from mailkeep.privacy import retention as privacy
from mailkeep.recovery import retention as recovery
from mailkeep.signals import retention as signals
from mailkeep.store.database import Database, Tx
from mailkeep.watch import console_lines, posture
from mailkeep.watch.events import CanaryArrived, CanarySent
from mailkeep.watch.reports import forget_reports

BATCH = 250  #: rows of one class in one transaction: nothing else waits long for it


class Forget(Protocol):
    """Deletes up to ``limit`` rows from before an instant; returns how many."""

    async def __call__(self, tx: Tx, /, *, before: Instant, limit: int) -> int: ...


class RetentionSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Days for which each class of rows is kept.

    Attributes:
        unconfirmed: addresses that nobody confirmed, with their accounts and codes.
        tries: counts of tries; longer than any window over which they are counted.
        sessions: after their last use: for so long an account knows a browser.
        messages: messages that are done with, their attempts and addresses.
        claims: which webhooks were seen already.
        recoveries: recoveries and changes of accounts that have ended, with their proofs and
            denials, and addresses that were removed; for so long a blast radius can name them, and
            a thief's changes can be undone. Those that an incident counts stay until it is closed.
        rehearsals: resets that applications told of, and what would have become of them.
        reports: which reports of others were read; longer than a report is taken for fresh.
        signals: events that other services were told, from when they were done with; for so long it
            can be shown who acknowledged.
        erased: pseudonyms of people who were erased, from then on: for so long the ledger still
            answers for their address, their recoveries count in incidents as before, and a backup
            that is restored loses them again. They are personal data. Also whom a legal hold was
            on, from its end.
        facts: facts about single mails and canaries; for so long a detector can be replayed.
        history: all other facts.
    """

    unconfirmed: float = 2.0
    tries: float = 2.0
    sessions: float = 90.0
    messages: float = 90.0
    claims: float = 100.0
    recoveries: float = 90.0
    rehearsals: float = 30.0
    reports: float = 100.0
    signals: float = 90.0
    erased: float = 400.0
    facts: float = 30.0
    history: float = 400.0


#: What must still be there while something is decided by it.
_LEAST = {
    "unconfirmed": 1.0,
    "tries": 1.0,
    "sessions": 1.0,
    "messages": HOUR / DAY,
    "claims": HOUR / DAY,
    "recoveries": 30.0,  # for so long an address has used up its say
    "rehearsals": 1.0,
    "reports": 40.0,
    "signals": 1.0,
    "erased": 30.0,  # for so long a backup that has them may be restored
    "facts": HOUR / DAY,
    "history": 7.0,
}
_MOST = 36_500  #: a hundred years stand for ever

#: Facts of which there are several for each mail.
_OF_MAIL = frozenset(
    one.kind
    for one in (MessageAccepted, AttemptFinished, DeliveryReported, CanarySent, CanaryArrived)
)


#: What is forgotten, under which setting.
_CLASSES: tuple[tuple[str, str, Forget], ...] = (
    ("confirmations", "unconfirmed", accounts.forget_confirmations),
    ("unconfirmed", "unconfirmed", accounts.forget_unconfirmed),
    ("tries", "tries", throttle.forget),
    ("challenges", "tries", passkeys.forget_challenges),
    ("sessions", "sessions", accounts.forget_sessions),
    ("sign_ins", "sessions", signing_in.forget),
    ("claims", "claims", mail.forget_claims),
    ("journal", "messages", journal.forget),
    ("suppressions", "tries", suppressions.forget_suppressions),
    ("recoveries", "recoveries", recovery.forget_recoveries),
    ("changes", "recoveries", changes.forget),
    ("addresses", "recoveries", undoing.forget),
    ("requests", "tries", recovery.forget_nothing),
    ("sent_here", "tries", recovery.forget_requests),
    ("subject_changes", "recoveries", accounts.forget_subject_changes),
    ("rehearsals", "rehearsals", recovery.forget_rehearsals),
    ("reports", "reports", forget_reports),
    ("signals", "signals", signals.forget_sets),
    ("posture", "history", posture.forget),
    ("consoles", "history", console_lines.forget),
    ("erased", "erased", privacy.forget),
    ("holds", "erased", privacy.forget_holds),
    ("privacy", "tries", meter.forget),
)

_COUNTED = "recoveries"  #: the setting of what incidents count, and of what is undone for them


def check(settings: RetentionSettings) -> None:
    """Raises ``BadSettings``."""
    for name, least in _LEAST.items():
        if not least <= getattr(settings, name) <= _MOST:
            raise BadSettings(f"retention: {name} must be {least:g} to {_MOST} days")
    if settings.claims < settings.messages:
        raise BadSettings("retention: claims must be kept as long as messages")


class Sweeper:
    """Deletes old rows, again and again.

    Args:
        readers: of the log; what one of them has not read is kept.
        keeping: how long bodies stay.
        lead: seconds before an incident's first sign from which its evidence counts.
    """

    def __init__(
        self,
        database: Database,
        settings: RetentionSettings,
        readers: Collection[str],
        keeping: Keeping,
        lead: float,
    ) -> None:
        self._database = database
        of = partial
        facts = of(forget_facts, name=OF_MAIL, readers=readers, kinds=_OF_MAIL)
        history = of(forget_facts, name="history", readers=readers)
        kept = {one: getattr(settings, one) for one in settings.__struct_fields__}
        turns = Round(), Round()
        self._classes: tuple[tuple[str, float, Forget], ...] = (
            ("bodies", 0.0, of(_bodies, keeping=keeping, turn=turns[0])),
            ("messages", kept["messages"], of(mail.forget_messages, turn=turns[1])),
            *(
                (name, kept[setting], of(_settled, forget=forget, lead=lead))
                if setting == _COUNTED
                else (name, kept[setting], forget)
                for name, setting, forget in _CLASSES
            ),
            ("facts", kept["facts"], facts),
            ("history", kept["history"], history),
        )

    async def step(self, batch: int, within: float = 0.0) -> dict[str, int]:
        """Delete a batch of each class; returns how many rows of each, 0 left out.

        Args:
            within: for so many seconds, further ones of those that had a whole one: at a thousand
                mails a second as many have to go, and three facts of each.
        """
        until = time.monotonic() + within
        out: Counter[str] = Counter()
        left = self._classes
        while left:
            full = []
            for one in left:
                count = await self._forget(one, batch)
                out[one[0]] += count
                if count >= batch:
                    full.append(one)
            left = tuple(full) if time.monotonic() < until else ()
        return {name: count for name, count in out.items() if count}

    async def _forget(self, one: tuple[str, float, Forget], batch: int) -> int:
        _name, days, forget = one

        async def work(tx: Tx) -> int:
            return await forget(tx, before=tx.now - round(days * DAY), limit=batch)

        return await self._database.retrying(work)


async def _bodies(tx: Tx, before: Instant, limit: int, *, keeping: Keeping, turn: Round) -> int:
    del before  # how long a body stays is said by stream
    return await bodies.sweep(tx, keeping, limit, turn=turn)


async def _settled(tx: Tx, before: Instant, limit: int, *, forget: Forget, lead: float) -> int:
    """Else the exposed, those to be told and the accounts to be secured would grow fewer in
    silence, of an incident that stays open for as long as its provider is cut off."""
    since = await incidents.rests_from(tx, lead)
    return await forget(tx, before=before if since is None else min(before, since), limit=limit)
