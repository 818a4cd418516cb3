"""API keys as an operator keeps them: the commands, against a running process."""

import asyncio
import smtplib

import pytest
import warm

from .conftest import Up

PLACES = ("--domain", "example.com", "--network", "127.0.0.0/8")


async def _keys(up: Up, *words: str) -> tuple[int, str]:
    process = await asyncio.create_subprocess_exec(
        warm.mailkeep(),
        "keys",
        *words,
        *("--home", str(up.home)),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
        env={"PATH": "/usr/bin:/bin", "COLUMNS": "300"},
    )
    said, _ = await asyncio.wait_for(process.communicate(), 40)
    return process.returncode or 0, said.decode().strip()


async def _send(up: Up, key: str, **fields: object) -> int:
    up.key, own = key, up.key
    try:
        return int(str((await up.send(**fields))["http"]))
    finally:
        up.key = own


def _submit(up: Up, key: str, sender: str) -> int:
    with smtplib.SMTP("127.0.0.1", up.smtp, timeout=20) as client:
        client.login("anyone", key)
        client.mail(sender)
        client.rcpt("ada@example.net")
        return client.data(f"From: {sender}\r\nSubject: x\r\n\r\nwords\r\n".encode())[0]


async def test_a_key_is_made_bound_listed_rotated_and_revoked(up: Up) -> None:
    code, key = await _keys(up, "create", "shop", "--scope", "send", "--stream", "alert", *PLACES)
    assert (code, key[:3]) == (0, "mk_")
    assert await _send(up, key) == 202
    assert await _send(up, key, stream="bulk") == 403
    assert await _send(up, key, **{"from": "us@example.net"}) == 403
    assert await asyncio.to_thread(_submit, up, key, "us@example.com") == 250
    assert await asyncio.to_thread(_submit, up, key, "us@example.net") == 550
    _, away = await _keys(up, "create", "away", "--scope", "send", "--network", "192.0.2.0/24")
    assert await _send(up, away) == 403
    with pytest.raises(smtplib.SMTPAuthenticationError):
        await asyncio.to_thread(_submit, up, away, "us@example.com")

    code, listed = await _keys(up, "list")
    assert code == 0
    line = next(one for one in listed.splitlines() if "  shop  " in one)
    for part in ("good", "send", "streams alert", "domains example.com", "networks 127.0.0.0/8"):
        assert f"  {part}  " in line
    assert "mk_" not in listed

    code, successor = await _keys(up, "rotate", "shop", "--overlap", "1")
    assert (code, successor[:3]) == (0, "mk_")
    assert [await _send(up, one) for one in (key, successor)] == [202, 202]
    assert await _send(up, successor, stream="bulk") == 403
    _, listed = await _keys(up, "list")
    states = [one.split("  ")[2] for one in listed.splitlines() if "  shop  " in one]
    assert states == ["replaced", "good"]
    assert await _keys(up, "revoke", "shop") == (0, "2 revoked.")
    assert [await _send(up, one) for one in (key, successor)] == [401, 401]


async def test_what_a_key_cannot_be_made_of_is_said(up: Up) -> None:
    for words, said in (
        (("create", "x", "--scope", "sent"), "send"),
        (("create", "x", "--scope", "send", "--stream", "alerts"), "alert"),
        (("create", "x", "--scope", "send", "--domain", "a b"), "not a domain"),
        (("create", "x", "--scope", "send", "--network", "0.0.0.0/0"), "everyone"),
        (("create", "", "--scope", "send"), "1 to 80"),
        (("rotate", "nobody", "--overlap", "1"), "no key of that name"),
        (("revoke", "nobody"), "nobody"),
    ):
        code, answer = await _keys(up, *words)
        assert code == 2, words
        assert said in answer, answer
