"""The door for audit logs on both engines: each line once, of our parties only, bounded, sealed."""

import gzip
import json
from collections.abc import Mapping
from pathlib import Path

import pytest
from sqlalchemy import select

from mailkeep.base.clock import DAY, ManualClock, iso
from mailkeep.base.errors import Invalid, NotFound, TooMany
from mailkeep.base.keys import KeyRing
from mailkeep.events.tables import events
from mailkeep.events.types import decode
from mailkeep.mail import grants
from mailkeep.providers.posture.types import Kind
from mailkeep.store.database import Database
from mailkeep.watch import console_lines as lines
from mailkeep.watch import consoles as room
from mailkeep.watch import posture
from mailkeep.watch.console_types import ConsoleLog
from mailkeep.watch.consoles import Consoles, Log, Taken
from mailkeep.watch.events import ConsoleAccepted, ConsoleUsed
from mailkeep.watch.tables import console_acts

PAYLOADS = Path(__file__).parents[2] / "contract" / "payloads"


def _log(kind: str, parties: Mapping[str, str], *networks: str, per_day: int = 50) -> Log:
    settings = ConsoleLog(kind, kind, dict(parties), networks, per_day)
    named = {name.lower(): party for name, party in parties.items()}
    return Log(settings, named, tuple(map(grants.network, networks)))


LOGS = {
    "okta": _log("okta", {"SendGrid": "sendgrid", "*": "okta"}, "198.51.100.0/24"),
    "cloudtrail": _log(
        "cloudtrail", {"ses.amazonaws.com": "ses", "route53.amazonaws.com": "dns", "*": "aws"}
    ),
    "plain": _log("plain", {"sendgrid": "sendgrid"}),
}


class House:
    def __init__(self, database: Database, keys: KeyRing, clock: ManualClock) -> None:
        self.database, self.keys, self.clock = database, keys, clock
        self.consoles = Consoles(
            database,
            keys,
            LOGS,
            providers=frozenset({"sendgrid", "ses"}),
            domains=frozenset({"example.com"}),
        )

    async def bring(self, kind: str, name: str) -> Taken:
        return await self.consoles.take(kind, (PAYLOADS / kind / name).read_bytes())

    async def tell(self, *events: Mapping[str, object]) -> Taken:
        return await self.consoles.take("plain", json.dumps(list(events)).encode())

    def event(self, number: int, **more: object) -> dict[str, object]:
        at = iso(self.clock.now())
        made = {"id": str(number), "at": at, "act": "sign_in", "party": "sendgrid", "actor": "ada"}
        return {**made, "ip": "192.0.2.7", **more}

    async def facts(self) -> list[object]:
        async with self.database.read() as tx:
            rows = await tx.all(select(events.c.kind, events.c.data).order_by(events.c.id))
        return [decode(row["kind"], row["data"]) for row in rows]

    async def used(self) -> list[ConsoleUsed]:
        return [one for one in await self.facts() if isinstance(one, ConsoleUsed)]


@pytest.fixture
def house(database: Database, keys: KeyRing, clock: ManualClock) -> House:
    return House(database, keys, clock)


async def test_a_log_of_okta_is_taken_in_once(house: House) -> None:
    assert await house.bring("okta", "sso.json") == Taken(new=1, passed=2)
    assert await house.bring("okta", "sso.json") == Taken(known=1, passed=2)
    assert await house.bring("okta", "hook.json") == Taken(new=1)
    sign_in, token = await house.used()
    assert (sign_in.party, sign_in.provider, sign_in.inside) == ("sendgrid", True, True)
    assert (token.party, token.provider, token.inside, token.act) == ("okta", False, False, "key")
    written = repr(await house.facts())
    assert "ada@example.com" not in written
    assert "198.51.100" not in written


async def test_a_file_of_cloudtrail_is_taken_in_packed(house: House) -> None:
    raw = gzip.compress((PAYLOADS / "cloudtrail" / "file.json").read_bytes())
    assert await house.consoles.take("cloudtrail", raw) == Taken(new=4, passed=3, broken=1)
    found = {one.act: one for one in await house.used()}
    assert (found["dns"].domain, found["dns"].root, found["dns"].party) == (
        "example.com",
        True,
        "dns",
    )
    assert (found["change"].party, found["key"].party) == ("ses", "aws")
    assert found["sign_in"].network == found["key"].network


async def test_people_read_who_it_was_and_the_database_does_not_show_it(house: House) -> None:
    await house.bring("okta", "sso.json")
    async with house.database.read() as tx:
        (one,) = await lines.view(tx, house.keys)
        row = await tx.one(select(console_acts))
    assert one.who is not None
    assert (one.who.name, one.who.address) == ("ada@example.com", "198.51.100.24")
    assert b"ada@" not in b"".join(str(value).encode() for value in dict(row or {}).values())
    assert "ada@" not in repr(one)


async def test_other_parties_old_lines_and_those_of_a_time_to_come_are_not_kept(
    house: House,
) -> None:
    now = house.clock.now()
    taken = await house.tell(
        house.event(1, party="elsewhere"),
        house.event(2, at=iso(now - 31 * DAY)),
        house.event(3, at=iso(now + DAY)),
        house.event(4, at=iso(now + 60 * 1_000_000)),  # a clock that is a minute ahead
    )
    assert taken == Taken(new=1, passed=1, stale=2)
    async with house.database.read() as tx:
        (one,) = await lines.view(tx, house.keys)
    assert one.at == now


async def test_a_flood_is_refused_and_leaves_other_logs_room(house: House) -> None:
    with pytest.raises(TooMany):
        await house.tell(*(house.event(n) for n in range(200)))
    assert len(await house.used()) <= 50
    told = house.consoles.lines
    assert told["plain", "new"] == len(await house.used())
    assert told["plain", "new"] + told["plain", "over"] == 200
    assert told["plain", "known"] == 0
    assert (await house.bring("okta", "sso.json")).new == 1
    house.clock.advance(86_400)
    assert (await house.tell(house.event(1000))).new == 1


async def test_noise_of_one_hides_no_act_of_another(house: House) -> None:
    """A program that tags a thousand things; then somebody signs in, or makes a key."""
    noise = [house.event(n, act="change", actor="ci") for n in range(120)]
    with pytest.raises(TooMany):
        await house.tell(*noise[:110], house.event(1000, actor="eve"), *noise[110:])
    found = await house.used()
    assert sum(one.act == "sign_in" for one in found) == 1  # what fits is kept beside it
    assert sum(one.act == "change" for one in found) == room.of_one(50)
    await house.tell(house.event(1001, act="change", actor="eve"))
    with pytest.raises(TooMany):  # what was kept is known, and the rest still too many
        await house.tell(*noise)
    async with house.database.read() as tx:
        assert await room.full(tx, [one.settings for one in LOGS.values()]) == {"plain": "change"}
    house.clock.advance(86_400)
    assert (await house.tell(*noise[:20])).new == 20 - room.of_one(50)


async def test_bombs_are_refused(house: House) -> None:
    for raw in (
        gzip.compress(b"[" + b" " * 50_000_000 + b"]"),
        gzip.compress(gzip.compress(b"[]")),
    ):
        with pytest.raises(Invalid) as error:
            await house.consoles.take("cloudtrail", raw)
        assert error.value.field == "log"
    with pytest.raises(NotFound):
        await house.consoles.take("none", b"[]")


async def test_an_announcement_is_good_for_its_sort_its_party_and_its_time(house: House) -> None:
    async with house.database.write() as tx:
        await posture.expect(
            tx, "sendgrid", Kind.KEY, seconds=600, by="op", reason="rotation, ticket 7"
        )
    house.clock.advance(60)
    await house.tell(
        house.event(1, act="key"), house.event(2, act="user"), house.event(3), house.event(4)
    )
    assert [one.expected for one in await house.used()] == [True, False, True, True]
    house.clock.advance(1200)
    await house.tell(house.event(5, act="key"))
    assert not (await house.used())[-1].expected


async def test_an_operator_says_that_it_was_us_and_it_is_audited(house: House) -> None:
    await house.tell(house.event(1), house.event(2))
    first, second = await house.used()
    async with house.database.write() as tx:
        with pytest.raises(Invalid):
            await lines.accept(house.database, tx, [first.told], by="op", reason=" ")
        with pytest.raises(NotFound):  # the beginning of every line
            await lines.accept(house.database, tx, [""], by="op", reason="ours")
        done = await lines.accept(house.database, tx, [first.told[:12]], by="op", reason="ours")
    assert done == (first.told,)
    assert (await house.facts())[-1] == ConsoleAccepted(told=(first.told,), by="op")
    async with house.database.write() as tx:
        with pytest.raises(NotFound):
            await lines.accept(house.database, tx, [first.told], by="op", reason="again")
        states = {one.id: one.accepted_at for one in await lines.view(tx, house.keys, "sendgrid")}
    assert states[first.told] is not None
    assert states[second.told] is None


async def test_lines_are_forgotten_in_their_time(house: House) -> None:
    await house.tell(house.event(1), house.event(2))
    house.clock.advance(100 * 86_400)
    async with house.database.read() as tx:
        assert await lines.quiet(tx) == {"plain": 100.0}
    async with house.database.write() as tx:
        assert await lines.forget(tx, before=tx.now - 90 * DAY, limit=1) == 1
        assert await lines.forget(tx, before=tx.now - 90 * DAY, limit=9) == 1
        assert await lines.forget(tx, before=tx.now - 90 * DAY, limit=9) == 0
