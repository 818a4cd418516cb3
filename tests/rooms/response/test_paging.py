"""People are woken, by what the suspect does not carry, until somebody takes the incident."""

import asyncio
import json
from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Thread

import pytest
from sqlalchemy import select, update

from mailkeep.accounts.tables import accounts
from mailkeep.base.clock import DAY, ManualClock
from mailkeep.base.errors import BadSettings, Conflict
from mailkeep.base.keys import KeyRing
from mailkeep.base.secret import Secret
from mailkeep.events import log
from mailkeep.events.tables import events
from mailkeep.incidents import queries as incidents
from mailkeep.incidents.by_hand import Saying
from mailkeep.response.events import ActionFailed
from mailkeep.response.paging.bell import AppriseBell
from mailkeep.response.paging.desk import paged, ring
from mailkeep.response.paging.types import Pager, PageState, PagingSettings, Why
from mailkeep.response.tables import pages
from mailkeep.store.database import Database
from mailkeep.watch.events import SignalRaised
from mailkeep.watch.types import (
    RESETS,
    Family,
    Forger,
    Hypothesis,
    Signal,
    account_subject,
    provider_subject,
)

from .conftest import CAMPAIGN, COMPROMISED, SILENT, Stage

TARGETED = Hypothesis.ACCOUNT_TARGETED


class Bell:
    """Takes what it is given, or does not."""

    def __init__(self) -> None:
        self.well = True
        self.rung: list[tuple[str, str]] = []

    async def ring(self, title: str, body: str) -> bool:
        self.rung.append((title, body))
        return self.well


class House:
    """A stage with three pagers: one at the suspect's house, one elsewhere, one of nobody's."""

    def __init__(
        self,
        database: Database,
        keys: KeyRing,
        parties: dict[str, str],
        settings: PagingSettings | None = None,
    ) -> None:
        self.bells = {name: Bell() for name in parties}
        pagers = tuple(Pager(name, party, self.bells[name]) for name, party in parties.items())
        self.stage = Stage(database, keys, pagers=pagers, paging=settings)

    @property
    def rung(self) -> dict[str, int]:
        return {name: len(one.rung) for name, one in self.bells.items()}

    async def step(self) -> None:
        while await self.stage.response.desk.step():
            pass

    async def kinds(self) -> list[str]:
        async with self.stage.database.read() as tx:
            query = select(events.c.kind).where(events.c.kind.like("response.page%"))
            return [row["kind"] for row in await tx.all(query.order_by(events.c.id))]


@pytest.fixture
def house(database: Database, keys: KeyRing) -> House:
    return House(database, keys, {"theirs": "house_a", "apart": "elsewhere", "unknown": ""})


async def test_who_hangs_on_the_suspect_is_not_what_wakes_people(house: House) -> None:
    await house.stage.signal({COMPROMISED: 8.5})
    await house.step()
    assert house.rung == {"theirs": 0, "apart": 1, "unknown": 0}
    title, body = house.bells["apart"].rung[0]
    incident = await house.stage.only()
    assert title == "Mailkeep: an incident opened"
    assert f"https://example.com/console/incidents/{incident.id}" in body
    assert "may have read this" not in body
    assert await house.kinds() == ["response.paged"]


async def test_where_all_hang_on_the_suspect_all_are_rung_and_it_is_said(
    database: Database, keys: KeyRing
) -> None:
    house = House(database, keys, {"theirs": "house_a", "unknown": ""})
    await house.stage.signal({COMPROMISED: 8.5})
    await house.step()
    assert house.rung == {"theirs": 1, "unknown": 1}
    assert "they may have read this" in house.bells["theirs"].rung[0][1]


async def test_a_campaign_suspects_nobody_so_all_are_rung(house: House) -> None:
    await house.stage.signal({CAMPAIGN: 12.0}, RESETS, detector="surge")
    await house.step()
    assert house.rung == {"theirs": 1, "apart": 1, "unknown": 1}


async def test_it_goes_on_until_somebody_takes_it(house: House, clock: ManualClock) -> None:
    await house.stage.signal({COMPROMISED: 8.5})
    await house.step()
    clock.advance(299)
    await house.step()
    assert house.rung["apart"] == 1
    clock.advance(1)
    await house.step()
    await house.step()
    assert [title for title, _ in house.bells["apart"].rung][1:] == [
        "Mailkeep: nobody took this incident yet (page 2)"
    ]
    incident = await house.stage.only()
    async with house.stage.database.write() as tx:
        await house.stage.incidents.take(tx, incident.id, by="key_ada")
        await house.stage.incidents.take(tx, incident.id, by="key_ada")
    clock.advance(1200)
    await house.step()
    assert house.rung["apart"] == 2
    assert ("key_ada", "take_incident") in await house.stage.audited()
    assert (await house.stage.only()).taken_by == "key_ada"
    kinds = [kind for kind, _ in await house.stage.lines(incident.id)]
    assert kinds.count("taken") == 1


async def test_nobody_is_woken_without_end(house: House, clock: ManualClock) -> None:
    await house.stage.signal({COMPROMISED: 12.0})
    for _ in range(40):
        await house.step()
        clock.advance(300)
    assert house.rung["apart"] == 12


async def test_what_is_graver_wakes_who_took_it_already(house: House) -> None:
    await house.stage.signal({SILENT: 8.5})
    await house.step()
    incident = await house.stage.only()
    async with house.stage.database.write() as tx:
        await house.stage.incidents.take(tx, incident.id, by="key_ada")
    await house.stage.signal({COMPROMISED: 9.5}, detector="stranger")
    await house.step()
    await house.stage.signal({COMPROMISED: 9.9}, detector="bait")
    await house.step()
    titles = [title for title, _ in house.bells["apart"].rung]
    assert titles == ["Mailkeep: an incident opened", "Mailkeep: an incident became graver"]


async def _drift(house: House, nats: float, hypothesis: Hypothesis = COMPROMISED) -> None:
    """What one detector says of provider ``a`` from now on; 0: nothing any more."""
    async with house.stage.database.write() as tx:
        signal = Signal(
            *(f"drift_{hypothesis}", Family.POSTURE, provider_subject("a")),
            *({hypothesis: nats} if nats else {}, tx.now, "changed", (f"evt_{tx.now}",)),
            *(False, Forger.NOBODY, 43_200.0, tx.now + 7 * DAY, True),
        )
        await log.record(house.stage.database, tx, SignalRaised(signal=signal))
    await house.stage.hear()
    await house.step()


async def _take(house: House) -> None:
    incident = await house.stage.only()
    async with house.stage.database.write() as tx:
        await house.stage.incidents.take(tx, incident.id, by="key_ada")


AGAIN = "Mailkeep: what an incident was about is held again"


async def test_what_is_held_again_wakes_who_took_it(house: House, clock: ManualClock) -> None:
    """A thief waits until what one of us changed is accepted, and then changes more."""
    await _drift(house, 8.5)
    await _take(house)
    clock.advance(600)
    await _drift(house, 0)
    clock.advance(1800)
    await _drift(house, 8.5)
    clock.advance(60)
    await _drift(house, 8.4)
    clock.advance(3600)
    await house.stage.incidents.tick()
    await house.step()
    titles = [title for title, _ in house.bells["apart"].rung]
    assert titles == ["Mailkeep: an incident opened", AGAIN]
    assert house.rung["theirs"] == 0


async def test_whatever_is_held_after_nothing_was_wakes_who_took_it(house: House) -> None:
    await _drift(house, 8.5)
    await _take(house)
    await _drift(house, 0)
    await _drift(house, 8.5, SILENT)
    assert house.bells["apart"].rung[-1][0] == AGAIN
    await _drift(house, 8.5)
    assert house.rung["apart"] == 3


async def test_what_comes_and_goes_wakes_nobody_without_end(
    house: House, clock: ManualClock
) -> None:
    await _drift(house, 8.5)
    await _take(house)
    for _ in range(12):
        for nats in (0, 8.5):
            clock.advance(300)
            await _drift(house, nats)
    assert house.rung["apart"] == 1 + 4
    clock.advance(86_400)
    for nats in (0, 8.5):
        await _drift(house, nats)
    assert house.rung["apart"] == 1 + 4 + 1


async def test_what_comes_and_goes_drowns_nothing_graver(house: House, clock: ManualClock) -> None:
    """A provider can have its mail hang and go out again as often as it likes."""
    await _drift(house, 8.5)
    await _take(house)
    await _drift(house, 0)
    for _ in range(8):
        for nats in (8.5, 0):
            clock.advance(300)
            await _drift(house, nats, SILENT)
    assert house.rung["apart"] == 1 + 4
    await _drift(house, 8.5)
    assert house.rung["apart"] == 1 + 4 + 1


async def test_a_pager_that_does_not_take_it_is_tried_again_and_given_up(
    house: House, clock: ManualClock
) -> None:
    house.bells["apart"].well = False
    await house.stage.signal({COMPROMISED: 8.5})
    await house.step()
    await house.step()
    assert house.rung["apart"] == 1, "not before its time"
    clock.advance(5)
    await house.step()
    assert house.rung["apart"] == 2
    incident = await house.stage.only()
    async with house.stage.database.write() as tx:
        await house.stage.incidents.take(tx, incident.id, by="key_ada")
    for _ in range(40):
        clock.advance(60)
        await house.step()
    assert await house.kinds() == ["response.page_failed"]
    tried = house.rung["apart"]
    clock.advance(3600)
    await house.step()
    assert house.rung["apart"] == tried
    async with house.stage.database.read() as tx:
        (page,) = await paged(tx, incident.id)
    assert (page.pager, page.why, page.state) == ("apart", Why.OPENED, PageState.FAILED)


async def test_a_kill_between_ring_and_note_wakes_somebody_twice_at_worst(
    house: House, clock: ManualClock
) -> None:
    await house.stage.signal({COMPROMISED: 8.5})
    desk = house.stage.response.desk
    async with house.stage.database.write() as tx:
        assert len(await desk._claim(tx)) == 1
    await house.step()
    assert house.rung["apart"] == 0, "whoever claimed it may still be at it"
    clock.advance(61)
    await house.step()
    assert house.rung["apart"] == 1
    assert await house.kinds() == ["response.paged"]


async def test_two_that_hear_at_once_page_once(house: House) -> None:
    await house.stage.signal({COMPROMISED: 8.5})
    await asyncio.gather(*(house.stage.response.desk.step() for _ in range(3)))
    assert house.rung["apart"] == 1


async def test_what_is_closed_cannot_be_taken(house: House) -> None:
    await house.stage.signal({COMPROMISED: 8.5})
    incident = await house.stage.only()
    async with house.stage.database.write() as tx:
        await house.stage.incidents.close(tx, incident.id, "nothing", by="key_ada")
    with pytest.raises(Conflict):
        async with house.stage.database.write() as tx:
            await house.stage.incidents.take(tx, incident.id, by="key_eve")


async def test_a_real_service_is_rung_and_its_url_is_never_said(
    caplog: pytest.LogCaptureFixture,
) -> None:
    heard: list[dict[str, object]] = []

    class Service(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            length = int(self.headers["Content-Length"])
            heard.append(json.loads(self.rfile.read(length)))
            self.send_response(200 if "good" in self.path else 403)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Nothing."""

    server = HTTPServer(("127.0.0.1", 0), Service)
    thread = Thread(target=server.serve_forever, daemon=True)
    thread.start()
    where = f"json://user:hidden@127.0.0.1:{server.server_port}"
    bells = [AppriseBell(name, Secret(f"{where}/{name}")) for name in ("good", "bad")]
    told = await ring(
        [Pager(name, "", bell) for name, bell in zip(("good", "bad"), bells, strict=True)]
    )
    server.shutdown()
    thread.join()
    server.server_close()
    assert told == {"good": True, "bad": False}
    assert heard[0]["title"] == "Mailkeep: a test"
    with pytest.raises(BadSettings) as error:
        AppriseBell("on-call", Secret("nonsense://hidden"))
    assert "on-call" in str(error.value)
    assert "hidden" not in str(error.value)
    assert "hidden" not in caplog.text


async def test_what_failed_rings_also_who_took_it_and_wears_nobody_out(
    house: House, clock: ManualClock
) -> None:
    await house.stage.signal({COMPROMISED: 8.5})
    await house.step()
    incident = (await house.stage.only()).id
    async with house.stage.database.write() as tx:
        await house.stage.incidents.take(tx, incident, by="key_night")
        await log.record(
            house.stage.database,
            tx,
            ActionFailed(incident=incident, action="notify_owners", by="key_x"),
        )
    before = len(house.bells["apart"].rung)
    await house.stage.hear()
    await house.step()
    told = house.bells["apart"].rung[before:]
    assert [title for title, _ in told] == ["Mailkeep: an action about an incident failed"]
    # A playbook tries again and again.
    for _ in range(3):
        clock.advance(60)
        async with house.stage.database.write() as tx:
            await log.record(
                house.stage.database,
                tx,
                ActionFailed(incident=incident, action="cut_provider", by="playbook"),
            )
        await house.stage.hear()
        await house.step()
    assert len(house.bells["apart"].rung) == before + 1
    clock.advance(300)
    for closed in (False, True):
        async with house.stage.database.write() as tx:
            if closed:
                await house.stage.incidents.close(tx, incident, "known", by="key_night")
            await log.record(
                house.stage.database,
                tx,
                ActionFailed(incident=incident, action="cut_provider", by="playbook"),
            )
        clock.advance(300)
        await house.stage.hear()
        await house.step()
    titles = [title for title, _ in house.bells["apart"].rung[before:]]
    assert titles.count("Mailkeep: an action about an incident failed") == 2


async def _attacked(house: House, account: str, weight: float = 7.5) -> None:
    await house.stage.signal({TARGETED: weight}, account_subject(account), detector="pattern")
    await house.step()


async def _close(house: House) -> None:
    async with house.stage.database.write() as tx:
        for one in await incidents.live(tx):
            await house.stage.incidents.close(tx, one.id, "their own", by="key_ada")
    await house.stage.hear()
    await house.step()


async def test_accounts_of_somebodys_own_wake_people_once_a_day(
    house: House, clock: ManualClock
) -> None:
    """Whoever has accounts takes one of them over every two hours, and denies it."""
    opened = 0
    for n in range(24):
        await _attacked(house, f"acc_{n}")
        opened = len(await house.stage.all())
        await _close(house)
        clock.advance(7200)
    titles = [title for title, _ in house.bells["apart"].rung]
    assert opened == 24
    assert titles.count("Mailkeep: an incident opened") == 2
    assert "only the first of a day pages" in house.bells["apart"].rung[0][1]
    assert (await house.kinds()).count("response.page_spared") == 22


async def test_what_was_spared_pages_when_its_day_comes(house: House, clock: ManualClock) -> None:
    await _attacked(house, "acc_1")
    first = await house.stage.only()
    async with house.stage.database.write() as tx:
        await house.stage.incidents.take(tx, first.id, by="key_ada")
    await _attacked(house, "acc_2")
    clock.advance(43_200)
    await _attacked(house, "acc_2", 7.6)
    assert house.rung["apart"] == 1
    clock.advance(43_200)
    await _attacked(house, "acc_2", 7.7)
    assert house.rung["apart"] == 2


async def test_no_account_is_spared_of_which_the_house_takes_more_care(house: House) -> None:
    account = await house.stage.owner("editor@example.com")
    async with house.stage.database.write() as tx:
        mine = accounts.c.id == account
        await tx.run(update(accounts).where(mine).values({"class": "high-value"}))
    await _attacked(house, "acc_1")
    await _attacked(house, account)
    assert house.rung["apart"] == 2
    assert "only the first" not in house.bells["apart"].rung[1][1]


async def test_what_is_never_spared_takes_no_page_from_what_is(house: House) -> None:
    """Else the first customer's account of a day goes untold, and the page before it said that it
    would not."""
    editor = await house.stage.owner("editor@example.com")
    said = await house.stage.owner("said@example.com")
    async with house.stage.database.write() as tx:
        mine = accounts.c.id == editor
        await tx.run(update(accounts).where(mine).values({"class": "high-value"}))
        saying = Saying(TARGETED, said, "she rang us")
        await house.stage.incidents.by_hand.open(tx, saying, by="opr_1")
    await house.stage.hear()
    await house.step()
    await _attacked(house, editor)
    assert house.rung["apart"] == 2
    await _attacked(house, "acc_1")
    await _attacked(house, "acc_2")
    assert ["only the first" in body for _, body in house.bells["apart"].rung] == [
        False,
        False,
        True,
    ]


async def test_a_page_that_woke_nobody_spares_nobody(house: House, clock: ManualClock) -> None:
    for one in house.bells.values():
        one.well = False
    await _attacked(house, "acc_1")
    await _take(house)
    await _attacked(house, "acc_2")
    assert house.rung["apart"] == 1, "one that is tried still may be heard"
    for _ in range(40):
        clock.advance(60)
        await house.step()
    async with house.stage.database.read() as tx:
        opened = select(pages.c.incident_id).where(pages.c.why == Why.OPENED.value)
        assert len(await tx.all(opened.distinct())) == 2


async def test_a_day_of_no_length_spares_nobody(database: Database, keys: KeyRing) -> None:
    house = House(database, keys, {"apart": "elsewhere"}, PagingSettings(accounts_each=0.0))
    await _attacked(house, "acc_1")
    await _attacked(house, "acc_2")
    assert house.rung["apart"] == 2
    assert "only the first" not in house.bells["apart"].rung[0][1]


async def test_a_campaign_and_a_persons_word_are_never_spared(house: House) -> None:
    await _attacked(house, "acc_1")
    await house.stage.signal({CAMPAIGN: 6.0}, RESETS, detector="surge")
    await house.step()
    assert house.rung["apart"] == 2
