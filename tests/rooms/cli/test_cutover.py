"""``mailkeep cutover`` and ``offboard`` at the shell of the house."""

import asyncio
import json
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from mailkeep.app import settings as app_settings
from mailkeep.app import wiring_cutover
from mailkeep.base.clock import SystemClock
from mailkeep.base.errors import BadSettings
from mailkeep.base.keys import KeyRing
from mailkeep.cli.main import app
from mailkeep.mail import queries as mail
from mailkeep.mail import shifting, tables
from mailkeep.mail.intake import Intake
from mailkeep.mail.types import Content, NewMessage
from mailkeep.store.database import Database
from mailkeep.store.migrate import upgrade
from mailkeep_drill.standins.sendgrid_account import DELETING, READING, SendGridAccount
from rooms.app.zone import serving

SETTINGS = """
[[provider]]
name = "old"
kind = "smtp"
party = "a"
options = { dkim_selector = "s1", return_path_domain = "bounce.example.com" }

[[provider]]
name = "new"
kind = "smtp"
party = "b"

[[party]]
id = "a"

[[party]]
id = "b"

[[stream]]
name = "alert"
priority = 1
routes = [{ provider = "old" }, { provider = "new", weight = 0 }]

[[stream]]
name = "bulk"
priority = 9
routes = [{ provider = "old" }]
"""


@pytest.fixture
def home(tmp_path: Path) -> Path:
    (tmp_path / "mailkeep.toml").write_text(SETTINGS)

    async def make() -> None:
        database = Database(f"sqlite:///{tmp_path / 'mailkeep.db'}", SystemClock())
        await upgrade(database)
        await database.close()

    asyncio.run(make())
    return tmp_path


def _run(home: Path, *words: str, code: int = 0) -> Any:
    result = CliRunner().invoke(app, [*words, "--json", "--home", str(home)])
    assert result.exit_code == code, (result.output, result.exception)
    return json.loads(result.stdout)


def _says(home: Path, *words: str) -> str:
    result = CliRunner().invoke(app, [*words, "--home", str(home)])
    return result.output + str(result.exception or "")


def _shares(home: Path) -> dict[str, float]:
    async def ask() -> dict[str, float]:
        database = Database(f"sqlite:///{home / 'mailkeep.db'}", SystemClock())
        async with database.read() as tx:
            found = await shifting.shifts(tx)
        await database.close()
        return {name: some[0].share for name, some in found.items()}

    return asyncio.run(ask())


def test_a_plan_says_what_stops_it_and_a_person_may_go_past_it(home: Path) -> None:
    plan = _run(home, "cutover", "plan", "old", "new", "--offline", code=1)
    gates = {one["id"]: one for one in plan["gates"]}
    assert gates["cutover.route"]["state"] == "failed"
    assert 'provider = "new", weight = 0' in gates["cutover.route"]["next"]
    assert gates["cutover.warmth"]["state"] == "warning"
    assert [one["stream"] for one in plan["streams"]] == ["alert"]
    assert "no route of bulk" in _says(home, "cutover", "start")
    assert [one["since"] for one in plan["streams"]] == [None], "nothing has moved"
    *_, row, last = _says(home, "cutover", "status").splitlines()
    assert row.split() == ["alert", "0%", "-", "-"]
    assert last.startswith("Nothing has moved, and it does not start while a check fails")
    assert "plan anew with `mailkeep cutover plan old new`" in last
    started = _run(home, "cutover", "start", "--anyway")
    assert started["state"] == "moving"
    assert _run(home, "cutover", "pause")["state"] == "paused"
    assert "`mailkeep cutover resume` goes on" in _says(home, "cutover", "status")
    assert _run(home, "cutover", "resume")["state"] == "moving"
    assert "moving" in _says(home, "cutover", "finish")
    assert _run(home, "cutover", "back", "--reason", "no")["state"] == "returned"
    assert _shares(home) == {}


def test_who_waits_is_told_when_it_goes_on_and_when_it_is_over(home: Path) -> None:
    plan = ("cutover", "plan", "old", "new", "--offline")
    assert "at least: 1 h 15 min in all at the soonest." in _says(home, *plan)
    assert _run(home, "cutover", "status")["cutover"]["all_moved_at"] is None
    _run(home, "cutover", "start", "--anyway")
    said = _says(home, "cutover", "status")
    assert "The next step of" not in said  # it may come at any moment
    assert "new carries everything at 20" in said
    assert "It goes on by itself while Mailkeep runs" in said
    move = _run(home, "cutover", "status")["cutover"]
    soonest, over = (datetime.fromisoformat(move[at]) for at in ("next_step_at", "all_moved_at"))
    assert (over - soonest).total_seconds() == 5 * 900
    assert move["known"] == 0
    # A plan beside it is one for later, and does not become the one that is spoken of.
    assert "The move from old to new is under way" in _says(home, *plan)
    assert "a move from old to new is under way" in _says(home, "cutover", "start", "--anyway")


@pytest.mark.parametrize(("ours", "state"), [(False, "ok"), (True, "warning")])
def test_canaries_make_no_provider_known(ours: bool, state: str, home: Path) -> None:
    """They go through whoever stands by, and only to ourselves: mailbox providers saw none."""

    async def carry() -> None:
        database = Database(f"sqlite:///{home / 'mailkeep.db'}", SystemClock())
        streams = app_settings.load(home / "mailkeep.toml", {}).streams()
        content = Content("us@example.com", "ada@example.net", "Hello", "words")
        async with database.write() as tx:
            message = NewMessage("alert", content, ours=ours)
            name = await Intake(database, KeyRing(home), streams).accept(tx, message)
            row = {"id": "att_1", "message_id": name, "provider": "new", "started_at": tx.now}
            await tx.run(tables.attempts.insert().values(**row, outcome="accepted"))
        await database.close()

    asyncio.run(carry())
    plan = _run(home, "cutover", "plan", "old", "new", "--offline", code=1)
    (gate,) = [one for one in plan["gates"] if one["id"] == "cutover.warmth"]
    assert gate["state"] == state


def test_all_that_stops_a_move_is_told_and_what_a_move_would_have_to_be(home: Path) -> None:
    _run(home, "cutover", "plan", "old", "new", "--offline", code=1)
    said = _says(home, "cutover", "start")
    assert "no route of bulk" in said
    assert "`mailkeep cutover start --anyway`" in said
    assert "this move has not begun: that is for one that is moving" in _says(
        home, "cutover", "pause"
    )
    back = _says(home, "cutover", "back", "--reason", "x")
    assert "that is for one that is moving, paused or moved" in back


def test_steps_are_percents_that_rise(home: Path) -> None:
    for words in ("50,20,100", "1,5", "x", "0,100"):
        said = _says(home, "cutover", "plan", "old", "new", "--offline", "--steps", words)
        assert "steps" in said, words
    assert "no provider" in _says(home, "cutover", "plan", "old", "newer", "--offline")
    assert "No move was ever planned." in _says(home, "cutover", "status")
    assert "no move was ever planned" in _says(home, "cutover", "start")


def test_everything_moves_at_once_and_the_old_one_is_left(home: Path) -> None:
    done = _run(home, "cutover", "now", "old", "new", "--reason", "it fell")
    assert (done["streams"], done["left_out"]) == (["alert"], ["bulk"])
    assert any("no route of bulk" in one for one in done["warnings"])
    assert _shares(home) == {"alert": 1.0}
    (moved,) = _run(home, "cutover", "status")["cutover"]["streams"]
    assert moved["since"] is not None
    assert "still give the old provider weight in alert" in _says(home, "cutover", "status")
    assert _run(home, "cutover", "finish")["state"] == "finished"
    said = _says(home, "offboard", "start", "old")
    assert "still carries bulk" in said
    plan = _run(home, "offboard", "plan", "old")
    assert plan["warnings"][0].startswith("It still carries bulk.")
    hostile = _run(home, "offboard", "plan", "old", "--hostile")
    assert not any("carries" in one for one in hostile["warnings"])
    texts = " ".join(one["text"] for one in plan["items"])
    assert "withdraw bounce.example.com, MX and TXT" in texts
    assert "find and withdraw" not in texts
    left = _run(home, "offboard", "start", "old", "--hostile")
    assert left["hostile"]
    assert left["warnings"][-1].endswith("`mailkeep providers confirm old --cut … --state …`")
    (waits,) = _run(home, "providers", "waiting")["waiting"]
    assert (waits["provider"], waits["state"]) == ("old", "waiting"), "it is a cut by hand"
    assert "say who did it" in _says(home, "offboard", "done", "old", "keys")
    _run(home, "offboard", "done", "old", "keys", "--note", "Carla")
    (status,) = _run(home, "offboard", "status", "old")["offboardings"]
    keys = next(one for one in status["items"] if one["name"] == "keys")
    word = "a person's word: it is cut off, and not asked; Carla"
    assert (keys["note"], keys["done_at"] is not None) == (word, True)
    assert "is not being left" in _says(home, "offboard", "status", "new")
    assert (
        status["exposed"],
        "old was given 0 addresses" in _says(home, "offboard", "status"),
    ) == (
        0,
        True,
    )
    assert "cut off" in _says(home, "offboard", "stop", "old", "--reason", "we keep it")
    assert "(provider)" not in _says(home, "offboard", "stop", "new", "--reason", "x")

    async def states() -> Any:
        database = Database(f"sqlite:///{home / 'mailkeep.db'}", SystemClock())
        async with database.read() as tx:
            found = await mail.states(tx)
        await database.close()
        return found["old"]

    state = asyncio.run(states())
    assert state.cut_at is not None
    assert state.distrusted_at is not None
    _run(home, "providers", "restore", "old", "--reason", "theirs again")
    gone = _says(home, "offboard", "stop", "old", "--reason", "we keep it")
    assert gone.strip() == "The list of old is gone; its word counts again."
    assert asyncio.run(states()).distrusted_at is None


async def test_the_key_of_one_that_is_left_is_revoked_by_its_api(tmp_path: Path) -> None:
    account = SendGridAccount("reader")
    url = await account.start()
    scopes = ("api_keys.create", "api_keys.delete", "api_keys.read", "mail.send")
    key, manager = account.issue("sends", "mail.send"), account.issue("manages", *scopes)
    (tmp_path / "old.key").write_text(key)
    (tmp_path / "manager.key").write_text(manager)
    more = f'''party = "a"
secret = "file:{tmp_path}/old.key"
manager = "file:{tmp_path}/manager.key"
options = {{ keys = "sendgrid", keys_url = "{url}" }}'''
    _, _, rest = SETTINGS.partition('return_path_domain = "bounce.example.com" }')
    text = f'[[provider]]\nname = "old"\nkind = "smtp"\n{more}{rest}'
    (tmp_path / "mailkeep.toml").write_text(text)
    database = Database(f"sqlite:///{tmp_path / 'mailkeep.db'}", SystemClock())
    await upgrade(database)
    await database.close()

    said = await asyncio.to_thread(_says, tmp_path, "offboard", "keys", "old")
    assert "not being left" in said
    assert key in account.made
    await asyncio.to_thread(_run, tmp_path, "offboard", "start", "old", "--hostile")
    left = await asyncio.to_thread(_run, tmp_path, "offboard", "keys", "old")
    assert key not in account.made
    (item,) = [one for one in left["items"] if one["name"] == "keys"]
    assert item["note"].startswith("revoked ")
    assert key not in str(left)
    by_hand = await asyncio.to_thread(_says, tmp_path, "offboard", "keys", "new")
    assert "make another key in the pages of new" in by_hand
    await account.stop()


def test_the_key_of_another_one_is_not_revoked_with_it(home: Path) -> None:
    """Two tables for one account at a provider: what one is left with, the other one sends with."""
    for name in ("old", "manager"):
        (home / f"{name}.key").write_text("SG.key-of-both.secret")
    keyed = f"""secret = "file:{home}/old.key"
manager = "file:{home}/manager.key"
options = {{ keys = "sendgrid" }}
"""
    _, _, rest = SETTINGS.partition('return_path_domain = "bounce.example.com" }')
    rest = rest.replace('party = "b"\n', f'party = "b"\n{keyed}', 1)
    text = f'[[provider]]\nname = "old"\nkind = "smtp"\nparty = "a"\n{keyed}{rest}'
    (home / "mailkeep.toml").write_text(text)
    _run(home, "offboard", "start", "old", "--hostile")
    assert "new sends with the same key" in _says(home, "offboard", "keys", "old")


async def test_an_account_that_is_left_is_emptied_and_what_is_gone_is_ticked_off(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    account = SendGridAccount("SG.once", (*READING, *DELETING))
    url = await account.start()
    account.lists["webhooks"].append({"id": "w1", "enabled": True, "url": "https://o.example"})
    account.lists["templates"].append({"id": "t1", "generation": "legacy"})
    more = f'''
[posture]
[[posture.account]]
name = "old"
kind = "sendgrid"
secret = "env:NOT_SET"
base_url = "{url}"
'''
    (tmp_path / "mailkeep.toml").write_text(SETTINGS + more)
    database = Database(f"sqlite:///{tmp_path / 'mailkeep.db'}", SystemClock())
    await upgrade(database)
    await database.close()
    monkeypatch.setenv("ONCE", "SG.once")
    words = ("offboard", "empty", "old", "--key", "env:ONCE")

    assert "not being left" in await asyncio.to_thread(_says, tmp_path, *words)
    await asyncio.to_thread(_run, tmp_path, "offboard", "start", "old", "--hostile")
    shown = await asyncio.to_thread(_run, tmp_path, *words)
    assert shown["goes"] == {"templates": 1, "webhooks": 1}
    assert not shown["deleted"]
    assert account.lists["templates"]  # it was only shown
    monkeypatch.setenv("WRONG", "SG.wrong")
    for more in ((), ("--yes",)):
        asked = [*words[:-1], "env:WRONG", *more, "--home", str(tmp_path)]
        refused = await asyncio.to_thread(CliRunner().invoke, app, asked)
        assert isinstance(refused.exception, BadSettings), "no exit code of 0"
        assert "old does not take the key" in str(refused.exception)
        assert refused.stdout == "", "nobody read what would be deleted"
    account.scopes = READING
    refused = await asyncio.to_thread(
        CliRunner().invoke, app, [*words, "--yes", "--home", str(tmp_path)]
    )
    assert isinstance(refused.exception, BadSettings)
    assert "1 not deleted: refused" in refused.stdout
    account.scopes = (*READING, *DELETING)
    assert account.lists["templates"]
    done = await asyncio.to_thread(_run, tmp_path, *words, "--yes")
    assert done["empty"] == ["templates", "webhooks"]
    assert done["failed"] == {}
    assert account.lists["templates"] == account.lists["webhooks"] == []
    (left,) = (await asyncio.to_thread(_run, tmp_path, "offboard", "status", "old"))["offboardings"]
    notes = {one["name"]: one["note"] for one in left["items"] if one["done_at"]}
    assert notes["webhooks"] == notes["templates"] == "emptied by its API"
    assert "senders" not in notes  # a person looks there: sign-ins and lists are not all read
    assert "ticked off: webhooks" in await asyncio.to_thread(_says, tmp_path, *words, "--yes")
    await account.stop()


def test_nothing_is_deleted_before_its_day(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ONCE", "k")
    words = ("offboard", "empty", "old", "--key", "env:ONCE")
    assert "no API that we speak empties" in _says(home, *words)
    text = SETTINGS.replace('kind = "smtp"\nparty = "a"', 'kind = "postmark"\nparty = "a"')
    text = text.replace("weight = 0", "weight = 1")
    text = text.replace('{ provider = "old" }', '{ provider = "old", weight = 0 }')
    text = text.replace('[{ provider = "old", weight = 0 }]', '[{ provider = "new" }]')
    (home / "mailkeep.toml").write_text(text)
    _run(home, "offboard", "start", "old")  # in peace: its webhooks report bounces for a week
    assert "nothing that it holds is due before 20" in _says(home, *words)
    assert "--key: the environment has no ONCE_MORE" in _says(home, *words[:-1], "env:ONCE_MORE")
    texts = {one["name"]: one["text"] for one in _run(home, "offboard", "plan", "old")["items"]}
    for item in ("webhooks", "templates"):
        assert "`mailkeep offboard empty old` does it" in texts[item]


def test_what_it_knows_is_asked_about_when_the_settings_have_only_its_name(home: Path) -> None:
    async def give() -> None:
        database = Database(f"sqlite:///{home / 'mailkeep.db'}", SystemClock())
        row = {"stream": "alert", "first_at": 1, "last_at": 1, "day": 0, "count": 1}
        async with database.write() as tx:
            for number in range(9):
                given = {"address_id": f"adr_{number}", "provider": "old", **row}
                await tx.run(tables.exposures.insert().values(**given))
        await database.close()

    asyncio.run(give())
    assert _run(home, "trust", "whatif", "a")["exposed"] == 9
    _, _, rest = SETTINGS.partition('return_path_domain = "bounce.example.com" }')
    rest = rest.replace('{ provider = "old" }, ', "").replace(
        'provider = "old"', 'provider = "new"'
    )
    (home / "mailkeep.toml").write_text(rest)
    assert _run(home, "trust", "whatif", "old")["exposed"] == 9, "the ledger knows its name"
    (home / "mailkeep.toml").write_text(rest + '[[left]]\nname = "old"\nparty = "a"\n')
    found = _run(home, "trust", "whatif", "a")
    assert (found["exposed"], found["exposed_by"]) == (9, ["old"])
    listed = _run(home, "providers", "list")
    assert listed["left"] == [{"name": "old", "party": "a", "exposed": 9}]
    assert "old (a) was left; it knows 9 addresses." in _says(home, "providers", "list")


def test_the_busiest_hour_is_that_of_what_it_carries_by_now(home: Path) -> None:
    """On a second move the settings still name the provider that was left first."""

    async def look() -> tuple[int, int, int]:
        database = Database(f"sqlite:///{home / 'mailkeep.db'}", SystemClock())
        known = app_settings.load(home / "mailkeep.toml", {})
        streams = known.streams()
        content = Content("us@example.com", "ada@example.net", "Hello", "words")
        async with database.write() as tx:
            for _ in range(3):
                message = NewMessage("alert", content)
                await Intake(database, KeyRing(home), streams).accept(tx, message)
            before = await wiring_cutover.busiest(tx, known, "new")
            alert = streams["alert"]
            await shifting.shift(database, tx, alert, "old", "new", 1, by="t", reason="x")
            after = await wiring_cutover.busiest(tx, known, "new")
            left = await wiring_cutover.busiest(
                tx, known, "old"
            )  # it has bulk, of which there is none
        await database.close()
        return before, after, left

    assert asyncio.run(look()) == (0, 3, 0)


def test_a_record_is_not_done_while_it_still_stands_in_dns(home: Path) -> None:
    """Whoever has the account goes on as us, signed and aligned, while everybody thinks it gone."""
    _run(home, "offboard", "start", "old", "--hostile")
    (item,) = [
        one["name"]
        for one in _run(home, "offboard", "status", "old")["offboardings"][0]["items"]
        if "bounce.example.com" in one["text"]
    ]
    zone = {("bounce.example.com", "MX"): ["10 feedback.old.example."]}

    def said(*words: str, code: int) -> str:
        async def ask() -> str:
            async with serving(zone) as server:
                call = ["offboard", "done", "old", item, "--resolver", server.where, *words]
                call += ["--home", str(home)]
                result = await asyncio.to_thread(CliRunner().invoke, app, call)
                assert (result.exit_code != 0) is bool(code), result.output
                return result.output + str(result.exception or "")

        return asyncio.run(ask())

    assert "bounce.example.com (MX) still stands in DNS" in said(code=1)
    said("--anyway", "--note", "Carla", code=0)
    (status,) = _run(home, "offboard", "status", "old")["offboardings"]
    (done,) = [one for one in status["items"] if one["name"] == item]
    seen = "against what was seen: bounce.example.com (MX) still stands in DNS"
    assert done["note"] == f"{seen}; Carla"


def test_what_the_settings_still_say_is_not_done(home: Path) -> None:
    _run(home, "offboard", "start", "old", "--hostile")
    words = ("offboard", "done", "old")
    assert "still give old a route in alert, bulk" in _says(home, *words, "routes")
    assert "still have a [[provider]] table of old" in _says(home, *words, "settings")
    _, _, rest = SETTINGS.partition('return_path_domain = "bounce.example.com" }')
    rest = rest.replace('{ provider = "old" }, ', "").replace(
        'provider = "old"', 'provider = "new"'
    )
    (home / "mailkeep.toml").write_text(rest)
    assert "no [[left]] table of old" in _says(home, *words, "settings")
    (home / "mailkeep.toml").write_text(rest + '[[left]]\nname = "old"\nparty = "a"\n')
    done = {}
    for item in ("routes", "settings"):
        left = _run(home, *words, item)["items"]
        done |= {one["name"]: one["note"] for one in left if one["done_at"]}
    assert done["routes"] == "no route in the settings"
    assert done["settings"] == "[[left]] in the settings"


def test_an_spf_record_lets_nobody_in_who_was_left(home: Path) -> None:
    """By a name that it includes, or by the ranges themselves, which nothing names."""
    text = SETTINGS.replace('id = "a"', 'id = "a"\nknown = "postmark"')
    secret = "".join(
        f'[[stream]]\nname = "{name}"\npriority = 0\nsecret = true\n'
        'routes = [{ provider = "old" }, { provider = "new" }]\n'
        for name in ("recovery", "confirmation", "security")
    )
    recovery = '[recovery]\nsender = "us@example.com"\n'
    (home / "mailkeep.toml").write_text(text + secret + recovery)
    zone = {
        ("spf.mtasv.net", "TXT"): ['"v=spf1 ip4:192.0.2.0/24 ~all"'],
        ("_spf.example.com", "TXT"): ['"v=spf1 include:spf.mtasv.net ~all"'],
    }

    def said(record: str, *, fine: bool) -> str:
        async def ask() -> str:
            async with serving(zone | {("example.com", "TXT"): [f'"{record}"']}) as server:
                call = ["offboard", "done", "old", item, "--resolver", server.where]
                call += ["--home", str(home)]
                result = await asyncio.to_thread(CliRunner().invoke, app, call)
                assert (result.exit_code == 0) is fine, result.output
                return result.output + str(result.exception or "")

        return asyncio.run(ask())

    _run(home, "offboard", "start", "old", "--hostile")
    (item,) = [
        one["name"]
        for one in _run(home, "offboard", "status", "old")["offboardings"][0]["items"]
        if "SPF record of example.com" in one["text"]
    ]
    behind = said("v=spf1 include:_spf.example.com -all", fine=False)
    assert "include:_spf.example.com → include:spf.mtasv.net" in " ".join(behind.split())
    assert "ip4:192.0.2.9" in said("v=spf1 ip4:192.0.2.9 -all", fine=False)
    said("v=spf1 ip4:203.0.113.1 -all", fine=True)
    (status,) = _run(home, "offboard", "status", "old")["offboardings"]
    (done,) = [one for one in status["items"] if one["name"] == item]
    assert done["note"] == "gone from DNS"


def test_nothing_is_moved_to_one_that_rests_or_from_one_that_carries_nothing(home: Path) -> None:
    because = ("--reason", "x")
    _run(home, "providers", "rest", "old", *because)
    _run(home, "providers", "cut", "old", *because)
    _run(home, "providers", "restore", "old", *because)
    refused = _says(home, "cutover", "now", "new", "old", *because)
    assert "old rests, and would carry nothing: `mailkeep providers unrest old" in refused
    assert "old carries mail again" in _says(home, "providers", "unrest", "old", *because)
    assert "new carries nothing" in _says(home, "cutover", "now", "new", "old", *because)
