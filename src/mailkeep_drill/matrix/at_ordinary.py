"""The same attacker at a stock django-allauth site with one mail provider."""

from typing import ClassVar

from mailkeep_drill.browser import Browser
from mailkeep_drill.systems import ordinary

from .eyes import Loot
from .thief import Thief


class OrdinaryThief(Thief):
    """See the module."""

    settings: ClassVar[tuple[str, ...]] = ("/accounts/password/change/", "/accounts/email/")

    async def ask(self, address: str) -> None:
        """See `Thief.ask`."""
        await ordinary.submit(self.browser, ordinary.RESET, {"email": address})

    async def use(self, loot: Loot) -> bool:
        """See `Thief.use`: one link is all it takes."""
        for path in reversed(loot.paths):
            if ordinary.RESET in path and await ordinary.set_password(
                self.browser, path, self.password
            ):
                self.how = "opened the one link that a reset sends"
                return True
        return False

    async def enter(self, address: str, password: str) -> bool:
        """See `Thief.enter`."""
        page = await ordinary.submit(
            self.browser, ordinary.SIGN_IN, {"login": address, "password": password}
        )
        if page.status == 302 and page.path == ordinary.FACTOR:
            self.how = "had a password that opens; the second factor stopped the sign-in"
            form = await self.relayed("", "code")
            if not form:
                return False
            await ordinary.submit(self.browser, ordinary.FACTOR, form)
        return await self.inside(self.browser)

    async def inside(self, browser: Browser) -> bool:
        """See `Thief.inside`."""
        return 'data-signed-in="yes"' in (await browser.get("/")).text
