"""A stock allauth site that keeps its accounts itself and lets a Mailkeep recover them."""

import asyncio
from contextlib import AsyncExitStack
from pathlib import Path
from urllib.parse import urlsplit

from mailkeep_drill.browser import Browser, Page
from mailkeep_drill.cast import Customer
from mailkeep_drill.processes import Child, free_port

from .base import Failed, Reset
from .mailkeep import Mailkeep
from .ordinary import RESET, Ordinary

CHOOSE = "/accounts/mailkeep/choose/"


class Delegated(Ordinary):
    """See the module. Signing up and in, and its second factor, are allauth's own.

    Args:
        mailkeep: runs already; carries the site's mail, too.
    """

    def __init__(self, mailkeep: Mailkeep, home: Path) -> None:
        super().__init__(mailkeep.key, "A site of its own", mailkeep.mailboxes, "", home)
        self.mailkeep = mailkeep
        self.providers = mailkeep.providers
        self.key_of_application = ""
        self._site = AsyncExitStack()

    async def start(self) -> None:
        """Register it, then serve it."""
        home = self._home / "site"
        home.mkdir()
        port = free_port()
        url = f"http://127.0.0.1:{port}"
        client = await self.mailkeep.new_application("Site", url)
        self.key_of_application = client[2]
        site = Child(
            "mailkeep_drill.site",
            f"--home={home}",
            f"--port={port}",
            f"--issuer={self.mailkeep.url}",
            f"--client={','.join(client)}",
            f"--key={await self.mailkeep.new_key('send')}",
            f"--token={self._token}",
            log=self._home / "site.log",
        )
        await self._site.enter_async_context(site)
        self.url = site.ready["url"]

    async def stop(self) -> None:
        """End the site; the Mailkeep goes on."""
        await self._site.aclose()

    async def reset(self, customer: Customer, password: str, patience: float) -> Reset:
        """See `System.reset`: to Mailkeep and its two mails, and back to choose a password."""
        address, browser = customer.address, self.window(customer)
        seen = await self.mailboxes.last(address)
        until = asyncio.get_running_loop().time() + patience
        there = await send(browser, address)
        shown = await self.mailkeep.prove(there, address, seen, until)
        if shown is not Reset.DONE:
            return shown
        page = await browser.follow(await there.post("/recover/finish", {}))
        if not await choose(browser, page, password, await self._code(customer, page)):
            return Reset.FAILED
        customer.password = password
        return Reset.DONE

    async def _code(self, customer: Customer, page: Page) -> str:
        if not asks_factor(page) or customer.authenticator is None:
            return ""
        return await customer.authenticator.code()


async def send(browser: Browser, address: str) -> Browser:
    """Go from the site to Mailkeep and ask there; the same browser, as it is at Mailkeep.

    Raises:
        Failed: it was not sent on.
    """
    page = await browser.follow(await browser.get(RESET))
    if page.path != "/oauth/authorize" or page.status != 200:
        raise Failed(f"the reset of the site led to {page.path}: {page.status}")
    split = urlsplit(page.url)
    there = Browser(f"{split.scheme}://{split.netloc}", browser.source)
    there.cookies = browser.cookies
    asked = await there.post("/oauth/authorize", {**page.hidden, "address": address})
    if asked.status != 303:
        raise Failed(f"Mailkeep did not take the address: {asked.status}")
    return there


def asks_factor(page: Page) -> bool:
    """Whether the site asks for its own second factor beside the new password."""
    return 'name="factor"' in page.text


async def choose(browser: Browser, page: Page, password: str, factor: str) -> bool:
    """Choose a password on the page that a verdict opened; whether it was written."""
    if page.path != CHOOSE or page.status != 200:
        return False
    form = {**page.hidden, "new_password1": password, "new_password2": password}
    form |= {"factor": factor} if factor else {}
    return (await browser.post(page.url, form)).status == 302
