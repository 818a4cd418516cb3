"""``mailkeep up --dev`` as a newcomer meets it, over HTTP and in a browser."""

import asyncio
import json
import shutil
import socket
import sqlite3
from pathlib import Path

import aiohttp
import pytest
import warm

from .conftest import COLD, READY_SECONDS, Up, cold, ready, start

CHROMIUM = shutil.which("chromium")


@cold
async def test_the_printed_line_works_and_the_mail_arrives(up: Up) -> None:
    process = await asyncio.create_subprocess_exec(*up.command, stdout=asyncio.subprocess.PIPE)
    answer, _ = await process.communicate()
    message = json.loads(answer)["id"]
    life = await up.until(message, "delivered")
    assert [one["outcome"] for one in life["attempts"]] == ["accepted"]
    async with up.session.get(f"{up.url}/mailbox") as page:
        assert "It works" in await page.text()
        assert "script-src 'self'" in page.headers["Content-Security-Policy"]


async def test_a_suspended_account_is_left_for_the_other_provider(up: Up) -> None:
    await up.fault("mandrill", suspend=True)
    for number in range(6):
        sent = await up.send(to=f"user{number}@example.net")
        life = await up.until(sent["id"], "delivered")
        assert life["attempts"][-1]["provider"] == "postmark"


async def test_a_forged_webhook_changes_nothing(up: Up) -> None:
    """Anyone can post to the address; only the provider's secret makes it a claim."""
    await up.fault("postmark", no_webhooks=True)
    await up.fault("mandrill", suspend=True)
    sent = await up.send()
    message = sent["id"]
    await up.until(message, "accepted")
    forged = {
        "RecordType": "Bounce",
        "ID": 1,
        "Type": "HardBounce",
        "Email": "ada@example.net",
        "Metadata": {"mailkeep_id": message},
    }
    for headers in ({}, {"Authorization": "Basic bWFpbGtlZXA6Z3Vlc3M="}):
        async with up.session.post(
            f"{up.url}/hooks/postmark", json=forged, headers=headers
        ) as reply:
            assert reply.status == 401
    assert (await up.message(message))["status"] == "accepted"


BAD = [
    ({"stream": "recovry"}, "stream"),
    ({"to": "ada@example.net\r\nBcc: eve@example.net"}, "to"),
    ({"subject": "Hello\nBcc: eve@example.net"}, "subject"),
    ({"headers": {"Bcc": "eve@example.net"}}, "headers.Bcc"),
    ({"text": "nul \0 here"}, "text"),
    ({"subject": 7}, "subject"),
    ({"send_at": "2030-01-01T00:00:00"}, "send_at"),
    ({"expires_at": "2020-01-01T00:00:00Z"}, "expires_at"),
    ({"subjct": "Hello"}, "subjct"),
    ({"to": {"email": "ada@example.net", "nom": "Ada"}}, "to.nom"),
    ({"to": {"name": "Ada"}}, "to.email"),
]


async def test_bad_input_is_refused_by_name(up: Up) -> None:
    for fields, field in BAD:
        answer = await up.send(**fields)
        assert (answer["http"], answer["field"]) == (422, field), fields


async def test_a_field_that_is_missing_or_unknown_is_named_in_plain_words(up: Up) -> None:
    good = {"stream": "bulk", "from": "us@example.com", "to": "a@example.net", "text": "x"}
    right = good | {"subject": "x"}
    late = right | {"expires_at": "2020-01-01T00:00:00Z"}
    cases: list[tuple[dict[str, object], str, str]] = [
        (good, "subject", "`subject` is missing"),
        (right | {"subjct": 1}, "subjct", "there is no field `subjct` here"),
        (
            {"messages": [right, good], "all_or_none": True},
            "messages[1].subject",
            "`subject` is missing",
        ),
        ({"messages": [right], "stream": "bulk"}, "stream", "there is no field `stream` here"),
        (
            {"messages": [right, late], "all_or_none": True},
            "messages[1].expires_at",
            "this time is past",
        ),
        (right | {"to": "Ada <a@example.net>"}, "to", "say it as {"),
        (right | {"from": "Shop <hello@example.com>"}, "from", "say it as {"),
        (right | {"cc": ["b@example.net", "B <b@example.net>"]}, "cc[1]", "say it as {"),
        (
            {"messages": [right | {"to": "a@example.net, b@example.net"}], "all_or_none": True},
            "messages[0].to",
            "say several as [",
        ),
        (right | {"subject": "a\nBcc: b@example.net"}, "subject", "a line break, a tab or"),
        (
            right | {"headers": {"Message-ID": "<a@b>"}},
            "headers.Message-ID",
            "this one has a field",
        ),
        (right | {"headers": {"X-Long": "x" * 901}}, "headers.X-Long", "more than 900 characters"),
    ]
    for body, field, words in cases:
        async with up.session.post(
            f"{up.url}/v1/messages", json=body, headers=up.bearer()
        ) as reply:
            problem = await reply.json(content_type=None)
            assert (reply.status, problem["field"]) == (422, field), body
            assert problem["detail"].startswith(words)
    async with up.session.get(f"{up.url}/mailbox") as page:
        assert "a@example.net" not in await page.text()


async def test_doors_that_need_a_key_and_names_that_are_not_ours(up: Up) -> None:
    for headers in ({}, {"Authorization": "Bearer mk_guess"}):
        async with up.session.post(
            f"{up.url}/v1/messages", json={"stream": "alert"}, headers=headers
        ) as reply:
            assert reply.status in {401, 422}
    async with up.session.get(f"{up.url}/mailbox", headers={"Host": "evil.example"}) as reply:
        assert reply.status == 400


@cold
async def test_what_was_acknowledged_survives_a_kill(up: Up, tmp_path: Path) -> None:
    """Both providers hang; the process is killed; after a restart every mail arrives."""
    for provider in ("mandrill", "postmark"):
        await up.fault(provider, hang=True)
    sent = [(await up.send(to=f"user{n}@example.net", stream="bulk"))["id"] for n in range(10)]
    up.process.kill()
    await up.process.wait()
    up.process, command, _ = await start(up.home, COLD)
    url, key = command[2].removesuffix("/v1/messages"), command[4].split()[-1]
    assert key == up.key, "what was set up with the key goes on"
    async with aiohttp.ClientSession() as session:
        await ready(session, url)
        up.url, up.session = url, session
        for message in sent:
            await up.until(message, "delivered")


async def test_a_key_that_was_revoked_is_good_at_no_other_start(up: Up) -> None:
    keys = (warm.mailkeep(), "keys", "revoke", "development", "--home", str(up.home))
    revoking = await asyncio.create_subprocess_exec(*keys, stdout=asyncio.subprocess.DEVNULL)
    assert await revoking.wait() == 0
    up.process.terminate()
    await up.process.wait()
    up.process, command, _ = await start(up.home)
    assert command[4].split()[-1] != up.key


async def test_a_second_process_on_one_home_is_refused(up: Up) -> None:
    process = await asyncio.create_subprocess_exec(
        warm.mailkeep(),
        *("up", "--dev", "--port", "0", "--smtp-port", "0", "--home", str(up.home)),
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.PIPE,
    )
    _, said = await asyncio.wait_for(process.communicate(), READY_SECONDS)
    assert process.returncode == 2
    assert b"another Mailkeep runs" in said


@pytest.mark.parametrize("option", ["--port", "--smtp-port"])
async def test_a_port_that_somebody_listens_on_is_said(tmp_path: Path, option: str) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        ports = {"--port": "0", "--smtp-port": "0", option: str(taken.getsockname()[1])}
        process = await asyncio.create_subprocess_exec(
            warm.mailkeep(),
            *("up", "--dev", "--home", str(tmp_path)),
            *(word for pair in ports.items() for word in pair),
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.PIPE,
        )
        _, said = await asyncio.wait_for(process.communicate(), READY_SECONDS)
    assert process.returncode == 2
    assert f"say another with {option}".encode() in said


async def test_no_secret_body_is_left_in_the_files(up: Up) -> None:
    planted = "PLANTED-7f3a9c"
    sent = await up.send(stream="recovery", text=f"code {planted}")
    await up.until(sent["id"], "delivered")
    files = [path for path in up.home.rglob("*") if path.is_file()]
    assert files
    # The mailbox is a stranger's: it holds what was delivered, and exists in development only.
    with sqlite3.connect(up.home / "mailkeep.db") as database:
        database.execute("DELETE FROM caught_mail")
    with sqlite3.connect(up.home / "mailkeep.db") as database:
        rows = [
            str(row)
            for (table,) in database.execute("SELECT name FROM sqlite_master WHERE type='table'")
            for row in database.execute(f'SELECT * FROM "{table}"')
        ]
    assert rows
    assert not [row for row in rows if planted in row]


@pytest.mark.skipif(CHROMIUM is None, reason="needs Debian's chromium: make deps")
async def test_mail_appears_by_itself_and_nothing_is_inaccessible(up: Up) -> None:
    from axe_playwright_python.async_playwright import Axe
    from playwright.async_api import async_playwright, expect

    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(
            executable_path=CHROMIUM,
            args=["--no-sandbox", "--disable-gpu", "--disable-background-networking"],
        )
        page = await browser.new_page(viewport={"width": 390, "height": 760})
        await page.goto(f"{up.url}/mailbox")
        await expect(page.get_by_text("Live: new mail appears by itself.")).to_be_visible()
        await up.send(subject="Look", html="<p>hi<script>document.title='run'</script></p>")
        await page.get_by_role("link", name="Look").click()
        await expect(page.get_by_role("heading", name="Look")).to_be_visible()
        assert await page.title() == "Look · Mailkeep"
        for path in ("/mailbox", page.url.removeprefix(up.url)):
            await page.goto(f"{up.url}{path}")
            found = await Axe().run(page)
            assert found.violations_count == 0, found.generate_report()
        await browser.close()
