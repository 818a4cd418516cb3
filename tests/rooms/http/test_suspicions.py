"""What may be going on, held or not, and what others report: by the API, at the console, at the
shell."""

import warnings
from contextlib import aclosing
from pathlib import Path
from typing import Any

import httpx
import pytest
from litestar.exceptions.base_exceptions import LitestarDeprecationWarning
from sqlalchemy import insert

from mailkeep.app import settings as app_settings
from mailkeep.app.application import Application
from mailkeep.base.clock import DAY, HOUR, SECOND, ManualClock
from mailkeep.base.ids import new_id
from mailkeep.cli import watch as command
from mailkeep.events import log
from mailkeep.http import server
from mailkeep.http.console import suspicions as pages
from mailkeep.http.console.suspicions import Suspected
from mailkeep.incidents import suspicions
from mailkeep.incidents.suspicions import Standing
from mailkeep.store.database import Database
from mailkeep.watch import tables
from mailkeep.watch.events import SignalRaised
from mailkeep.watch.received import once
from mailkeep.watch.types import Family, Forger, Hypothesis, Signal, WatchSettings, provider_subject

from .conftest import HERE, SETTINGS
from .test_approvals import URL, House, sign_in


@pytest.fixture
async def house(
    database: Database, clock: ManualClock, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> House:
    monkeypatch.setattr("mailkeep.app.application.Database", lambda _url, _clock: database)
    settings = app_settings.parse(SETTINGS | {"public_url": URL})
    running = Application(settings, tmp_path / "home", environ={"ONE": "secret"})
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", LitestarDeprecationWarning)
        app = server.create(running)
    made = House(running, httpx.ASGITransport(app=app, client=(HERE, 1)))
    await made.key("ada", "read", "operate")
    await made.key("eve", "read")
    await made.key("box", "report")
    return made


async def _sign(house: House, provider: str = "two", weight: float = 6.5) -> None:
    """One mail to a honey address: 6.5 nats against a prior of -7."""
    database = house.running.database
    async with database.write() as tx:
        signal = Signal(
            *("honey_hit", Family.BAIT, provider_subject(provider)),
            *(
                {Hypothesis.PROVIDER_COMPROMISED: weight},
                tx.now,
                f"mail came to honey of {provider}",
            ),
            *((new_id("evt", tx.now - HOUR),), True, Forger.NOBODY, 86_400.0, tx.now + 24 * HOUR),
        )
        await log.record(database, tx, SignalRaised(signal=signal))
    await log.Relay(database, "one").place()
    await house.running.incidents.tick()


async def _opinions(house: House) -> list[dict[str, Any]]:
    answer = await house.ask("eve", "GET", "/v1/opinions")
    assert answer.status_code == 200
    return list(answer.json()["opinions"])


async def test_what_is_below_the_line_is_seen_without_a_shell(house: House) -> None:
    assert await _opinions(house) == []
    await _sign(house)
    (one,) = await _opinions(house)
    assert (one["standing"], one["incident"], one["open"]) == ("below", None, False)
    assert one["subject"] == {"kind": "provider", "id": "two"}
    assert one["text"] == "Somebody perhaps reads or alters our mail at two (38%)"
    assert (one["prior"], round(one["log_odds"], 1)) == (-7.0, -0.5)
    (term,) = one["terms"]
    assert (term["detector"], term["reason"]) == ("honey_hit", "mail came to honey of two")
    assert one["first_sign"] == one["last_sign"]
    async with aclosing(await sign_in(house, "ada")) as ada:
        page = (await ada.get("/console/suspicions")).text
        assert "Below the line" in page
        assert "Held by an incident" not in page
        assert "Somebody perhaps reads or alters our mail at two (38%)" in page
        assert "mail came to honey of two" in page
        overview = (await ada.get("/console")).text
        assert "Nothing needs you now" in overview, "nobody is called for it"
        assert "1 suspicion that no incident holds" in overview


async def test_what_an_incident_holds_leads_to_it_and_what_a_person_closed_is_said_so(
    house: House, clock: ManualClock
) -> None:
    incident = await house.incident()
    await _sign(house)
    held, below = await _opinions(house)
    assert (held["standing"], held["incident"]) == ("held", incident)
    assert below["standing"] == "below"
    async with aclosing(await sign_in(house, "ada")) as ada:
        page = (await ada.get("/console/suspicions")).text
        assert f"/console/incidents/{incident}" in page
        assert "1 suspicion that no incident holds" in (await ada.get("/console")).text
        async with house.running.database.write() as tx:
            await house.running.incidents.close(tx, incident, "a test of ours", by="t")
        clock.advance(60)
        assert "Closed by a person on these signs" in (await ada.get("/console/suspicions")).text
        assert "2 suspicions that no incident holds" in (await ada.get("/console")).text
    assert [one["standing"] for one in await _opinions(house)] == ["closed", "below"]


async def test_an_incident_holds_on_between_its_two_lines(house: House, clock: ManualClock) -> None:
    """It opens at +1 and closes at -1: what fades in between is held, and not below the line."""
    incident = await house.incident()
    clock.advance(650)  # of 9 nats with a half-life of 1800 s, 7 are left, beside -7 before
    await house.running.incidents.tick()
    (one,) = await _opinions(house)
    assert -0.5 < one["log_odds"] < 0.5
    assert (one["open"], one["standing"], one["incident"]) == (False, "held", incident)


async def test_the_shell_says_the_same(house: House) -> None:
    await house.incident()
    await _sign(house)
    async with house.running.database.read() as tx:
        found = await suspicions.listing(tx, WatchSettings())
    assert [one.standing for one in found] == [Standing.HELD, Standing.BELOW]
    first, second = map(command._words, found)
    assert first.startswith(f"[OPEN, {found[0].incident}] ")
    assert second.startswith("[below the line] ")
    assert "signs from " in second


async def test_open_pages_share_one_weighing(
    house: House, clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    worked = 0
    real = suspicions.listing

    async def counted(*given: Any) -> Any:
        nonlocal worked
        worked += 1
        return await real(*given)

    monkeypatch.setattr(suspicions, "listing", counted)
    suspected = Suspected(house.running.database, house.running.incidents)
    for _ in range(20):
        assert await suspected.look() == []
        clock.advance(1)
    assert worked == 1
    await _sign(house)
    worked = 0
    assert await suspected.quiet() == 1
    assert worked == 1
    clock.advance(pages.MOST // SECOND)
    await suspected.look()
    assert worked == 2


async def test_reports_and_names_are_seen_without_a_shell(house: House) -> None:
    report = {"total": 9, "failed": 7, "begins": 1_700_000_000, "ends": 1_700_086_400}
    name = {"domain": "example.com", "name": "examp1e.com", "way": "homoglyph", "place": 0}
    seen = {"mx": True, "address": False, "fresh": True}
    async with house.running.database.write() as tx:
        whose = {"reporter": "them.example", "believed": True, "domain": "example.com"}
        await once(tx, id="r1", kind="dmarc", **whose, **report)
        await once(tx, id="c1", kind="claim", **(whose | {"reporter": "key_x"}), **report)
        await once(tx, id="n1", kind="notice", **(whose | {"domain": "two: breach"}), **report)
        refused = {"day": tx.now // DAY, "why": "stale", "count": 3}
        await tx.run(insert(tables.reports_refused).values(**refused))
        await tx.run(
            insert(tables.lookalikes).values(**name, **seen, checked_at=tx.now, seen_at=tx.now)
        )
    told = (await house.ask("eve", "GET", "/v1/reports")).json()
    assert sorted(one["id"] for one in told["reports"]) == ["n1", "r1"]
    assert told["refused"] == {"stale": 3}
    names = (await house.ask("eve", "GET", "/v1/lookalikes")).json()
    assert (names["looking"], names["names"], names["looked_up"]) == (False, 1, 1)
    assert [one["name"] for one in names["seen"]] == ["examp1e.com"]
    for path in ("/v1/opinions", "/v1/reports", "/v1/lookalikes"):
        assert (await house.ask("box", "GET", path)).status_code == 403
    async with aclosing(await sign_in(house, "ada")) as ada:
        page = (await ada.get("/console/reports")).text
    for words in ("them.example", "two: breach", "stale", "examp1e.com", "takes mail"):
        assert words in page
    assert "key_x" not in page
