"""The matrix's attacker: uses every capability again and again until nothing new is gained."""

import asyncio
from abc import ABC, abstractmethod
from typing import ClassVar

from mailkeep_drill.browser import Browser

from .eyes import Eyes, Loot
from .forms import Form, forms
from .victims import Victim
from .words import Can

TURNS = 3  #: requests for a reset: the routes of link and code are drawn anew in each
READING = 5.0  #: seconds that mail is waited for after each
WAITS = (
    10  #: times that a hold is outlasted: it begins when its notices have left, which takes a while
)
SWEPT = 65.0  #: seconds: once a minute Mailkeep looks for changes that were held long enough
_PAUSE = 0.5
_CODE = "123456"  #: typed where a code is asked for that they do not have
HELD = "gave both proofs and was held"  #: ``how``, while a recovery waits
_ENDS = ("end", "logout", "sign-out")  #: forms that would only throw them out


class Thief(ABC):
    """One attacker at work on one account. A system's subclass knows its pages.

    Attributes:
        mails_lead_to: the site that links in security mails lead to.
        planted: an address of the attacker's own may have come to stand for the owner's.
        proofs: pages whose links prove something, and are used rather than pressed.
        settings: pages that change an account.
        how: the last step that counted, in words.

    Args:
        url: of the site.
        victim: whose account it is; what a capability gives of it is in it.
        source: where the attacker comes from.
        password: what they would set.
        outlast: seconds to wait where an account or a recovery is held.
    """

    proofs: ClassVar[frozenset[str]] = frozenset()
    settings: ClassVar[tuple[str, ...]] = ()

    def __init__(
        self,
        can: frozenset[Can],
        eyes: Eyes,
        victim: Victim,
        url: str,
        source: str,
        password: str,
        outlast: float,
    ) -> None:
        self.can = can
        self.eyes = eyes
        self.victim = victim
        self.browser = Browser(url, source)
        self.url, self.source = url, source
        self.password = password
        self.outlast = outlast
        self.mails_lead_to = url
        self.how = "nothing of theirs opened anything"
        self.mailbox = f"thief-{victim.customer.person.number}@elsewhere.example"
        self.planted = False
        self._pressed: set[str] = set()

    async def attack(self) -> bool:
        """Everything; whether the account is theirs."""
        address = self.victim.address
        if Can.PASSWORD in self.can and await self.enter(address, self.victim.customer.password):
            self.how = "signed in with the owner's password"
            return True
        if Can.SESSION in self.can and await self._dig_in():
            return True
        for turn in range(TURNS):
            await self.ask(self.mailbox if self.planted and turn else address)
            if await self._work(READING):
                return True
            if turn == 0 and await self._outlasted():
                return True
        return False

    async def harass(self) -> None:
        """What goes on while the owner tries to get back in: press what there is to press."""
        await self._press(await self.eyes.look(*self.victim.addresses))

    def stolen(self) -> Browser:
        """A browser with the cookies of the owner's session."""
        browser = Browser(self.url, self.source)
        browser.cookies = dict(self.victim.stolen)
        return browser

    async def relayed(self, ask: str, field: str) -> dict[str, str]:
        """What the owner gives of their second factor on a false page, for a form of ours."""
        if Can.RELAY not in self.can:
            return {}
        return await self.victim.guard.relayed(self.browser, ask, field)

    async def _work(self, seconds: float) -> bool:
        """Use what is seen as it comes, for so long."""
        loop = asyncio.get_running_loop()
        until, known = loop.time() + seconds, -1
        while loop.time() < until:
            loot = await self._seen()
            if len(loot) > known:
                known = len(loot)
                if await self.use(loot) and await self.enter(self.victim.address, self.password):
                    return True
                await self._press(loot)
            await asyncio.sleep(_PAUSE)
        return False

    async def _seen(self) -> Loot:
        loot = await self.eyes.look(*self.victim.addresses)
        if self.planted:
            loot.merge(await self.eyes.own(self.mailbox))
        return loot

    async def _outlasted(self) -> bool:
        """Wait as long as anything is held, and use what there is once more."""
        if not await self.held():
            return False
        for _ in range(WAITS):
            await asyncio.sleep(SWEPT if self.planted else self.outlast)
            loot = await self._seen()
            if await self.use(loot) and await self.enter(self.victim.address, self.password):
                return True
            if self.how != HELD:
                break
        return False

    async def _dig_in(self) -> bool:
        """Make a stolen session last: send every form of the account's pages with what is known,
        take an address of their own as far as it goes, and ask for a reset at it."""
        browser = self.stolen()
        if not await self.inside(browser):
            return False
        self.how = "used the session; nothing of it lasted"
        for path in self.settings:
            for form in forms((await browser.get(path)).text):
                answer = await self._send(browser, path, form)
                for following in forms(answer):
                    await self._send(browser, path, following)
        await asyncio.sleep(READING / 2)
        mine = await self.eyes.own(self.mailbox)
        for path in [*mine.paths, *(path for path, _ in mine.links)]:
            for form in forms((await browser.get(path)).text):
                await self._send(browser, path, form)
        await self.ask(self.mailbox)
        await asyncio.sleep(READING / 2)
        if await self.use(await self.eyes.own(self.mailbox)) and await self.enter(
            self.mailbox, self.password
        ):
            self.how = "added an address of their own and reset the password there"
            return True
        if await self.enter(self.victim.address, self.password):
            self.how = "changed the password out of the session"
            return True
        return False

    async def _send(self, browser: Browser, path: str, form: Form) -> str:
        if form.method != "post" or any(end in form.action for end in _ENDS):
            return ""
        known = self.victim.customer.password if Can.PASSWORD in self.can else self.password
        fields = form.filled(known, self.password, mail=self.mailbox, text=_CODE)
        return (await browser.follow(await browser.post(form.action or path, fields))).text

    async def _press(self, loot: Loot) -> None:
        """Send the form of every link that is no proof, with its secret, as a denial is."""
        if Can.DENIALS not in self.can:
            return
        for path, secret in loot.links:
            if secret in self._pressed or path in self.proofs:
                continue
            self._pressed.add(secret)
            browser = Browser(self.mails_lead_to, self.source)
            for form in forms((await browser.get(path)).text):
                if form.method == "post":
                    await browser.post(form.action or path, form.filled("", "", text=secret))

    @abstractmethod
    async def ask(self, address: str) -> None:
        """Ask for a reset."""

    @abstractmethod
    async def use(self, loot: Loot) -> bool:
        """Try everything seen; True when a password of theirs was written."""

    @abstractmethod
    async def enter(self, address: str, password: str) -> bool:
        """Sign in anew, with what else they have; True when that opened the account."""

    @abstractmethod
    async def inside(self, browser: Browser) -> bool:
        """Whether a browser is signed in."""

    async def held(self) -> bool:
        """Whether waiting may help."""
        return False
