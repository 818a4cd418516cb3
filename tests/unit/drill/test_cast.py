"""Customers, what they read, and what the command line takes."""

import asyncio
import ipaddress
import random
import time
from pathlib import Path

import pyotp
import pytest

from mailkeep_drill.__main__ import options
from mailkeep_drill.background import count_arrivals
from mailkeep_drill.browser import hidden
from mailkeep_drill.cast import Authenticator, passwords, people, thief_sources
from mailkeep_drill.mailboxes import Letter
from mailkeep_drill.record import Alert, Facts
from mailkeep_drill.stage import parts
from mailkeep_drill.systems.robbery import LINK, SHORT


def _network(address: str) -> ipaddress.IPv4Network:
    return ipaddress.ip_network(f"{address}/24", strict=False)


def test_everybody_has_a_network_of_their_own_and_half_an_authenticator() -> None:
    crowd = people(600, random.Random(1))
    source = thief_sources()
    networks = {_network(one.source) for one in crowd} | {_network(source()) for _ in range(600)}
    assert len(networks) == 1200
    assert all(network.is_loopback for network in networks)
    assert sum(one.totp for one in crowd) == 300
    assert len({one.name for one in crowd}) == 600


def test_the_same_seed_casts_the_same_play() -> None:
    assert people(20, random.Random(3)) == people(20, random.Random(3))
    assert passwords(random.Random(3))() == passwords(random.Random(3))()
    assert len(passwords(random.Random(3))()) >= 15


async def test_a_code_is_not_used_twice(monkeypatch: pytest.MonkeyPatch) -> None:
    slept: list[float] = []

    async def sleep(seconds: float) -> None:
        slept.append(seconds)

    monkeypatch.setattr(time, "time", lambda: 90_010.0)
    monkeypatch.setattr(asyncio, "sleep", sleep)
    secret = pyotp.random_base32()
    app = Authenticator(secret)
    first, second = await app.code(), await app.code()
    assert first == pyotp.TOTP(secret).at(90_000)
    assert second == pyotp.TOTP(secret).at(90_030)
    assert slept[1] == pytest.approx(20.05)


def test_hidden_inputs_are_found_whatever_the_quotes_and_the_order() -> None:
    text = """<form><input value='a&amp;b' type="hidden" name=token>
    <input type=hidden name="next" value=/x><input name="seen" value="no">
    <input type="hidden" name="token" value="second"></form>"""
    assert hidden(text) == {"token": "a&b", "next": "/x"}


def test_proofs_are_read_from_mails() -> None:
    secret = "0123456789ABCDEFGHJKMNPQRS"
    found = LINK.search(f"Open this link: http://x/recover/proof#{secret}\n\nOr")
    assert found is not None
    assert found[1] == secret
    code = SHORT.search("type the code there.\nCode: ABCD-1234\n\nThis")
    assert code is not None
    assert code[1] == "ABCD-1234"
    assert SHORT.search("Long code: ABCD-1234\n") is None


def test_alerts_are_counted_with_their_copies() -> None:
    facts = Facts("k", "t", "mailkeep", "A", True, 1, 0, alerts=[Alert("0123456789ab", "a")])
    subject = "Something happened in your shop: alert 0123456789ab"
    letters = [Letter(n, 100.0 + n, subject, "", {}, "") for n in (2, 1)]
    letters.append(Letter(3, 103.0, "Reset your password", "", {}, ""))
    assert count_arrivals(facts, letters, 100.0) == {"0123456789ab": 2}
    assert facts.alerts[0].arrived == 1.0


def test_the_runs_follow_the_readers() -> None:
    chosen, directory, keep = options(["--reader", "b", "--fast", "--kill9", "2"])
    assert [part.key for part in parts(chosen)] == ["ordinary", "mailkeep-b", "mailkeep-silent"]
    assert [part.fallen for part in parts(chosen)] == ["A", "B", "A"]
    assert (chosen.kills, directory, keep) == (2, Path("drill-report"), False)
    assert len(parts(options([])[0])) == 5


@pytest.mark.parametrize(
    "words",
    [["--customers", "3"], ["--attacked", "195"], ["--rate", "0"], ["--kill9", "99"], ["--x"]],
)
def test_a_command_line_out_of_bounds_is_refused(
    words: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        options(words)
    assert ended.value.code == 2
    assert words[0] in capsys.readouterr().err
