"""Real processes: a mail server and the stand-ins, and a receiver for their webhooks."""

import asyncio
import json
import secrets
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field

import aiohttp
import pytest
from aiohttp import web

KEY = "md-abcDEFghiJKLmnoPQRstu1"
HOOK_KEY = "UHeOnTqMBMGqAEMadhA6xQ"
HOOK_AUTH = "hook-user:5f2c0c7e1b8d4f6aa3b9"
WITHIN = 15.0


class Process:
    """One process of the drill, up to the end of its standard input."""

    def __init__(self, *arguments: str) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-W", "error", "-m", *arguments, "--exit-with-stdin"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self.ready = json.loads(self.process.stdout.readline())

    def __enter__(self) -> dict[str, str]:
        return self.ready

    def __exit__(self, *_exc: object) -> None:
        self.process.stdin.close()
        code = self.process.wait(10)
        self.process.stdout.close()
        assert code == 0


@dataclass
class World:
    """Where everything listens, and a client to talk to it."""

    at: dict[str, dict[str, str]]
    http: aiohttp.ClientSession
    key: str = KEY
    address: str = field(default_factory=lambda: f"u{secrets.token_hex(6)}@customer.example")

    async def call(self, method: str, url: str, body: object = None, **headers: str):
        """(status, JSON or text)"""
        async with self.http.request(method, url, json=body, headers=headers) as reply:
            text = await reply.text()
            try:
                return reply.status, json.loads(text)
            except ValueError:
                return reply.status, text

    async def control(self, kind: str, method: str, path: str, body: object = None):
        status, answer = await self.call(method, self.at[kind]["control"] + path, body)
        assert status == 200, answer
        return answer

    async def faults(self, kind: str, **faults: object) -> None:
        """Switch faults for this test's own recipient."""
        scoped = {
            name: {"match": self.address, **(value if isinstance(value, dict) else {})}
            for name, value in faults.items()
        }
        await self.control(kind, "POST", "/faults", scoped)

    async def send(self, kind: str, **fields: object):
        """Send a mail to this test's recipient over the kind's API; returns (status, answer)."""
        base = self.at[kind]["api"]
        if kind == "mandrill":
            message = {
                "from_email": "no-reply@example.com",
                "from_name": "Example",
                "to": [{"email": self.address, "type": "to"}],
                "subject": "Réinitialiser",
                "text": "Go to https://app.example.com/reset#s=1\n",
                "html": '<p><a href="https://app.example.com/reset?a=1&amp;b=2">Go</a></p>',
                "headers": {"X-Mailkeep-Id": "0190c1f2"},
                "metadata": {"mailkeep_id": "0190c1f2"},
            }
            call = {"key": self.key, "message": {**message, **fields}}
            return await self.call("POST", f"{base}/messages/send.json", call)
        message = {
            "From": "Example <no-reply@example.com>",
            "To": self.address,
            "Subject": "Réinitialiser",
            "TextBody": "Go to https://app.example.com/reset#s=1\n",
            "HtmlBody": '<p><a href="https://app.example.com/reset?a=1&amp;b=2">Go</a></p>',
            "Headers": [{"Name": "X-Mailkeep-Id", "Value": "0190c1f2"}],
            "Metadata": {"mailkeep_id": "0190c1f2"},
        }
        headers = {"X-Postmark-Server-Token": self.key}
        return await self.call("POST", f"{base}/email", {**message, **fields}, **headers)

    async def mails(self, count: int = 1, address: str = "", wait: float = WITHIN):
        """What arrived for a recipient, once there are so many."""
        url = f"{self.at['mailhost']['http']}/mailboxes/{address or self.address}"
        found: list[dict] = []
        while len(found) < count:
            after = found[-1]["n"] if found else 0
            status, answer = await self.call("GET", f"{url}?after={after}&wait={wait}&raw=1")
            assert status == 200, answer
            if not answer["mails"]:
                break
            found += answer["mails"]
        return found


class Hooks:
    """Receives webhooks; `status` is what it answers, in turn and the last one from then on."""

    def __init__(self) -> None:
        self.url = ""
        self.statuses = [200]
        self.queue: asyncio.Queue[tuple[str, dict[str, str], str]] = asyncio.Queue()

    async def handle(self, request: web.Request) -> web.Response:
        body = await request.text()
        if request.method == "POST" and body != "mandrill_events=%5B%5D":
            self.queue.put_nowait((str(request.url), dict(request.headers), body))
        status = self.statuses.pop(0) if len(self.statuses) > 1 else self.statuses[0]
        return web.Response(status=status)

    async def next(self, about: str) -> tuple[dict[str, str], str]:
        """The next webhook that speaks of an address: (headers, body)."""
        async with asyncio.timeout(WITHIN):
            while True:
                _, headers, body = await self.queue.get()
                if about.partition("@")[0] in body:
                    return headers, body


@pytest.fixture(scope="session")
def processes() -> Iterator[dict[str, dict[str, str]]]:
    with ExitStack() as stack:
        mailhost = stack.enter_context(Process("mailkeep_drill.mailhost"))
        deliver = ("--deliver", mailhost["smtp"], "--key", KEY)
        standin = "mailkeep_drill.standins"
        yield {
            "mailhost": mailhost,
            "mandrill": stack.enter_context(
                Process(standin, "mandrill", *deliver, "--webhook-key", HOOK_KEY)
            ),
            "postmark": stack.enter_context(
                Process(standin, "postmark", *deliver, "--webhook-key", HOOK_AUTH)
            ),
            "smtp": stack.enter_context(Process(standin, "smtp", "--deliver", mailhost["smtp"])),
        }


@pytest.fixture
def other_mailhost() -> Iterator[dict[str, str]]:
    with Process("mailkeep_drill.mailhost") as ready:
        yield ready


@pytest.fixture
async def world(processes: dict[str, dict[str, str]]) -> AsyncIterator[World]:
    async with aiohttp.ClientSession() as session:
        world = World(processes, session)
        yield world
        for kind in ("mandrill", "postmark", "smtp"):
            await world.control(kind, "DELETE", "/faults")
            await world.control(kind, "POST", "/config", {"webhook_url": ""})
        await world.call("POST", f"{processes['mailhost']['http']}/config", {"refuse": []})


@pytest.fixture
async def hooks(world: World) -> AsyncIterator[Hooks]:
    hooks = Hooks()
    app = web.Application()
    app.router.add_route("*", "/hooks/{name}", hooks.handle)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.2)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    hooks.url = f"http://127.0.0.1:{runner.addresses[0][1]}/hooks/one"
    for kind in ("mandrill", "postmark"):
        await world.control(kind, "POST", "/config", {"webhook_url": hooks.url})
    yield hooks
    await runner.cleanup()


@pytest.fixture
def oracle(processes: dict[str, dict[str, str]]):
    """django-anymail in a process of its own: sends mail, or reads webhooks."""

    def run(**task: object):
        from pathlib import Path

        script = Path(__file__).with_name("anymail_process.py")
        done = subprocess.run(
            [sys.executable, str(script)],
            input=json.dumps(task),
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    return run
