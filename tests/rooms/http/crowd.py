"""A house in which much has happened: rows as the rooms write them, many at once."""

import random
from collections.abc import Iterable
from typing import Any

import msgspec
from sqlalchemy import Table, insert

from mailkeep.accounts import tables as accounts
from mailkeep.base.clock import DAY, HOUR, MINUTE, Instant, iso
from mailkeep.base.ids import new_id
from mailkeep.base.keys import KeyRing
from mailkeep.incidents import tables as incidents
from mailkeep.incidents.types import Reason, View
from mailkeep.mail import tables as mail
from mailkeep.recovery import tables as recovery
from mailkeep.response import tables as response
from mailkeep.response.types import Preview
from mailkeep.store.database import Database, Tx
from mailkeep.watch.types import Hypothesis

KINDS = ("totp", "passkey", "saved_codes")
CLASSES = {"customer": 0.86, "staff": 0.1, "high-value": 0.04}
CHUNK = 5_000
PRIOR = -6.0  #: log odds of an opinion before any evidence


class Crowd(msgspec.Struct):
    """Ids of what is there, for who opens one."""

    message: str
    account: str
    recovery: str
    incident: str


async def fill(
    database: Database,
    keys: KeyRing,
    providers: list[str],
    *,
    messages: int,
    recoveries: int,
    incidents_: int,
    seed: int = 1,
) -> Crowd:
    """Fill a house, evenly over the last thirty days; the newest incidents are open."""
    draw = random.Random(seed)
    now = database.clock.now()
    async with database.write() as tx:
        await _messages(tx, keys, providers, messages, now, draw, seed)
        people = await _accounts(tx, keys, max(recoveries // 2, 1), now, draw)
        await _recoveries(tx, keys, providers, people, recoveries, now, draw)
        if seed == 1:
            await _adoption(tx, len(people), now)
        await _incidents(tx, providers, people, incidents_, now, draw)
        first = [
            str(await tx.value(table.select().order_by(table.c.id.desc()).limit(1)))
            for table in (mail.messages, accounts.accounts, recovery.recoveries)
        ]
        newest = incidents.incidents
        last = str(await tx.value(newest.select().order_by(newest.c.id.desc()).limit(1)))
    return Crowd(*first, last)


async def _put(tx: Tx, table: Table, rows: Iterable[dict[str, Any]]) -> None:
    batch = []
    for row in rows:
        batch.append(row)
        if len(batch) == CHUNK:
            await tx.run(insert(table), batch)
            batch = []
    if batch:
        await tx.run(insert(table), batch)


def _times(count: int, now: Instant, days: int = 30) -> Iterable[Instant]:
    """Rising instants up to a moment ago."""
    step = days * DAY // max(count, 1)
    return (now - (count - one) * step for one in range(count))


async def _messages(
    tx: Tx,
    keys: KeyRing,
    providers: list[str],
    count: int,
    now: Instant,
    draw: random.Random,
    seed: int,
) -> None:
    few = range(count // 5 + 1)
    people = [keys.pseudonym("address", f"p{one}.{seed}@example.net") for one in few]
    rows, tries, claims, known = [], [], [], {}
    for at in _times(count, now):
        message, attempt = new_id("msg", at), new_id("att", at)
        who, provider = draw.choice(people), draw.choice(providers)
        stream = draw.choices(("recovery", "alert", "bulk"), (1, 6, 20))[0]
        status = draw.choices(("delivered", "bounced", "given_up"), (96, 3, 1))[0]
        rows.append(
            {
                "id": message,
                "stream": stream,
                "priority": 3,
                "address_id": who,
                "status": status,
                "secret": stream == "recovery",
                "only": "",
                "avoid": "",
                "created_at": at,
                "expires_at": at + HOUR,
                "next_at": at,
                "tries": 1,
                "provider": provider,
                "attempt_id": attempt,
                "accepted_at": at,
                "tags": "\nwelcome\n" if stream == "alert" else "",
            }
        )
        tries.append(
            {
                "id": attempt,
                "message_id": message,
                "provider": provider,
                "started_at": at,
                "seconds": 0.1,
                "outcome": "accepted",
            }
        )
        claims.append(
            {
                "provider": provider,
                "claim_id": message,
                "received_at": at,
                "message_id": message,
                "event": status if status != "given_up" else "deferred",
                "at_provider": at,
                "address_id": who,
                "weight": 1.0,
            }
        )
        key = (who, provider, stream, at // DAY)
        first = known.get(key, {"first_at": at, "count": 0})
        columns = ("address_id", "provider", "stream", "day")
        kept = {"first_at": first["first_at"], "last_at": at, "count": first["count"] + 1}
        known[key] = dict(zip(columns, key, strict=True)) | kept
    await _put(tx, mail.messages, rows)
    await _put(tx, mail.attempts, tries)
    await _put(tx, mail.claims, claims)
    await _put(tx, mail.exposures, known.values())
    waiting = [
        row
        | {"id": new_id("msg", now), "status": "queued", "next_at": now - 20 * MINUTE, "tries": 0}
        for row in rows[-3:]
    ]
    await _put(tx, mail.messages, waiting)


async def _accounts(
    tx: Tx, keys: KeyRing, count: int, now: Instant, draw: random.Random
) -> list[str]:
    made = list(_times(count, now))
    ids = [new_id("acc", at) for at in made]
    kinds = draw.choices(list(CLASSES), list(CLASSES.values()), k=count)
    await _put(
        tx,
        accounts.accounts,
        (
            {"id": one, "class": kind, "created_at": at}
            for one, kind, at in zip(ids, kinds, made, strict=True)
        ),
    )
    await _put(
        tx,
        accounts.contact_points,
        (
            {
                "id": new_id("cp", at),
                "account_id": one,
                "address_key": keys.pseudonym("address", f"{one}@example.net"),
                "address": f"{one}@example.net",
                "kind": "mail",
                "created_at": at,
                "confirmed_at": at,
            }
            for one, at in zip(ids, made, strict=True)
        ),
    )
    await _put(
        tx,
        accounts.factors,
        (
            {
                "id": new_id("fac", at),
                "account_id": one,
                "kind": "totp",
                "name": "phone",
                "bound_at": at,
                "browser": "b",
                "network": "n",
            }
            for one, at in zip(ids[::2], made[::2], strict=True)
        ),
    )
    return ids


async def _recoveries(
    tx: Tx,
    keys: KeyRing,
    providers: list[str],
    people: list[str],
    count: int,
    now: Instant,
    draw: random.Random,
) -> None:
    rows, proofs = [], []
    for number, at in enumerate(_times(count, now)):
        one = new_id("rec", at)
        state = draw.choices(("completed", "void", "nothing"), (6, 3, 1))[0]
        rows.append(
            {
                "id": one,
                "state": state,
                "address_key": keys.pseudonym("address", f"p{number}@example.net"),
                "account_id": None if state == "nothing" else draw.choice(people),
                "asked_by": f"browser_{number % 999}",
                "network": "network_x",
                "known_browser": draw.random() < 0.7,
                "asked_at": at,
                "expires_at": at + HOUR,
                "factor_tries": 0,
                "ended_at": at + MINUTE,
                "why": "expired" if state == "void" else None,
            }
        )
        for kind, provider in zip(("link", "code"), draw.sample(providers * 2, 2), strict=True):
            proofs.append(
                {
                    "id": new_id("prf", at),
                    "recovery_id": one,
                    "kind": kind,
                    "lookup": f"{one}{kind}",
                    "message_id": new_id("msg", at),
                    "provider": provider,
                    "minted_at": at,
                    "expires_at": at + HOUR,
                }
            )
    await _put(tx, recovery.recoveries, rows)
    await _put(tx, recovery.proofs, proofs)


async def _adoption(tx: Tx, people: int, now: Instant) -> None:
    rows = []
    for back in range(120):
        share = 0.75 - back / 240
        for name, part in CLASSES.items():
            of = round(people * part)
            counts = {"all": of, "any": of * share, "totp": of * share * 0.6}
            counts |= {"passkey": of * share * 0.4, "saved_codes": of * share * 0.5}
            day = iso(now - back * DAY)[:10]
            rows += [
                {"day": day, "class": name, "kind": kind, "accounts": round(n)}
                for kind, n in counts.items()
            ]
    await _put(tx, accounts.factor_adoption, rows)


def _reasons(kind: Hypothesis, provider: str, at: Instant) -> tuple[Reason, ...]:
    """What the detectors would say of a provider in strange hands, or of one that is silent."""
    events = tuple(new_id("evt", at) for _ in range(3))
    if kind is Hypothesis.PROVIDER_SILENT:
        said = f"{provider} says that our account is suspended"
        return (Reason("provider_refusal", 8.4, said, "", events),)
    bait = f"mail of others came to 1 address that only {provider} was given"
    sent = f"{provider} told of 3 mails in our account that we never sent"
    return (
        Reason("honey_hit", 6.5, bait, "", events[:1]),
        Reason("unknown_message", 4.1, sent, "", events),
    )


async def _incidents(
    tx: Tx,
    providers: list[str],
    people: list[str],
    count: int,
    now: Instant,
    draw: random.Random,
) -> None:
    rows, lines, acts = [], [], []
    for number, at in enumerate(_times(count, now - MINUTE)):
        one, last = new_id("inc", at), count - number
        live = last <= len(providers)
        subject = providers[last - 1] if live else draw.choice(providers)
        kind = Hypothesis.PROVIDER_COMPROMISED if last % 2 else Hypothesis.PROVIDER_SILENT
        reasons = _reasons(kind, subject, at)
        total = PRIOR + sum(reason.nats for reason in reasons)
        opinion = View(kind, total, live, True, reasons, PRIOR)
        rows.append(
            {
                "id": one,
                "subject_kind": "provider",
                "subject_id": subject,
                "state": "open" if live else "closed",
                "opened_at": at,
                "since": at - HOUR,
                "closed_at": None if live else at + HOUR,
                "closed_by": None if live else "quiet",
                "opinions": msgspec.json.encode((opinion,)).decode(),
            }
        )
        lines += [
            {
                "incident_id": one,
                "line": line,
                "at": at + line,
                "kind": "evidence",
                "text": f"{reasons[0].text} ({reasons[0].nats * line / 20:+.1f} nats)",
                "by": "mailkeep",
                "events": "[]",
                "count": 0,
            }
            for line in range(1, 21)
        ]
        preview = msgspec.json.encode(Preview("No mail goes to it any more.", 3)).decode()
        acts.append(
            {
                "id": new_id("act", at),
                "incident_id": one,
                "name": "cut_provider",
                "state": "proposed",
                "by": "playbook",
                "at": at,
                "preview": preview,
                "cursor": "",
            }
        )
    await _put(tx, incidents.incidents, rows)
    await _put(tx, incidents.incident_entries, lines)
    await _put(tx, response.actions, acts)
