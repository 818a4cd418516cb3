"""What the console does, the API does: providers, recoveries, audit, keys, operators, and the list
of the exposed, by the API and at the console."""

import json
import re
import warnings
from contextlib import aclosing
from pathlib import Path

import httpx
import pytest
from litestar.exceptions.base_exceptions import LitestarDeprecationWarning
from sqlalchemy import insert

from mailkeep.app import settings as app_settings
from mailkeep.app.application import Application
from mailkeep.base.clock import DAY, ManualClock, iso
from mailkeep.base.ids import new_id
from mailkeep.events.anchors import line
from mailkeep.events.audit import head
from mailkeep.http import server
from mailkeep.incidents import tables as incident_tables
from mailkeep.mail import tables as mail_tables
from mailkeep.recovery import tables as recovery_tables
from mailkeep.store.database import Database

from .conftest import HERE, SETTINGS
from .test_approvals import URL, House, sign_in

MORE = [SETTINGS["provider"][0] | {"name": name, "party": name} for name in ("two", "three")]


@pytest.fixture
async def house(
    database: Database, clock: ManualClock, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> House:
    """Three providers, three operators, one who only looks, and an anchor of the audit chain."""
    first = SETTINGS["provider"][0] | {"party": "one"}
    streams = [
        one | {"routes": [{"provider": name} for name in ("one", "two", "three")]}
        for one in SETTINGS["stream"]
    ]
    more = {
        "public_url": URL,
        "party": [{"id": "one"}, {"id": "two"}, {"id": "three"}],
        "provider": [first, *MORE],
        "stream": streams,
        "audit": {"anchors": [f"file:{tmp_path}/heads"]},
    }
    settings = app_settings.parse(SETTINGS | more)
    monkeypatch.setattr("mailkeep.app.application.Database", lambda _url, _clock: database)
    running = Application(settings, tmp_path / "home", environ={"ONE": "secret"})
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", LitestarDeprecationWarning)
        app = server.create(running)
    made = House(running, httpx.ASGITransport(app=app, client=(HERE, 1)))
    for name in ("ada", "bob"):
        await made.key(name, "read", "operate")
    await made.key("eve", "read")
    return made


async def _given(house: House, *names: str) -> None:
    now = house.running.database.clock.now()
    row = {"provider": "one", "stream": "alert", "day": now // DAY, "count": 1}
    async with house.running.database.write() as tx:
        await tx.run(
            insert(mail_tables.exposures),
            [row | {"address_id": name, "first_at": now, "last_at": now} for name in names],
        )


async def test_the_list_of_the_exposed_by_the_api(house: House) -> None:
    await _given(house, "adr_1", "adr_2")
    incident = await house.incident()
    path = f"/v1/incidents/{incident}/exposed"
    take = f"{path}/list"
    assert (await house.ask("ada", "GET", path)).status_code == 405, "looking uses nothing up"
    assert (await house.ask("ada", "GET", take)).status_code == 405
    assert (await house.ask("ada", "POST", take)).status_code == 403
    for door in (path, take):
        assert (await house.ask("eve", "POST", door)).status_code == 403
    asked = await house.ask("ada", "POST", path)
    assert (asked.status_code, asked.json()["state"], asked.json()["step"]) == (
        *(202, "waiting", "list"),
    )
    assert (await house.ask("ada", "POST", take)).status_code == 403
    approve = f"/v1/approvals/{asked.json()['id']}/approve"
    assert (await house.ask("ada", "POST", approve)).status_code == 403
    agreed = await house.ask("bob", "POST", approve)
    assert (agreed.status_code, agreed.json()["state"]) == (200, "approved")
    numbers = (await house.ask("eve", "GET", f"/v1/incidents/{incident}/blast")).json()
    assert (numbers["exposed"], numbers["each"]) == (2, {"one": 2})
    assert numbers["request"]["decided_by"] is not None
    assert (await house.ask("bob", "POST", take)).status_code == 403
    taken = await house.ask("ada", "POST", take)
    assert (taken.status_code, taken.headers["Content-Type"]) == (200, "application/x-ndjson")
    assert taken.headers["Cache-Control"] == "no-store"
    lines = [json.loads(one) for one in taken.text.splitlines()]
    assert [one["address"] for one in lines[:-1]] == ["adr_1", "adr_2"]
    assert lines[-1]["rows"] == 2
    assert (await house.ask("ada", "POST", take)).status_code == 403


async def test_the_list_of_the_exposed_at_the_console(house: House) -> None:
    await _given(house, "adr_1")
    incident = await house.incident()
    await house.running.incidents.tick()
    path = f"/console/incidents/{incident}/exposed"
    async with (
        aclosing(await sign_in(house, "ada")) as ada,
        aclosing(await sign_in(house, "bob")) as bob,
    ):
        assert "Who was exposed" in (await ada.get(f"/console/incidents/{incident}")).text
        assert "What was answered" in (await ada.get(path)).text
        assert (await ada.post(path)).status_code == 303
        assert "You cannot approve it yourself" in (await ada.get(path)).text
        for page in ("/console", "/console/incidents"):
            assert path in (await bob.get(page)).text
        text = (await bob.get(path)).text
        asked = text.split('action="/console/approvals/')[1].split("/")[0]
        approve = f"/console/approvals/{asked}/approve"
        assert (await ada.post(approve)).status_code == 403
        assert (await ada.post(f"{path}/list")).status_code == 403
        assert (await bob.post(approve)).status_code == 303
        assert "Take the list" not in (await bob.get(path)).text
        assert "Take the list" in (await ada.get(path)).text
        foreign = {"Origin": "https://evil.test"}
        assert (await ada.post(f"{path}/list", headers=foreign)).status_code == 403
        taken = await ada.post(f"{path}/list")
        assert taken.status_code == 200
        assert json.loads(taken.text.splitlines()[0])["address"] == "adr_1"


async def test_the_list_of_incidents_is_what_is_kept(house: House) -> None:
    """Nothing of it is worked out: an answer is there once it was."""
    await _given(house, "adr_1")
    incident = await house.incident()
    path = f"/v1/incidents/{incident}/actions/cut_provider"
    await house.ask("ada", "POST", path, {"step": "preview"})
    (one,) = (await house.ask("eve", "GET", "/v1/incidents")).json()["incidents"]
    assert (one["id"], one["blast_radius"], one["suspects"]) == (incident, None, ["one"])
    assert [action["name"] for action in one["actions"]] == ["cut_provider"]
    assert any(view["open"] for view in one["opinions"])
    await house.running.incidents.tick()
    (one,) = (await house.ask("eve", "GET", "/v1/incidents")).json()["incidents"]
    assert one["blast_radius"]["exposed"] == 1
    assert one["blast_radius"]["as_of"] is not None
    whole = (await house.ask("eve", "GET", f"/v1/incidents/{incident}")).json()
    assert whole["blast_radius"]["as_of"] is None


async def test_providers_by_the_api(house: House) -> None:
    await _given(house, "adr_1")
    found = (await house.ask("eve", "GET", "/v1/providers")).json()["providers"]
    assert [(one["name"], one["state"], one["exposed"]) for one in found] == [
        *(("one", "standing", 1), ("two", "standing", 0), ("three", "standing", 0))
    ]
    assert (await house.ask("eve", "GET", "/v1/providers/four")).status_code == 404
    would = (await house.ask("ada", "GET", "/v1/providers/one/cut")).json()
    assert (would["again"], would["stops"], would["incident"]) == (0, [], None)
    reason = {"reason": "it leaks"}
    assert (await house.ask("eve", "POST", "/v1/providers/one/cut", reason)).status_code == 403
    assert (await house.ask("ada", "POST", "/v1/providers/one/cut", {})).status_code == 422
    done = (await house.ask("ada", "POST", "/v1/providers/one/cut", reason)).json()
    assert (done["state"], done["hand_cut"]["state"]) == ("cut", "waiting")
    again = await house.ask("ada", "POST", "/v1/providers/one/cut", reason)
    assert again.status_code == 409
    confirm = "/v1/providers/one/cut/confirm"
    seen = {"cut": done["hand_cut"]["id"], "state": "waiting"}
    assert (await house.ask("ada", "POST", confirm, seen)).status_code == 403
    for bad in ({}, seen | {"state": "restoring"}):
        assert (await house.ask("bob", "POST", confirm, bad)).status_code == 422
    for other in (seen | {"cut": "hct_x"}, seen | {"state": "asked"}):
        assert (await house.ask("bob", "POST", confirm, other)).status_code == 409
    confirmed = (await house.ask("bob", "POST", confirm, seen)).json()
    assert confirmed["hand_cut"]["state"] == "confirmed"
    back = (await house.ask("ada", "POST", "/v1/providers/one/restore", reason)).json()
    assert (back["state"], back["hand_cut"]["state"]) == ("cut", "restoring")
    assert (await house.ask("bob", "POST", confirm, seen)).status_code == 409
    give_back = "/v1/providers/one/restore/confirm"
    seen = {"cut": back["hand_cut"]["id"], "back_by": back["hand_cut"]["back_by"]}
    assert (await house.ask("ada", "POST", give_back, seen)).status_code == 403
    other = seen | {"back_by": "opr_x"}
    assert (await house.ask("bob", "POST", give_back, other)).status_code == 409
    restored = (await house.ask("bob", "POST", give_back, seen)).json()
    assert (restored["state"], restored["hand_cut"]) == ("standing", None)


async def test_no_incident_and_no_line_is_on_no_page(house: House) -> None:
    """One that is open stays on the first page, however many opened and closed since."""
    said = {"subject": "one", "reason": "x"}
    first = (await house.ask("ada", "POST", "/v1/incidents", said)).json()["id"]
    about = {"subject_kind": "domain", "state": "closed", "opinions": "[]", "closed_by": "quiet"}
    async with house.running.database.write() as tx:
        now = tx.now
        times = dict.fromkeys(("opened_at", "since", "closed_at"), now)
        rows = [
            about | times | {"id": new_id("inc", now + n * 1000), "subject_id": f"d{n}.example"}
            for n in range(1, 121)
        ]
        await tx.run(insert(incident_tables.incidents), rows)
        line = {"incident_id": first, "kind": "note", "by": "x", "events": "[]", "count": 0}
        lines = [line | {"line": n, "at": now, "text": f"note {n}"} for n in range(10, 1110)]
        await tx.run(insert(incident_tables.incident_entries), lines)
    found: list[str] = []
    path = "/v1/incidents"
    while True:
        told = (await house.ask("eve", "GET", path)).json()
        found += [one["id"] for one in told["incidents"]]
        if told["after"] is None:
            break
        path = f"/v1/incidents?before={told['after']}"
    assert (found[0], len(found), len(set(found))) == (first, 121, 121)
    assert found[1:] == sorted(found[1:], reverse=True)
    for wrong in ("inc_x", "dead.inc_x", "live."):
        answer = await house.ask("eve", "GET", f"/v1/incidents?before={wrong}")
        assert answer.status_code == 422
    one = (await house.ask("eve", "GET", f"/v1/incidents/{first}")).json()
    assert (len(one["timeline"]), one["earlier"]) == (1000, one["timeline"][0]["line"] - 1)
    path = f"/v1/incidents/{first}/timeline"
    rest = (await house.ask("eve", "GET", f"{path}?before={one['timeline'][0]['line']}")).json()
    assert rest["timeline"][0]["kind"] == "opened"
    assert rest["earlier"] == 0
    assert (await house.ask("eve", "GET", "/v1/incidents/inc_x/timeline")).status_code == 404
    assert (
        "opened by a person"
        in (await house.ask("eve", "GET", f"/v1/incidents/{first}/report")).text
    )
    async with aclosing(await sign_in(house, "ada")) as ada:
        listed = (await ada.get("/console/incidents")).text
        assert f"/console/incidents/{first}" in listed
        older = re.findall(r'href="(/console/incidents\?before=[^"]+)"', listed)
        assert len(older) == 1
        assert f"/console/incidents/{first}" not in (await ada.get(older[0])).text
        shown = (await ada.get(f"/console/incidents/{first}")).text
        (earlier,) = re.findall(rf'href="(/console/incidents/{first}/timeline[^"]+)"', shown)
        assert "opened by a person" not in shown
        assert "opened by a person" in (await ada.get(earlier)).text
        wrong = f"/console/incidents/{first}/timeline?before=x"
        assert (await ada.get(wrong)).status_code == 422


async def test_an_incident_is_opened_on_a_persons_word_by_the_api(house: House) -> None:
    """The provider telephones: they were in for five days."""
    said = {
        "subject": "one",
        "since": "2023-11-03T00:00:00+01:00",
        "until": "2023-11-08T00:00:00Z",
        "reason": "their support: case 4711",
    }
    assert (await house.ask("eve", "POST", "/v1/incidents", said)).status_code == 403
    for bad in (
        {"subject": "one"},
        said | {"since": "2023-11-03T00:00:00"},
        said | {"until": "2023-11-01T00:00:00Z"},
        said | {"hypothesis": "boredom"},
        said | {"reason": "x\u202ey"},
    ):
        assert (await house.ask("ada", "POST", "/v1/incidents", bad)).status_code == 422
    unknown = await house.ask("ada", "POST", "/v1/incidents", said | {"subject": "four"})
    assert unknown.status_code == 404
    made = await house.ask("ada", "POST", "/v1/incidents", said)
    assert made.status_code == 201
    one = made.json()
    assert (one["since"], one["opinions"]) == ("2023-11-02T23:00:00.000Z", [])
    assert one["blast_radius"]["until"] == "2023-11-08T00:00:00.000Z"
    assert (one["said"]["hypothesis"], one["said"]["until"]) == (
        *("provider_compromised", "2023-11-08T00:00:00.000Z"),
    )
    assert one["regulator"] is not None
    again = await house.ask("bob", "POST", "/v1/incidents", said)
    assert (again.status_code, again.json()["id"]) == (200, one["id"])
    path = f"/v1/incidents/{one['id']}/window"
    later = {"since": "2023-11-01T00:00:00Z", "reason": "their log"}
    assert (await house.ask("eve", "POST", path, later)).status_code == 403
    assert (await house.ask("ada", "POST", path, {"since": later["since"]})).status_code == 422
    widened = (await house.ask("ada", "POST", path, later)).json()
    assert (widened["since"], widened["said"]["until"]) == ("2023-11-01T00:00:00.000Z", None)
    # What reaches owners wants two people now.
    act = f"/v1/incidents/{one['id']}/actions/notify_owners"
    assert (await house.ask("ada", "POST", act, {"step": "apply"})).status_code == 202
    # And the provider can still be cut off at once.
    cut = await house.ask("ada", "POST", "/v1/providers/one/cut", {"reason": "it leaks"})
    assert cut.json()["state"] == "cut"


async def test_an_incident_is_opened_at_the_console(house: House) -> None:
    async with aclosing(await sign_in(house, "ada")) as ada:
        page = (await ada.get("/console/providers/one")).text
        assert "Somebody told you that something is wrong there" in page
        said = {
            "subject": "one",
            "hypothesis": "provider_compromised",
            "since": "2023-11-03",
            "until": "2023-11-08",
            "reason": "their support <b>telephoned</b>",
        }
        foreign = {"Origin": "https://evil.test"}
        refused = await ada.post("/console/incidents/open", data=said, headers=foreign)
        assert refused.status_code == 403
        for bad in ({"since": "last week"}, {"reason": ""}, {"hypothesis": "x"}):
            answer = await ada.post("/console/incidents/open", data=said | bad)
            assert answer.status_code == 422
        answer = await ada.post("/console/incidents/open", data=said)
        assert answer.status_code == 303
        path = answer.headers["location"]
        text = (await ada.get(path)).text
        assert "Somebody (so a person says) reads or alters our mail at one" in text
        assert "telephoned&lt;/b&gt;" in text
        assert "As a person says from" in text
        assert 'value="2023-11-03 00:00:00"' in text
        assert 'value="2023-11-09 00:00:00"' in text, "a day alone counts whole"
        assert "until now" not in text, "who is affected is counted to the end that was said"
        page = (await ada.get("/console/providers/one")).text
        assert path in page
        assert "Somebody told you more of it" in page
        assert "/console/providers/one/cut" in page
        today = iso(house.running.database.clock.now())[:10]
        set_it = {"since": today, "until": today, "reason": "their log"}
        assert (await ada.post(f"{path}/window", data=set_it)).status_code == 303, "until now"
        set_it = {"since": "2023-11-01", "until": "", "reason": "their log"}
        assert (await ada.post(f"{path}/window", data=set_it)).status_code == 303
        text = (await ada.get(path)).text
        assert 'value="2023-11-01 00:00:00"' in text
        assert "until now" in text
        report = (await ada.get(f"{path}/report")).text
        assert "Compromised, from 2023-11-01 00:00:00 UTC" in report


async def test_the_regulators_clock_is_answered(house: House) -> None:
    said = {"subject": "one", "reason": "x"}
    one = (await house.ask("ada", "POST", "/v1/incidents", said)).json()["id"]
    path = f"/v1/incidents/{one}/regulator"
    told = {"duty": "told", "reference": "DPA 7"}
    assert (await house.ask("eve", "POST", path, told)).status_code == 403
    for bad in ({"duty": "told"}, told | {"duty": "x"}, told | {"duty": "aware"}):
        assert (await house.ask("ada", "POST", path, bad)).status_code == 422
    answer = (await house.ask("ada", "POST", path, told)).json()["regulator"]
    assert (answer["notified"]["duty"], answer["notified"]["reference"]) == ("told", "DPA 7")
    runs = (await house.ask("ada", "POST", path, {"duty": "runs", "reference": "no"})).json()
    assert runs["regulator"]["notified"] is None
    known = {"duty": "aware", "reference": "x", "at": "2023-11-12T00:00:00Z"}
    aware = (await house.ask("ada", "POST", path, known)).json()["regulator"]
    assert aware["due_at"] == "2023-11-15T00:00:00.000Z"
    async with aclosing(await sign_in(house, "ada")) as ada:
        assert "The regulator&#39;s clock runs out in" in (await ada.get("/console")).text
        page = f"/console/incidents/{one}"
        assert (await ada.post(f"{page}/regulator", data={"duty": "x"})).status_code == 422
        form = {"duty": "not_needed", "at": "", "reference": "canaries <only>"}
        assert (await ada.post(f"{page}/regulator", data=form)).status_code == 303
        text = (await ada.get(page)).text
        assert "It need not be told" in text
        assert "canaries &lt;only&gt;" in text
        assert "regulator&#39;s clock" not in (await ada.get("/console")).text
        assert "It need not be told" in (await ada.get(f"{page}/report")).text
        # What is left is said before it is closed.
        sure = (await ada.post(f"{page}/close")).text
        assert "Still to do" in sure
        assert "The suspect gets no more mail" in sure


async def test_a_cut_by_hand_at_the_console(house: House) -> None:
    path = "/console/providers/one"
    async with (
        aclosing(await sign_in(house, "ada")) as ada,
        aclosing(await sign_in(house, "bob")) as bob,
    ):
        assert "a second person is to confirm it" in (await ada.get(f"{path}/cut")).text
        assert (await ada.post(f"{path}/cut", data={"reason": "leaks"})).status_code == 303
        assert "You cannot confirm it yourself" in (await ada.get(path)).text
        assert "one person cut one off by hand" in (await bob.get("/console")).text
        assert "Confirm that it is cut off" in (await bob.get(path)).text
        own = hidden((await bob.get(path)).text)
        assert (await ada.post(f"{path}/confirm", data=own)).status_code == 403
        assert (await bob.post(f"{path}/confirm", data=own | {"cut": "x"})).status_code == 409
        # The second route of recovery: asked for, and the other one does it.
        last = "/console/providers/two"
        assert "you ask for it" in (await ada.get(f"{last}/cut")).text
        assert (await ada.post(f"{last}/cut", data={"reason": "x"})).status_code == 303
        assert await house.cut() == {"one"}
        text = (await bob.get(last)).text
        assert "Nothing is done yet" in text
        assert (await bob.post(f"{last}/confirm", data=hidden(text))).status_code == 303
        assert await house.cut() == {"one", "two"}
        assert (await ada.post(f"{last}/restore", data={"reason": "x"})).status_code == 303
        wanted = hidden((await bob.get(last)).text)
        assert (
            await bob.post(f"{last}/confirm", data=wanted | {"state": "waiting"})
        ).status_code == 409
        assert (await bob.post(f"{last}/give-back", data=wanted)).status_code == 303
        assert await house.cut() == {"one"}


def hidden(page: str) -> dict[str, str]:
    """What the form says of what is confirmed."""
    return dict(re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)">', page))


async def test_the_audit_chain_and_its_anchors(house: House, tmp_path: Path) -> None:
    running = house.running
    entries = (await house.ask("ada", "GET", "/v1/audit?act=create_key")).json()["entries"]
    assert len(entries) == 3
    assert entries[0]["data"]["key"].startswith("key_")
    found = (await house.ask("ada", "GET", "/v1/audit?limit=1&before=3")).json()["entries"]
    assert [one["number"] for one in found] == [2]
    for bad in ("limit=0", "before=x", "more=1"):
        assert (await house.ask("ada", "GET", f"/v1/audit?{bad}")).status_code == 422
    verified = (await house.ask("ada", "GET", "/v1/audit/verify")).json()
    assert (verified["fits"], verified["anchors"]) == (True, None)
    (place,) = (await house.ask("ada", "GET", "/v1/audit/anchors")).json()["places"]
    assert (place["number"], place["fresh"]) == (0, False)
    await running.anchors.step()
    (place,) = (await house.ask("ada", "GET", "/v1/audit/anchors")).json()["places"]
    assert (place["number"], place["fresh"]) == (3, True)
    verified = (await house.ask("ada", "GET", "/v1/audit/verify")).json()
    assert (verified["anchors"], verified["fits_up_to"], verified["cut"]) == (1, 3, None)
    async with aclosing(await sign_in(house, "ada")) as ada:
        assert "agree: the chain is what it was" in (await ada.get("/console/audit?check=yes")).text
        # Entries that somebody cut off: every one that is left fits.
        async with running.database.read() as tx:
            at = await head(tx, running.keys)
        longer = at.number + 5
        signature = running.keys.sign(f"{longer}:{at.hash}".encode())
        with (tmp_path / "heads").open("a") as heads:
            made = type(at)(longer, at.hash, signature)
            heads.write(line(made, running.keys.public_key(), "") + "\n")
        assert "Cut off: entries from" in (await ada.get("/console/audit?check=yes")).text
    assert not (await house.ask("ada", "GET", "/v1/audit/verify")).json()["fits"]


async def test_keys_and_operators_are_looked_at(house: House) -> None:
    answer = await house.ask("ada", "GET", "/v1/keys")
    found = {one["name"]: one for one in answer.json()["keys"]}
    assert (found["bob"]["owner"], found["bob"]["state"]) == ("bob", "good")
    assert not any(key in answer.text for key in house.keys.values())
    assert (await house.ask("ada", "GET", "/v1/operators")).json() == {"operators": []}
    for path in ("/v1/keys", "/v1/operators", "/v1/audit"):
        assert (await house.ask("eve", "GET", path)).status_code == 403


async def test_recoveries_are_opened_one_by_one_with_a_reason(house: House) -> None:
    database = house.running.database
    now = database.clock.now()
    rows = [
        {
            "id": f"rec_{number:026d}",
            "state": "void",
            "address_key": "adr_x",
            "asked_by": "brw",
            "network": "net",
            "known_browser": False,
            "asked_at": now,
            "expires_at": now,
            "factor_tries": 0,
        }
        for number in range(61)
    ]
    async with database.write() as tx:
        await tx.run(insert(recovery_tables.recoveries), rows)
    page = (await house.ask("ada", "GET", "/v1/recoveries?state=void")).json()
    assert (len(page["recoveries"]), page["after"]) == (50, rows[11]["id"])
    rest = (await house.ask("ada", "GET", f"/v1/recoveries?before={page['after']}")).json()
    assert (len(rest["recoveries"]), rest["after"]) == (11, None)
    assert "adr_x" not in str(page)
    for number, row in enumerate(rows):
        path = f"/v1/recoveries/{row['id']}/open"
        assert (await house.ask("ada", "POST", path, {"reason": ""})).status_code == 422
        opened = await house.ask("ada", "POST", path, {"reason": "she rang"})
        assert opened.status_code == (200 if number < 60 else 429), number
    assert (await house.ask("bob", "POST", path, {"reason": "x"})).json()["proofs"] == []
    assert (
        await house.ask("bob", "POST", "/v1/recoveries/x/open", {"reason": "x"})
    ).status_code == 404
