"""The ordinary set-up: a stock django-allauth site with one mail provider."""

import asyncio
import re
import secrets
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any, ClassVar, Literal

import aiohttp

from mailkeep_drill.browser import Browser, Page
from mailkeep_drill.cast import Authenticator, Customer
from mailkeep_drill.mailboxes import Mailboxes
from mailkeep_drill.processes import Child
from mailkeep_drill.record import Attempt

from .base import READING, Clock, Failed, Reset, Robbery, Said, SignIn, System
from .providers import Provider

_SIGN_UP = "/accounts/signup/"
SIGN_IN = "/accounts/login/"
RESET = "/accounts/password/reset/"
FACTOR = "/accounts/2fa/authenticate/"
_AGAIN = "/accounts/reauthenticate/"
_TOTP = "/accounts/2fa/totp/activate/"
_CONFIRM_LINK = re.compile(r"https?://\S+?(/accounts/confirm-email/[^\s/]+/)")
_RESET_LINK = re.compile(r"https?://\S+?(/accounts/password/reset/key/[^\s/]+/)")
_SECRET = re.compile(r'id="authenticator_secret"[^>]*?value="([A-Z2-7]+)"', re.DOTALL)
_SECRET_BEFORE = re.compile(r'value="([A-Z2-7]{16,})"[^>]*?id="authenticator_secret"', re.DOTALL)


class Ordinary(System):
    """See the module."""

    kind: ClassVar[Literal["ordinary", "mailkeep"]] = "ordinary"

    def __init__(
        self, key: str, title: str, mailboxes: Mailboxes, deliver: str, home: Path
    ) -> None:
        super().__init__(key, title, mailboxes)
        self._deliver = deliver
        self._home = home
        self._token = secrets.token_urlsafe(24)
        self._stack = AsyncExitStack()
        self._http: aiohttp.ClientSession | None = None

    async def start(self) -> None:
        """The provider, then the site."""
        log = self._home / "site.log"
        provider = Provider("A", "mandrill", self._deliver, self._home / "a.log")
        self.providers["A"] = await self._stack.enter_async_context(provider)
        site = Child(
            "mailkeep_drill.site",
            f"--home={self._home}",
            f"--api={provider.api}",
            f"--key={provider.key}",
            f"--token={self._token}",
            log=log,
        )
        await self._stack.enter_async_context(site)
        self.url = site.ready["url"]
        self.versions = site.ready["versions"]
        self.changed = site.ready["changed"]
        self._http = await self._stack.enter_async_context(
            aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=30))
        )

    async def stop(self) -> None:
        """End the site, then its provider."""
        await self._stack.aclose()

    # Customers.

    async def sign_up(self, customer: Customer) -> None:
        """See `System.sign_up`."""
        browser, address = customer.browser, customer.address
        form = {"email": address, "password1": customer.password, "password2": customer.password}
        page = await submit(browser, _SIGN_UP, form)
        if page.status != 302:
            raise Failed(f"sign-up of {address}: {page.status}")
        letter = await self.mailboxes.find(
            address, lambda mail: _CONFIRM_LINK.search(mail.text) is not None, 60.0
        )
        found = _CONFIRM_LINK.search(letter.text) if letter else None
        if found is None:
            raise Failed(f"no confirmation came for {address}")
        await submit(browser, found[1], {})
        if await self.sign_in(browser, address, customer.password, None) is not SignIn.IN:
            raise Failed(f"first sign-in of {address}")
        if customer.person.totp:
            await self._bind(customer)

    async def _bind(self, customer: Customer) -> None:
        browser = customer.browser
        page = await browser.get(_TOTP)
        if page.path == _AGAIN:  # signed in by the confirmation alone: the password is asked for
            await submit(browser, page.location, {"password": customer.password})
            page = await browser.get(_TOTP)
        found = _SECRET.search(page.text) or _SECRET_BEFORE.search(page.text)
        if found is None:
            raise Failed(
                f"no authenticator secret for {customer.address}: {page.status} {page.path}"
            )
        customer.authenticator = Authenticator(found[1])
        for _ in range(2):
            form = {**page.hidden, "code": await customer.authenticator.code()}
            if (await browser.post(_TOTP, form)).status == 302:
                return
        raise Failed(f"authenticator of {customer.address} was refused")

    async def sign_in(
        self, browser: Browser, address: str, password: str, authenticator: Authenticator | None
    ) -> SignIn:
        """See `System.sign_in`."""
        page = await submit(browser, SIGN_IN, {"login": address, "password": password})
        if page.status == 429:
            return SignIn.LIMITED
        if page.status != 302:
            return SignIn.REFUSED
        if page.path != FACTOR:
            home = await browser.get("/")
            return SignIn.IN if 'data-signed-in="yes"' in home.text else SignIn.REFUSED
        if authenticator is None:
            return SignIn.FACTOR
        for _ in range(2):
            page = await submit(browser, FACTOR, {"code": await authenticator.code()})
            if page.status == 302 and page.path != SIGN_IN:
                return SignIn.IN
        return SignIn.FACTOR

    async def reset(self, customer: Customer, password: str, patience: float) -> Reset:
        """See `System.reset`."""
        address, browser = customer.address, self.window(customer)
        seen = await self.mailboxes.last(address)
        if (await submit(browser, RESET, {"email": address})).status != 302:
            return Reset.FAILED
        letter = await self.mailboxes.find(
            address, lambda mail: _RESET_LINK.search(mail.text) is not None, patience, seen
        )
        found = _RESET_LINK.search(letter.text) if letter else None
        if found is None:
            return Reset.FAILED
        await asyncio.sleep(READING)
        if not await set_password(browser, found[1], password):
            return Reset.FAILED
        customer.password = password
        return Reset.DONE

    async def deny(self, customer: Customer, patience: float) -> str:
        """The mail has no such link."""
        letter = await self.mailboxes.find(
            customer.address, lambda mail: _RESET_LINK.search(mail.text) is not None, patience
        )
        if letter is None:
            return "no reset mail came that could be denied"
        return "the mail says it can be ignored and has no way to object; support opens a ticket"

    # Mail.

    async def send(self, alert: str, to: str, subject: str, text: str) -> bool:
        """Through the site, as its application would."""
        del alert  # nothing here knows a mail that it has seen before
        if self._http is None:
            return False
        async with self._http.post(
            f"{self.url}/drill/send",
            json={"to": to, "subject": subject, "text": text},
            headers={"Authorization": f"Bearer {self._token}"},
        ) as reply:
            return reply.status == 200

    # The thief.

    def robbery(
        self, attempt: Attempt, source: str, password: str, clock: Clock, say: Said
    ) -> Robbery:
        """See `System.robbery`."""
        return _Robbery(self, attempt, Browser(self.url, source), password, clock, say)


class _Robbery(Robbery):
    """One link is all it takes."""

    def __init__(
        self,
        system: Ordinary,
        attempt: Attempt,
        browser: Browser,
        password: str,
        clock: Clock,
        say: Said,
    ) -> None:
        super().__init__(attempt, browser, password, clock, say)
        self._system = system

    async def ask(self) -> None:
        """Ask for a reset."""
        page = await submit(self.browser, RESET, {"email": self.attempt.address})
        if page.status != 302:
            self.attempt.stopped_by = f"the reset page answered {page.status}"

    async def use(self, mail: dict[str, Any]) -> None:
        """Open the link, set a password, sign in."""
        attempt = self.attempt
        found = _RESET_LINK.search(mail["text"] or "")
        if found is None or attempt.signed_in is not None:
            return
        attempt.read += 1
        if not await set_password(self.browser, found[1], self.password):
            attempt.stopped_by = "the link was not taken"
            return
        attempt.taken += 1
        attempt.changed = self.clock()
        attempt.stopped_by = ""
        self.say(f"password of {attempt.address} replaced by the thief")
        outcome = await self._system.sign_in(self.browser, attempt.address, self.password, None)
        if outcome is SignIn.IN:
            attempt.signed_in = self.clock()
            self.say(f"thief signed in as {attempt.address}")
        else:
            attempt.stopped_by = (
                "the second factor at sign-in, after the password was already written"
                if outcome is SignIn.FACTOR
                else f"sign-in {outcome.value}"
            )

    async def finish(self) -> None:
        """Nothing is left: a link either worked or did not."""


async def set_password(browser: Browser, link: str, password: str) -> bool:
    """Open a reset link and set a password."""
    page = await browser.follow(await browser.get(link))
    if 'name="password1"' not in page.text:
        return False
    form = {**page.hidden, "password1": password, "password2": password}
    return (await browser.post(page.url, form)).status == 302


async def submit(browser: Browser, path: str, form: dict[str, str]) -> Page:
    """Open a page and send its form."""
    page = await browser.get(path)
    if page.location:
        return page
    token = page.hidden.get("csrfmiddlewaretoken", "")
    return await browser.post(path, {"csrfmiddlewaretoken": token, **form})
