"""A cut from the command line waits for an automatic one that is being counted."""

import asyncio
import json
from pathlib import Path

import pytest
from sqlalchemy import text
from typer.testing import CliRunner

from mailkeep.base.clock import SystemClock
from mailkeep.base.keys import KeyRing
from mailkeep.cli.main import app
from mailkeep.mail import outbox, outcomes, queries
from mailkeep.mail.claims import Claims
from mailkeep.mail.intake import Intake
from mailkeep.mail.types import Content, NewMessage, RouteSettings, StreamSettings
from mailkeep.providers.types import Claim, ClaimKind, Outcome, OutcomeKind
from mailkeep.response.keeping import take_turn
from mailkeep.store.database import Database
from mailkeep.store.migrate import upgrade
from mailkeep.store.shared import SharedCommit

SETTINGS = """
[[provider]]
name = "a"
kind = "smtp"
party = "a"

[[party]]
id = "a"

[[stream]]
name = "alert"
priority = 1
routes = [{ provider = "a" }]
"""


async def test_a_cut_takes_its_turn(
    new_postgresql: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    database = Database(new_postgresql, SystemClock())
    await upgrade(database)
    (tmp_path / "mailkeep.toml").write_text(f'database = "env:DB_URL"\n{SETTINGS}')
    monkeypatch.setenv("DB_URL", new_postgresql)
    words = ["providers", "cut", "a", "--reason", "test", "--json", "--home", str(tmp_path)]

    async with database.write() as tx:
        await take_turn(tx)  # an automatic act counts what stands
        command = asyncio.create_task(asyncio.to_thread(CliRunner().invoke, app, words))
        waits = 0
        for _ in range(600):
            waits = await tx.value(text("SELECT count(*) FROM pg_locks WHERE NOT granted"))
            if waits or command.done():
                break
            await asyncio.sleep(0.05)
        assert waits
        assert not command.done()
        assert await queries.cut(tx) == {}
    result = await asyncio.wait_for(command, 30)
    assert result.exit_code == 0, result.output
    said = json.loads(result.stdout)
    assert (said["provider"], said["cut"], said["sent_again"]) == ("a", True, 0)
    # The console would ask for a second person: no route is left.
    assert said["stops"] == ["alert"]
    assert said["warnings"]
    async with database.read() as tx:
        assert list(await queries.cut(tx)) == ["a"]
    await database.close()


@pytest.mark.parametrize(("words", "again"), [((), 1), (("--believe-reports",), 0)])
async def test_what_a_provider_swallowed_and_called_delivered_is_sent_again(
    tmp_path: Path, words: tuple[str, ...], again: int
) -> None:
    (tmp_path / "mailkeep.toml").write_text(SETTINGS)
    database = Database(f"sqlite:///{tmp_path / 'mailkeep.db'}", SystemClock())
    await upgrade(database)
    stream = StreamSettings("alert", 1, (RouteSettings("a"),))
    intake = Intake(database, KeyRing(tmp_path), {"alert": stream})
    claims = Claims(database, SharedCommit(database), {}, ["alert"])
    async with database.write() as tx:
        content = Content("us@example.com", "ada@example.net", "Hello", "words")
        message = await intake.accept(tx, NewMessage("alert", content))
        (job,) = await outbox.claim(database, tx, stream, {}, 5)
        taken = Outcome(OutcomeKind.ACCEPTED, "200")
        done = outcomes.Finished(job, taken, 0.1, reports=True, keeps=stream.keeps)
        await outcomes.finish(database, tx, [done])
    lie = Claim("a", "c", ClaimKind.DELIVERED, None, message, None, None, "", "signature")
    assert await claims.take("a", [lie]) == 1
    asked = ["providers", "cut", "a", "--reason", "it lies", *words, "--json"]
    result = await asyncio.to_thread(CliRunner().invoke, app, [*asked, "--home", str(tmp_path)])
    assert json.loads(result.stdout)["sent_again"] == again, result.output
    async with database.read() as tx:
        statuses = await queries.statuses(tx, [message])
        assert statuses == {message: "queued" if again else "delivered"}
        assert await outbox.body(tx, message) is not None
    await database.close()


async def test_limits_are_told_beside_the_recovery_peak(tmp_path: Path) -> None:
    (tmp_path / "mailkeep.toml").write_text(SETTINGS)
    database = Database(f"sqlite:///{tmp_path / 'mailkeep.db'}", SystemClock())
    await upgrade(database)
    await database.close()
    words = ["providers", "limits", "--json", "--home", str(tmp_path)]
    result = await asyncio.to_thread(CliRunner().invoke, app, words)
    assert json.loads(result.stdout) == {
        "recovery_peak": 0,
        "providers": [{"name": "a", "not_known": "its protocol tells no limits"}],
    }


def test_what_is_given_back_and_rests_is_not_said_to_carry_mail(tmp_path: Path) -> None:
    (tmp_path / "mailkeep.toml").write_text(SETTINGS)

    def say(act: str, *more: str) -> str:
        words = ["providers", act, "a", "--reason", "x", *more, "--home", str(tmp_path)]
        return CliRunner().invoke(app, words).stdout

    assert say("rest").startswith("a rests; ")
    assert say("rest") == "a rested already; nothing changes.\n"
    assert json.loads(say("rest", "--json"))["changed"] is False
    say("cut")
    rests = "cut off no more, and rests: it carries ordinary mail only where no other route stands"
    assert say("restore") == f"a is {rests}. `mailkeep providers unrest a` ends that.\n"
    say("cut")
    held = "a rests no more, and stays cut off: no mail goes to it."
    assert say("unrest") == f"{held} `mailkeep providers restore a` ends that.\n"
    say("rest")
    again = json.loads(say("restore", "--json"))
    assert again == {"provider": "a", "cut": False, "rests": True, "changed": True}
    assert say("unrest") == "a carries mail again.\n"
    assert say("restore") == "a was not cut off.\n"
