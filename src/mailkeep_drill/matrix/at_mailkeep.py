"""The attacker at Mailkeep's pages."""

import re
from typing import ClassVar

from mailkeep_drill.browser import Browser

from .eyes import Loot
from .thief import HELD, Thief

_STATE = re.compile(r'data-state="(\w+)"')
_HELD = re.compile(r'data-held="')


class MailkeepThief(Thief):
    """See the module. One browser does it all: a proof counts in the browser that shows it."""

    proofs: ClassVar[frozenset[str]] = frozenset({"/recover/proof"})
    settings: ClassVar[tuple[str, ...]] = ("/account", "/account/addresses", "/account/factors")

    async def ask(self, address: str) -> None:
        """See `Thief.ask`."""
        await self.browser.get("/recover")
        await self.browser.post("/recover", {"address": address})

    async def use(self, loot: Loot) -> bool:
        """See `Thief.use`: links first, since a code counts beside its link only."""
        state, self.how = await show(self.browser, loot, self.proofs, self.how)
        if state == "none":
            return False
        form = {"password": self.password}
        relayed = await self.relayed("/recover/factor/ask", "factor") if state == "both" else {}
        form |= relayed
        page = await self.browser.post("/recover/finish", form)
        if page.status == 303:
            self.how = "gave both proofs" + (
                f" and {self.victim.guard.name}, relayed" if relayed else ""
            )
            return True
        if state == "both" and page.status == 401:
            self.how = "had both proofs; the second factor stopped them"
        return False

    async def enter(self, address: str, password: str) -> bool:
        """See `Thief.enter`."""
        page = await self.browser.post("/sign-in", {"address": address, "password": password})
        if page.status != 303:
            return False
        if page.path == "/sign-in/factor":
            self.how = "had the password; the second factor stopped them"
            form = await self.relayed("/sign-in/factor/ask", "code")
            await self.browser.post("/sign-in/factor", form)
        return await self.inside(self.browser)

    async def inside(self, browser: Browser) -> bool:
        """See `Thief.inside`."""
        return (await browser.get("/account")).status == 200

    async def held(self) -> bool:
        """See `Thief.held`."""
        return bool(_HELD.search((await self.browser.get("/recover/proof")).text))


async def show(browser: Browser, loot: Loot, proofs: frozenset[str], how: str) -> tuple[str, str]:
    """Show Mailkeep all that may be a proof; how far that led, as its page and in words.

    Args:
        proofs: pages whose links prove something.
        how: the words for nothing new.
    """
    for path, secret in reversed(loot.links):
        if path in proofs:
            await browser.post("/recover/proof", {"long": secret})
    for code in reversed(loot.codes):
        await browser.post("/recover/proof", {"code": code})
    found = _STATE.search((await browser.get("/recover/proof")).text)
    state = found[1] if found else "none"
    words = {
        "none": how,
        "link": "had the link; the code went another way",
        "code": "had the code; the link went another way",
        "held": HELD,
    }
    return state, words.get(state, "had both proofs")
