"""Mailkeep in production mode: the command as anybody starts it, three providers, its own pages."""

import asyncio
import json
import re
import sys
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any, ClassVar, Literal

import aiohttp

from mailkeep_drill.browser import Browser
from mailkeep_drill.cast import Authenticator, Customer
from mailkeep_drill.mailboxes import Letter, Mailboxes
from mailkeep_drill.processes import Server, free_port, output
from mailkeep_drill.record import Attempt

from . import setup
from .base import READING, Clock, Failed, Reset, Robbery, Said, SignIn, System
from .providers import Provider
from .robbery import LINK, SHORT, MailkeepRobbery

Answer = Callable[[Browser, str, str], Awaitable[dict[str, str]]]
_SECRET = re.compile(r'id="secret"[^>]*>([A-Z2-7]+)<')
_DENIAL = re.compile(r"/deny#([0-9A-Za-z-]+)")
_CONFIRMATION = re.compile(r"^Code: (\S{9})\s*$", re.MULTILINE)
_STATE = re.compile(r'data-state="(\w+)"')
NOTICES = frozenset(
    {"Somebody asked to reset your password", "Your password was reset, perhaps not by you"}
)
STANDBY = "c"
KINDS = {"A": "mandrill", "B": "postmark", "C": "smtp"}


class Mailkeep(System):
    """See the module.

    Args:
        canary: domain of its canaries; the mail server forwards it to `listen`.
        brief: further settings by table, where a run cannot wait for hours.
    """

    kind: ClassVar[Literal["ordinary", "mailkeep"]] = "mailkeep"

    def __init__(
        self,
        key: str,
        title: str,
        mailboxes: Mailboxes,
        deliver: str,
        home: Path,
        canary: str,
        listen: int,
        brief: setup.Tables | None = None,
    ) -> None:
        super().__init__(key, title, mailboxes)
        self._brief = brief or {}
        self._deliver = deliver
        self._home = home
        self.canary = canary
        self._listen = listen
        self._key = ""
        self._second = ""  # the key of the operator who approves
        self._people = 0
        self._command = str(Path(sys.executable).with_name("mailkeep"))
        self._stack = AsyncExitStack()
        self._http: aiohttp.ClientSession | None = None
        self._server: Server | None = None

    async def start(self) -> None:
        """The providers, the settings, a key, then the command."""
        port = free_port()
        self.url = f"http://localhost:{port}"
        for letter, kind in KINDS.items():
            # As its public URL has it: that is what Mandrill signs.
            hook = "" if kind == "smtp" else f"{self.url}/hooks/{letter.lower()}"
            log = self._home / f"{letter.lower()}.log"
            self.providers[letter] = await self._stack.enter_async_context(
                Provider(letter, kind, self._deliver, log, hook)
            )
        home = self._home / "home"
        secrets = self._home / "secrets"
        for directory in (home, secrets):
            directory.mkdir(mode=0o700)
        text = setup.settings(
            self.key, self.url, self.providers, secrets, self.canary, self._listen, self._brief
        )
        (home / "mailkeep.toml").write_text(text)
        command, at = self._command, f"--home={home}"
        self._key = await self.new_key("send", "read", "operate")
        self._second = await self.new_key("operate")
        self.versions = {"mailkeep": (await output([command, "--version"])).split()[-1]}
        self.changed = setup.CHANGED
        self._server = Server(
            [command, "up", at, f"--port={port}"], self._home / "up.log", f"{self.url}/healthz"
        )
        await self._server.start()
        self._stack.push_async_callback(self._server.stop)
        self._http = await self._stack.enter_async_context(
            aiohttp.ClientSession(
                timeout=aiohttp.ClientTimeout(total=30),
                headers={"Authorization": f"Bearer {self._key}"},
            )
        )

    async def new_key(self, *scopes: str) -> str:
        """A new API key, of somebody who has no other."""
        self._people += 1
        owner = f"--owner=operator {self._people}"
        options = [
            owner,
            *(f"--scope={scope}" for scope in scopes),
            f"--home={self._home / 'home'}",
        ]
        return (await output([self._command, "keys", "create", "drill", *options])).strip()

    async def new_application(self, name: str, url: str) -> tuple[str, str, str]:
        """Register a site whose accounts are recovered here: client id, secret, API key."""
        at, back = f"--home={self._home / 'home'}", f"{url}/accounts/mailkeep/back/"
        options = [f"--redirect={back}", f"--start={url}/accounts/mailkeep/start/", "--json", at]
        made = json.loads(await output([self._command, "applications", "add", name, *options]))
        options = ["--scope=recover", f"--application={name}", at]
        key = await output([self._command, "keys", "create", name.lower(), *options])
        return made["client_id"], made["client_secret"], key.strip()

    def bait(self) -> list[str]:
        """The honey accounts' addresses."""
        return [setup.honey_address(letter, self.key) for letter in setup.HONEYED]

    def is_notice(self, letter: Letter) -> bool:
        """Whether a mail tells an owner of an incident."""
        return letter.subject in NOTICES

    async def stop(self) -> None:
        """End it, then its providers."""
        await self._stack.aclose()

    async def kill(self) -> None:
        """SIGKILL, and start it again on the same home."""
        if self._server is not None:
            await self._server.kill()
            await self._server.start()

    def window(self, customer: Customer) -> Browser:
        """A new window keeps what says which browser it is."""
        browser = Browser(self.url, customer.person.source)
        known = customer.browser.cookies.get("__Host-browser")
        if known:
            browser.cookies["__Host-browser"] = known
        return browser

    # Customers.

    async def sign_up(self, customer: Customer) -> None:
        """See `System.sign_up`."""
        browser, address = customer.browser, customer.address
        await browser.get("/sign-up")
        form = {"address": address, "password": customer.password}
        page = await browser.post("/sign-up", form)
        if page.status != 303:
            raise Failed(f"sign-up of {address}: {page.status}")
        code = await self._mailed(address, _CONFIRMATION, 60.0)
        if code is None:
            raise Failed(f"no confirmation came for {address}")
        if (await browser.post("/sign-up/confirm", {"code": code})).status != 303:
            raise Failed(f"confirmation of {address}")
        if await self.sign_in(browser, address, customer.password, None) is not SignIn.IN:
            raise Failed(f"first sign-in of {address}")
        if customer.person.totp:
            await self._bind(customer)

    async def _bind(self, customer: Customer) -> None:
        browser = customer.browser
        page = await browser.post("/account/totp", {"current": customer.password})
        found = _SECRET.search(page.text)
        if found is None:
            raise Failed(f"no authenticator secret for {customer.address}: {page.status}")
        customer.authenticator = Authenticator(found[1])
        for _ in range(2):
            form = {"factor": page.hidden["factor"], "code": await customer.authenticator.code()}
            if (await browser.post("/account/totp/confirm", form)).status == 303:
                return
        raise Failed(f"authenticator of {customer.address} was refused")

    async def sign_in(
        self, browser: Browser, address: str, password: str, authenticator: Authenticator | None
    ) -> SignIn:
        """See `System.sign_in`."""
        page = await browser.post("/sign-in", {"address": address, "password": password})
        if page.status == 429:
            return SignIn.LIMITED
        if page.status != 303:
            return SignIn.REFUSED
        if page.path == "/sign-in/factor":
            if authenticator is None:
                return SignIn.FACTOR
            for _ in range(2):
                form = {"code": await authenticator.code()}
                page = await browser.post("/sign-in/factor", form)
                if page.status == 303:
                    break
            else:
                return SignIn.FACTOR
        account = await browser.get("/account")
        return SignIn.IN if account.status == 200 else SignIn.REFUSED

    async def reset(
        self, customer: Customer, password: str, patience: float, guard: Answer | None = None
    ) -> Reset:
        """See `System.reset`: both mails are waited for, and given in the browser that asked; where
        it is held, that is waited for too.

        Args:
            guard: answers for the second factor; by default the customer's authenticator does.
        """
        address, browser = customer.address, self.window(customer)
        seen = await self.mailboxes.last(address)
        until = asyncio.get_running_loop().time() + patience
        await browser.get("/recover")
        if (await browser.post("/recover", {"address": address})).status != 303:
            return Reset.FAILED
        shown = await self.prove(browser, address, seen, until)
        if shown is not Reset.DONE:
            return shown
        form = {"password": password}
        if guard is not None:
            form |= await guard(browser, "/recover/factor/ask", "factor")
        elif customer.authenticator is not None:
            form["factor"] = await customer.authenticator.code()
        if (await browser.post("/recover/finish", form)).status != 303:
            return Reset.FAILED
        customer.password = password
        return Reset.DONE

    async def prove(self, browser: Browser, address: str, seen: int, until: float) -> Reset:
        """Show both proofs as they come, and wait where it is held; done: a password may be chosen.

        Args:
            seen: the last mail that was there before they were asked for.
            until: the loop's time at which patience ends.
        """
        # A fallen route may void a mail that came, and send another: what comes is tried.
        given: set[int] = set()
        loop = asyncio.get_running_loop()
        while loop.time() < until:
            letter = await self.mailboxes.find(
                address,
                lambda mail: mail.n not in given and _proof(mail) is not None,
                until - loop.time(),
                seen,
            )
            proof = None if letter is None else _proof(letter)
            if letter is None or proof is None:
                return Reset.FAILED
            await asyncio.sleep(READING)
            page = await browser.post("/recover/proof", proof)
            given.add(letter.n)
            if page.status == 303 and await self._state(browser) in {"both", "held"}:
                break
        else:
            return Reset.FAILED
        while loop.time() < until:
            if await self._state(browser) != "held":
                return Reset.DONE
            await asyncio.sleep(READING / 2)
        return Reset.HELD

    async def _state(self, browser: Browser) -> str:
        found = _STATE.search((await browser.get("/recover/proof")).text)
        return found[1] if found else ""

    async def deny(self, customer: Customer, patience: float) -> str:
        """Press "this was not me" in the first reset mail."""
        secret = await self._mailed(customer.address, _DENIAL, patience)
        if secret is None:
            return "no reset mail came that could be denied"
        browser = self.window(customer)
        await browser.get("/deny")
        page = await browser.post("/deny", {"secret": secret})
        return f"pressed “this was not me”; the page answered {page.status}"

    async def _mailed(self, address: str, pattern: re.Pattern[str], patience: float) -> str | None:
        letter = await self.mailboxes.find(
            address, lambda mail: pattern.search(mail.text) is not None, patience
        )
        found = pattern.search(letter.text) if letter else None
        return found[1] if found else None

    # Mail.

    async def send(self, alert: str, to: str, subject: str, text: str) -> bool:
        """POST /v1/messages."""
        if self._http is None:
            return False
        body = {"stream": "alert", "from": setup.SENDER, "to": to, "subject": subject, "text": text}
        async with self._http.post(
            f"{self.url}/v1/messages", json=body, headers={"Idempotency-Key": alert}
        ) as reply:
            return reply.status == 202

    # The thief.

    def robbery(
        self, attempt: Attempt, source: str, password: str, clock: Clock, say: Said
    ) -> Robbery:
        """See `System.robbery`."""
        return MailkeepRobbery(self, attempt, Browser(self.url, source), password, clock, say)

    # Incidents.

    async def incidents(self) -> list[dict[str, Any]]:
        """GET /v1/incidents; none while it does not answer."""
        if self._http is None:
            return []
        async with self._http.get(f"{self.url}/v1/incidents") as reply:
            if reply.status != 200:
                return []
            found: list[dict[str, Any]] = (await reply.json())["incidents"]
            return found

    async def incident(self, incident: str) -> dict[str, Any]:
        """See ``System.incident``."""
        if self._http is None:
            raise RuntimeError("it does not run")
        async with self._http.get(f"{self.url}/v1/incidents/{incident}") as reply:
            reply.raise_for_status()
            found: dict[str, Any] = await reply.json()
            return found

    async def act(self, incident: str, action: str, *, alone: bool = False) -> bool:
        """Preview it, then apply it, as its operator would; where it wants two people, a second
        operator approves, unless whoever asks is alone: it then waits, and is not taken."""
        if self._http is None:
            return False
        url = f"{self.url}/v1/incidents/{incident}/actions/{action}"
        async with self._http.post(url, json={"step": "preview"}) as reply:
            if reply.status != 200:
                return False
        async with self._http.post(url, json={"step": "apply"}) as reply:
            if alone or reply.status != 202:
                return reply.status == 200
            request = (await reply.json())["waits"]["id"]
        url = f"{self.url}/v1/approvals/{request}/approve"
        second = {"Authorization": f"Bearer {self._second}"}
        async with self._http.post(url, headers=second) as reply:
            return reply.status == 200

    async def leave(self, provider: str) -> list[str]:
        """``mailkeep cutover now`` to the standby, then ``mailkeep offboard start --hostile``."""
        at = f"--home={self._home / 'home'}"
        reason = "--reason=we leave it (drill)"
        moved = await output([self._command, "cutover", "now", provider, STANDBY, reason, at])
        left = await output([self._command, "offboard", "start", provider, "--hostile", at])
        return [" ".join(moved.split()), left.partition("\n")[0]]

    async def rest(self, provider: str) -> str:
        """``mailkeep providers rest``."""
        reason = "--reason=nothing arrives (drill)"
        at = f"--home={self._home / 'home'}"
        told = await output([self._command, "providers", "rest", provider, reason, at])
        return " ".join(told.split())


def _proof(letter: Letter) -> dict[str, str] | None:
    """The form that a reset mail is good for."""
    if found := LINK.search(letter.text):
        return {"long": found[1]}
    if "/recover/proof" in letter.text and (found := SHORT.search(letter.text)):
        return {"code": found[1]}
    return None
