"""The log at the command line: written out, read again, measured."""

import asyncio
import json
from pathlib import Path

import pytest
from msgspec import Raw
from typer.testing import CliRunner, Result

from mailkeep.base.clock import ManualClock
from mailkeep.base.errors import BadSettings, Invalid
from mailkeep.cli.main import app
from mailkeep.cli.watch import span
from mailkeep.events import log
from mailkeep.events.types import encode
from mailkeep.mail.events import AttemptFinished
from mailkeep.store.database import Database
from mailkeep.store.migrate import upgrade
from mailkeep.watch import tuning
from mailkeep.watch.logs import FORMAT, Head, Line, write
from mailkeep.watch.runner import Watch
from mailkeep.watch.simulate.company import SimulatedCompany
from mailkeep.watch.simulate.life import Life
from mailkeep.watch.tuning import Alarm


async def _home(home: Path) -> None:
    """A home whose provider was suspended, as its watch saw it."""
    (home / "mailkeep.toml").write_text("")
    clock = ManualClock()
    database = Database(f"sqlite:///{home / 'mailkeep.db'}", clock)
    await upgrade(database)
    relay = log.Relay(database, "one")
    for number in range(5):
        name = f"m{number}"
        refused = AttemptFinished(
            message=name,
            attempt=name,
            provider="a",
            stream="bulk",
            address=f"adr_{number}",
            outcome="suspended",
            detail="",
            seconds=0.1,
        )
        async with database.write() as tx:
            await log.record(database, tx, refused)
        clock.advance(1)
        await relay.place()
        await Watch(database).step()
    await relay.place()
    await database.close()


def _run(home: Path, *words: str) -> Result:
    return CliRunner().invoke(app, ["watch", *words, "--home", str(home)])


def test_the_log_is_written_out_and_read_again(tmp_path: Path) -> None:
    asyncio.run(_home(tmp_path))
    live = _run(tmp_path, "replay", "--json")
    assert live.exit_code == 0, live.output
    told = json.loads(live.stdout)
    assert (told["same"], told["missing"], told["new"]) == (1, 0, 0)
    assert [one["detector"] for one in told["signals"]] == ["provider_refusal"]

    file = tmp_path / "log.jsonl"
    written = _run(tmp_path, "export", str(file), "--json")
    assert json.loads(written.stdout) == {"file": str(file), "facts": 6}
    again = _run(tmp_path, "replay", str(file), "--json")
    assert json.loads(again.stdout) == told
    words = _run(tmp_path, "replay", str(file))
    assert "1 as they were raised then, 0 raised then and not now" in words.stdout

    # Without the signal that was raised then, it is new; the exit code says so.
    lines = file.read_bytes().splitlines(keepends=True)
    file.write_bytes(b"".join(one for one in lines if b"watch.signal" not in one))
    differs = _run(tmp_path, "replay", str(file), "--json")
    assert differs.exit_code == 1
    assert json.loads(differs.stdout)["new"] == 1


def test_what_is_there_is_not_written_over_and_what_is_no_log_not_read(tmp_path: Path) -> None:
    asyncio.run(_home(tmp_path))
    file = tmp_path / "log.jsonl"
    file.write_text("mine\n")
    assert isinstance(_run(tmp_path, "export", str(file)).exception, BadSettings)
    assert file.read_text() == "mine\n"
    assert isinstance(_run(tmp_path, "replay", str(file)).exception, Invalid)


def test_only_what_is_younger(tmp_path: Path) -> None:
    """The facts of the home are of 2023."""
    asyncio.run(_home(tmp_path))
    file = tmp_path / "log.jsonl"
    written = _run(tmp_path, "export", str(file), "--since", "30d", "--json")
    assert json.loads(written.stdout)["facts"] == 0


@pytest.mark.parametrize("text", ["", "d", "30", "-3d", "nand", "1e9d", "3w"])
def test_a_span_is_a_number_and_a_unit(text: str) -> None:
    assert span("1.5h") == 5_400_000_000
    with pytest.raises(BadSettings):
        span(text)


def test_how_fast_it_is(tmp_path: Path) -> None:
    done = _run(tmp_path, "measure", "--speed", "--json")
    assert json.loads(done.stdout)["per_second"] > 10_000


def test_how_soon_silence_would_have_been_noticed_on_a_log_of_ones_own(tmp_path: Path) -> None:
    file = tmp_path / "log.jsonl"
    life = list(Life(SimulatedCompany(mails=60.0, troubles=0.0, beside=False), 5).run(1))
    lines = (
        Line(one.position, one.placed_at, one.at, one.id, one.fact.kind, Raw(encode(one.fact)))
        for one in life
    )
    file.write_bytes(b"".join(write(Head(FORMAT, life[-1].placed_at), lines)))
    asked = ("silence", str(file), "--times", "2", "--within", "2h")
    found = json.loads(_run(tmp_path, *asked, "--json").stdout)
    assert [one["provider"] for one in found["silences"]] == ["a", "b", "a", "b"]
    assert all(0 < one["noticed"] < 2 * 3600 for one in found["silences"])
    words = _run(tmp_path, *asked).stdout
    assert "2 of 2" in words
    assert "2 moments" in words
    assert isinstance(_run(tmp_path, "silence", str(file)).exception, Invalid)  # too short


def test_tuning_names_what_it_tunes_and_the_alarms_that_would_go(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asyncio.run(_home(tmp_path))
    alarm = Alarm(1_700_000_000_000_000, "reset_surge", "resets", "many\x1b[2J resets")
    monkeypatch.setattr(tuning, "_gone", lambda *_: (alarm,))
    said = _run(tmp_path, "tune", "--budget", "90d").stdout
    assert "Tuned are delivery_silence and reset_surge" in said
    assert "2023-11-14 22:13:20 UTC  reset_surge  resets: many" in said
    assert "\x1b" not in said
    told = json.loads(_run(tmp_path, "tune", "--budget", "90d", "--json").stdout)
    assert told["tuned"] == ["delivery_silence", "reset_surge"]
    assert told["gone"][0]["at"] == "2023-11-14T22:13:20.000Z"
