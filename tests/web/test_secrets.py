"""Nothing that opens an account can be read back from what Mailkeep keeps, says or counts."""

import asyncio
import re
import sys
from pathlib import Path

import aiohttp
import pytest

from mailkeep_drill.browser import Browser
from mailkeep_drill.cast import Customer, Person
from mailkeep_drill.mailboxes import Mailboxes
from mailkeep_drill.processes import Child, free_port, output
from mailkeep_drill.systems.base import Reset
from mailkeep_drill.systems.mailkeep import Mailkeep

from .digging import holds, packed

ADDRESS = "ada@people.example"
OLD, NEW, WRONG = "violet-harbour-undoes-kettles", "quiet-anvil-borrows-lanterns", "wrong-osprey-77"
PLANTED = "PLANTED-7F3A9C-BODY"
LONGEST_FILE = 64 * 1024 * 1024


def test_the_search_finds_what_is_packed() -> None:
    for way, data in packed(PLANTED.encode()).items():
        assert holds(data, {"it": PLANTED}) == {"it"}, way
    assert holds(b"nothing of the kind", {"it": PLANTED}) == set()


@pytest.mark.check("ASVS 16.2.5", "ASVS 13.3.1")
@pytest.mark.timeout(240)
async def test_what_is_kept_said_and_counted_holds_no_secret(tmp_path: Path) -> None:
    host = Child("mailkeep_drill.mailhost", log=tmp_path / "mailhost.log")
    async with host, Mailboxes(host.ready["http"]) as mailboxes:
        home = tmp_path / "system"
        home.mkdir()
        system = Mailkeep(
            "s", "", mailboxes, host.ready["smtp"], home, "canary.example", free_port()
        )
        try:
            await system.start()
            secrets = await _live(system, mailboxes)
            key = await system.new_key("read", "operate")
            secrets["an API key"] = key
            said = await _said(system, key)
            mailkeep = str(Path(sys.executable).with_name("mailkeep"))
            await output([mailkeep, "backup", str(home / "copy"), f"--home={home / 'home'}"])
        finally:
            await system.stop()
        texts = {"what it said": said.encode()} | await asyncio.to_thread(_files, home)
        assert any("mailkeep.db" in name for name in texts)
        assert any("copy" in name for name in texts)
        assert any(name.endswith("up.log") for name in texts)
        found = {
            name: held
            for name, data in texts.items()
            if (held := await asyncio.to_thread(holds, data, secrets))
        }
        assert found == {}


async def _live(system: Mailkeep, mailboxes: Mailboxes) -> dict[str, str]:
    """The life of an account, wrong turns included; every secret that occurred."""
    person = Person(1, "ada", "127.33.1.9", totp=True)
    browser = Browser(system.url, person.source)
    customer = Customer(person, ADDRESS, OLD, browser)
    await system.sign_up(customer)
    secrets = {"the session": browser.cookies["__Host-session"], "the old password": OLD}
    assert customer.authenticator is not None
    secrets["the app's secret"] = customer.authenticator.secret
    stranger = Browser(system.url, "127.33.2.9")
    await stranger.post("/sign-in", {"address": ADDRESS, "password": WRONG})
    assert await system.reset(customer, NEW, 60.0) is Reset.DONE
    await system.sign_in(browser, ADDRESS, NEW, customer.authenticator)
    secrets |= {"a wrong password": WRONG, "the new password": NEW}
    secrets["the new session"] = browser.cookies["__Host-session"]
    secrets["the browser's own cookie"] = browser.cookies["__Host-browser"]
    assert await system.send("one", ADDRESS, "An alert", "words")
    letters = await mailboxes.read(ADDRESS)
    for number, letter in enumerate(letters):
        for secret in re.findall(r"#([0-9A-Za-z-]{20,})", letter.text):
            secrets[f"a link of mail {number}"] = secret
        for code in re.findall(r"^Code: (\S+)", letter.text, re.MULTILINE):
            secrets[f"a code of mail {number}"] = code
    assert sum(name.startswith("a link") for name in secrets) >= 2
    assert sum(name.startswith("a code") for name in secrets) >= 2
    await _secret_mail(system, mailboxes)
    secrets["a secret body"] = PLANTED
    return secrets


async def _secret_mail(system: Mailkeep, mailboxes: Mailboxes) -> None:
    """An application's own mail in a secret stream, handed over."""
    key = await system.new_key("send")
    body = {
        "stream": "recovery",
        "from": "no-reply@shop.example",
        "to": "bob@people.example",
        "subject": "Your code",
        "text": PLANTED,
        "idempotency_key": "one",
    }
    headers = {"Authorization": f"Bearer {key}"}
    async with (
        aiohttp.ClientSession(headers=headers) as http,
        http.post(f"{system.url}/v1/messages", json=body) as reply,
    ):
        assert reply.status == 202, await reply.text()
    got = await mailboxes.find("bob@people.example", lambda mail: PLANTED in mail.text, 30.0)
    assert got is not None


async def _said(system: Mailkeep, key: str) -> str:
    """Everything that the interfaces say."""
    said = ""
    async with aiohttp.ClientSession(headers={"Authorization": f"Bearer {key}"}) as http:
        paths = ["/metrics", "/readyz", "/v1/messages", "/v1/incidents"]
        while paths:
            path = paths.pop(0)
            async with http.get(f"{system.url}{path}") as reply:
                text = await reply.text()
            said += text
            if path == "/v1/messages":
                paths += [f"/v1/messages/{one}" for one in re.findall(r'"id":"(msg_\w+)"', text)]
    assert "mailkeep_" in said
    return said


def _files(home: Path) -> dict[str, bytes]:
    """What lies on the disk: the home without its keys, logs, backups. The providers' keys are the
    operator's own files, and a stand-in's log is not ours."""
    return {
        str(file.relative_to(home)): file.read_bytes()
        for file in home.rglob("*")
        if file.is_file()
        and file.stat().st_size < LONGEST_FILE
        and file.parts[-2] != "secrets"
        and file.name not in {"a.log", "b.log", "c.log"}
    }
