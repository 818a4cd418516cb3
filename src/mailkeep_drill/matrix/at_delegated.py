"""The attacker at a site that keeps its accounts itself and lets Mailkeep recover them."""

from contextlib import suppress
from typing import Any, ClassVar

from mailkeep_drill.browser import Browser
from mailkeep_drill.systems import delegated
from mailkeep_drill.systems.base import Failed

from .at_mailkeep import show
from .at_ordinary import OrdinaryThief
from .eyes import Loot


class DelegatedThief(OrdinaryThief):
    """See the module: signs in at the site, and shows proofs at Mailkeep in the same browser."""

    proofs: ClassVar[frozenset[str]] = frozenset({"/recover/proof"})

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self._agreed: set[str] = set()

    async def ask(self, address: str) -> None:
        """See `Thief.ask`."""
        with suppress(Failed):
            there = await delegated.send(self.browser, address)
            self.mails_lead_to = there.base

    async def use(self, loot: Loot) -> bool:
        """See `Thief.use`."""
        there = Browser(self.mails_lead_to, self.source)
        there.cookies = self.browser.cookies
        if self.planted:
            await self._agree(there, loot)
        state, self.how = await show(there, loot, self.proofs, self.how)
        if state != "both":
            return False
        page = await self.browser.follow(await there.post("/recover/finish", {}))
        asked = delegated.asks_factor(page)
        code = (await self.relayed("", "factor")).get("factor", "") if asked else ""
        if await delegated.choose(self.browser, page, self.password, code):
            self.how = "gave both proofs" + (" and the site's own factor, relayed" if asked else "")
            return True
        if asked:
            self.how = "had both proofs; the site's own factor stopped them"
        return False

    async def _agree(self, there: Browser, loot: Loot) -> None:
        """Say in the owner's place, out of every mail that is seen, that they want the address."""
        for path, secret in loot.links:
            if path == "/change" and secret not in self._agreed:
                self._agreed.add(secret)
                await there.post(path, {"secret": secret, "answer": "mine"})

    async def held(self) -> bool:
        """See `Thief.held`: what is registered anew is held as well."""
        return True
