"""What is counted ahead: the same as a recount, with its age; and questions that use it."""

import random

import msgspec
import pytest
from sqlalchemy import insert

from mailkeep.accounts import counted
from mailkeep.base.clock import SECOND, ManualClock
from mailkeep.mail import ledger
from mailkeep.mail import queries as mail
from mailkeep.mail import tables as mail_tables
from mailkeep.posture import counts
from mailkeep.posture.ready import Ready
from mailkeep.posture.whatif import Model
from mailkeep.store.database import Database, Tx

from .test_live import account, house

GMAIL = {"id": "gmail", "kind": "mailbox", "serves": ["gmail.com", "corner.example"]}
DOMAINS = ("gmail.com", "GMAIL.com", "corner.example", "elsewhere.test", "mail.gmail.com")


async def _crowd(tx: Tx, draw: random.Random, number: int) -> None:
    """Accounts of every sort, some with several addresses and factors, and what they were sent."""
    for one in range(number):
        addresses = [
            f"{one}-{n}@{draw.choice(DOMAINS)}" for n in range(draw.choice([0, 1, 1, 2, 3]))
        ]
        await account(
            tx,
            f"acc_{draw.randrange(16**6):06x}{one}",
            *addresses,
            account_class=draw.choice(["customer", "customer", "staff"]),
            factors=tuple(
                (kind, draw.choice([None, None, "change"]), draw.choice([None, None, 5]))
                for kind in ("totp", "passkey", "saved_codes")
                if draw.random() < 0.3
            ),
            confirmed=draw.choice([1, 1, 1, None]),
            kept_by=draw.choice([None, None, "kept_there"]),
            application=draw.choice(["", "", "app_a", "app_b"]),
        )
        for address in addresses:
            for provider in ("main", "second"):
                for stream in ("recovery", "security"):
                    if draw.random() < 0.4:
                        await tx.run(
                            insert(mail_tables.exposures).values(
                                address_id=f"adr_{address}",
                                provider=provider,
                                stream=stream,
                                day=draw.randrange(3),
                                first_at=1,
                                last_at=1,
                                count=1,
                            )
                        )


@pytest.mark.parametrize("seed", [1, 2, 3])
async def test_what_is_counted_slice_by_slice_is_what_a_recount_says(
    database: Database, seed: int
) -> None:
    draw = random.Random(seed)
    known = house(GMAIL)
    async with database.write() as tx:
        await _crowd(tx, draw, 40)
    made = await counts.take(database, known, size=draw.choice([1, 3, 7, 40, 100]))
    async with database.read() as tx:
        everything = await counted.alike(tx, counts.domains(known))
        sets = [{"main"}, {"second"}, {"main", "second"}]
        exposed = [await mail.exposed(tx, some, tx.now) for some in sets]
        kept = await counts.newest(tx, known)
    assert set(made.accounts) == set(everything)
    assert len(made.accounts) == len(everything)
    assert [ledger.total(made.given, some) for some in sets] == exposed
    assert kept == made


async def test_nobody_at_all_is_counted_as_nobody(database: Database) -> None:
    made = await counts.take(database, house())
    assert (made.accounts, made.given) == ((), ())


async def test_accounts_are_counted_anew_when_the_count_is_old_or_of_other_domains(
    database: Database, clock: ManualClock
) -> None:
    async def known_now() -> int | None:
        async with database.read() as tx:
            found = await counts.newest(tx, house())
            return None if found is None else sum(one.accounts for one in found.accounts)

    async with database.write() as tx:
        await account(tx, "one", "a@gmail.com")
    await counts.step(database, house())
    assert await known_now() == 1
    async with database.write() as tx:
        await account(tx, "two", "b@gmail.com")
    clock.advance(899)
    await counts.step(database, house())
    assert await known_now() == 1  # not old enough
    clock.advance(2)
    await counts.step(database, house())
    assert await known_now() == 2
    async with database.read() as tx:
        assert await counts.newest(tx, house(GMAIL)) is None  # its domains were not told apart
    await counts.step(database, house(GMAIL))
    async with database.read() as tx:
        assert await counts.newest(tx, house(GMAIL)) is not None


async def _nobody_counts(*_: object) -> None:
    raise AssertionError("it was counted in the midst of a question")


async def test_a_question_counts_nobody_and_works_nothing_out_twice(
    database: Database, clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What a page costs must not depend on how many accounts there are, nor on how often it is
    asked for."""
    async with database.write() as tx:
        await account(tx, "one", "a@gmail.com")
    await counts.take(database, house(GMAIL))
    worked: list[str] = []
    ranked = Model.ranked

    def noted(self: Model) -> object:
        worked.append("ranked")
        return ranked(self)

    monkeypatch.setattr(Model, "ranked", noted)
    monkeypatch.setattr(counted, "alike", _nobody_counts)
    monkeypatch.setattr(mail, "given", _nobody_counts)
    ready = Ready(database, house(GMAIL))
    first = await ready.ask(lambda answers: (answers.fall(("gmail",)).now, answers.ranked))
    again = await ready.ask(lambda answers: (answers.fall(("gmail",)).now, answers.ranked))
    assert first == again
    assert first[0] == 1
    assert worked == ["ranked"]
    # What changed is seen at once; accounts, when they are counted.
    async with database.write() as tx:
        await account(tx, "two", "b@gmail.com")
        await tx.run(
            insert(mail_tables.provider_states).values(provider="main", cut_at=1, reason="x")
        )
    found = await ready.ask(lambda answers: answers.found)
    assert found.live.standing == {"second"}
    assert found.fall(["gmail"]).now == 1
    assert found.live.counted_at == clock.now()


async def test_where_nobody_counts_on_a_schedule_a_question_counts_and_keeps_it(
    database: Database, clock: ManualClock
) -> None:
    async with database.write() as tx:
        await account(tx, "one", "a@gmail.com")
    ready = Ready(database, house(GMAIL))
    assert await ready.ask(lambda answers: answers.fall(("gmail",)).now) == 1
    async with database.write() as tx:
        await account(tx, "two", "b@gmail.com")
    assert await ready.ask(lambda answers: answers.fall(("gmail",)).now) == 1
    clock.advance(house().every / SECOND)
    assert await ready.ask(lambda answers: answers.fall(("gmail",)).now) == 2


async def test_answers_are_not_kept_without_end(database: Database) -> None:
    many = [{"id": f"p{number}"} for number in range(150)]
    ready = Ready(database, house(*many))
    for number in range(150):
        await ready.ask(lambda answers, number=number: answers.fall((f"p{number}",)))
    kept = await ready.ask(lambda answers: len(answers._falls))
    assert kept == 100
    once = await ready.ask(lambda answers: answers.fall(("p1", "p2")))
    twice = await ready.ask(lambda answers: answers.fall(("p2", "p1")))
    assert msgspec.json.encode(once) == msgspec.json.encode(twice)
