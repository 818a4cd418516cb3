"""A customer at the account pages: a client with cookies, and eyes for the development mailbox."""

import asyncio
import re
from types import TracebackType
from typing import Self

import aiohttp
import pyotp
from yarl import URL

PASSWORD = "violet-harbour-undoes-kettles"


class Visitor:
    """One browser without scripts."""

    def __init__(self, url: str) -> None:
        self.url = url
        # Browsers keep Secure cookies on loopback too; this client must be told.
        jar = aiohttp.CookieJar(treat_as_secure_origin=URL(url))
        self._session = aiohttp.ClientSession(cookie_jar=jar)

    async def __aenter__(self) -> Self:
        await self.get("/sign-in")
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self._session.close()

    async def get(self, path: str) -> tuple[int, str]:
        async with self._session.get(f"{self.url}{path}", allow_redirects=False) as reply:
            return reply.status, await reply.text()

    async def post(
        self, path: str, headers: dict[str, str] | None = None, **fields: str
    ) -> tuple[int, str]:
        """(status, where it sends us, or the page)."""
        async with self._session.post(
            f"{self.url}{path}", data=fields or {"_": ""}, headers=headers, allow_redirects=False
        ) as reply:
            return reply.status, reply.headers.get("Location") or await reply.text()

    async def mails(self, address: str) -> list[str]:
        """The sources of an address's mails in the development mailbox, newest first."""
        _, page = await self.get(f"/mailbox?q=to:{address}")
        return [
            (await self.get(f"{path}/source"))[1]
            for path in re.findall(r'href="(/mailbox/cm_\w+)"', page)
        ]

    async def find(self, address: str, pattern: str, skip: int = 0) -> str:
        """Wait for a mail that matches; the match's first group."""
        async with asyncio.timeout(20):
            while True:
                found = [
                    match[1]
                    for mail in await self.mails(address)
                    if (
                        match := re.search(
                            pattern, mail.replace("=\r\n", "").replace("=3D", "="), re.MULTILINE
                        )
                    )
                ]
                if len(found) > skip:
                    return found[0]
                await asyncio.sleep(0.1)

    async def join(self, address: str, password: str = PASSWORD) -> None:
        """Sign up and confirm."""
        assert await self.post("/sign-up", address=address, password=password) == (
            303,
            "/sign-up/confirm",
        )
        code = await self.find(address, r"^Code: (\S{9})")
        assert await self.post("/sign-up/confirm", code=code) == (303, "/sign-in")

    async def enter(self, address: str, password: str = PASSWORD) -> tuple[int, str]:
        return await self.post("/sign-in", address=address, password=password)

    async def bind(self, password: str = PASSWORD) -> pyotp.TOTP:
        """Add an authenticator app to the account that is signed in."""
        status, page = await self.post("/account/totp", current=password)
        assert status == 200, page
        secret = re.search(r'id="secret"[^>]*>([A-Z2-7]+)<', page)
        factor = re.search(r'name="factor" value="(\w+)"', page)
        assert secret is not None
        assert factor is not None
        app = pyotp.TOTP(secret[1])
        assert (await self.post("/account/totp/confirm", factor=factor[1], code=app.now()))[
            0
        ] == 303
        return app

    async def proofs(self, address: str, skip: int = 0) -> tuple[str, str]:
        """(the secret of the link, the short code), from the newest mails."""
        link = await self.find(address, r"/recover/proof#([0-9A-Z]{26})", skip)
        code = await self.find(address, r"^Code: (\S{9})\s*\r?\n(?=[\s\S]*deny)", skip)
        return link, code
