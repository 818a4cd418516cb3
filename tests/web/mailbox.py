"""What the tests of the development mailbox share: a browser, and mail that nobody checked."""

import asyncio
import re
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import aiosmtplib
from playwright.async_api import Browser, async_playwright

from .conftest import READY_SECONDS, Up

CHROMIUM = shutil.which("chromium")


@asynccontextmanager
async def browser() -> AsyncIterator[Browser]:
    async with async_playwright() as playwright:
        launched = await playwright.chromium.launch(
            executable_path=CHROMIUM,
            args=["--no-sandbox", "--disable-gpu", "--disable-background-networking"],
        )
        yield launched
        await launched.close()


async def deliver(up: Up, raw: bytes, to: str = "ada@example.net") -> None:
    """Put a mail into the mailbox as it is, by the way that the stand-ins take."""
    async with up.session.get(f"{up.controls['mandrill']}/state") as reply:
        target = (await reply.json())["deliver"]
    host, port = re.findall(r"([\w.]+)\W+(\d+)", target)[-1]
    client = aiosmtplib.SMTP(hostname=host, port=int(port), use_tls=False, start_tls=False)
    async with client:
        await client.sendmail("x@example.com", [to], raw)


async def page(up: Up, path: str) -> str:
    async with up.session.get(f"{up.url}{path}") as reply:
        assert reply.status == 200, path
        return await reply.text()


async def listed(up: Up, query: str = "", count: int = 1) -> list[str]:
    """Wait until a search finds so many mails; their paths, newest first."""
    async with asyncio.timeout(READY_SECONDS):
        while True:
            found = re.findall(r'href="(/mailbox/cm_\w+)"', await page(up, f"/mailbox?q={query}"))
            if len(found) >= count:
                return found
            await asyncio.sleep(0.1)
