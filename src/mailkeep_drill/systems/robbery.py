"""The thief at Mailkeep's pages: everything that he can do with the mails of one provider."""

import re
from typing import Any

from mailkeep_drill.browser import Browser
from mailkeep_drill.record import Attempt

from .base import Clock, Robbery, Said, SignIn, System

LINK = re.compile(r"/recover/proof#([0-9A-Za-z-]{26,})")
SHORT = re.compile(r"^Code: (\S{9})\s*$", re.MULTILINE)
_STATE = re.compile(r'data-state="(\w+)"')
_LACKS = {
    "link": "he had the link, the code went another way",
    "held": "he had both proofs, and must wait while the owner may say no",
    "code": "he had the code, the link went another way",
}
_ASKS = 2  # times; the second may send the other proof through his provider


class MailkeepRobbery(Robbery):
    """Work on one account: he keeps one browser for it, since both proofs count in one only."""

    def __init__(
        self,
        system: System,
        attempt: Attempt,
        browser: Browser,
        password: str,
        clock: Clock,
        say: Said,
    ) -> None:
        super().__init__(attempt, browser, password, clock, say)
        self._system = system
        self._asked = 0
        self._kinds: set[str] = set()
        self._codes: list[str] = []

    async def ask(self) -> None:
        """Ask for a reset, in the browser that he will use."""
        self._asked += 1
        await self.browser.get("/recover")
        page = await self.browser.post("/recover", {"address": self.attempt.address})
        if page.status != 303:
            self.attempt.stopped_by = f"the reset page answered {page.status}"

    async def use(self, mail: dict[str, Any]) -> None:
        """Redeem the link or the code, and go on if that was enough."""
        text = mail["text"] or ""
        link, code = LINK.search(text), SHORT.search(text)
        if link is not None:
            self._kinds.add("link")
            await self._give({"long": link[1]})
            for kept in self._codes:  # a link may open the way for a code read before
                await self._give({"code": kept})
        elif code is not None and "/recover/proof" in text:
            self._kinds.add("code")
            self._codes.append(code[1])
            await self._give({"code": code[1]})
        else:
            return
        await self._go_on()

    async def _give(self, form: dict[str, str]) -> None:
        attempt = self.attempt
        attempt.read += 1
        page = await self.browser.post("/recover/proof", form)
        if page.status != 303:
            return
        attempt.taken += 1
        if attempt.half is None:
            attempt.half = self.clock()
            self.say(f"half proof: thief gave the {_name(form)} of {attempt.address}")

    async def _go_on(self) -> None:
        """Try to finish, whatever the page says, then to sign in."""
        attempt = self.attempt
        found = _STATE.search((await self.browser.get("/recover/proof")).text)
        state = found[1] if found else "none"
        page = await self.browser.post("/recover/finish", {"password": self.password})
        if page.status == 303:
            attempt.changed = self.clock()
            self.say(f"password of {attempt.address} replaced by the thief")
        elif page.status == 401:
            attempt.stopped_by = "the second factor, before any password was written"
        elif state in _LACKS:
            attempt.stopped_by = _LACKS[state]
        elif not attempt.stopped_by:
            attempt.stopped_by = "no proof of his was taken"
        await self._sign_in()

    async def _sign_in(self) -> None:
        attempt = self.attempt
        if attempt.changed is None or attempt.signed_in is not None:
            return
        outcome = await self._system.sign_in(self.browser, attempt.address, self.password, None)
        if outcome is SignIn.IN:
            attempt.signed_in = self.clock()
            self.say(f"thief signed in as {attempt.address}")
        else:
            attempt.stopped_by = f"sign-in: {outcome.value}"

    async def finish(self) -> None:
        """Once more with everything that he has."""
        if self._kinds and self.attempt.changed is None:
            await self._go_on()

    @property
    def wants_another(self) -> bool:
        """He has one kind of proof and may get the other from a second request."""
        return len(self._kinds) == 1 and self._asked < _ASKS


def _name(form: dict[str, str]) -> str:
    return "link" if "long" in form else "code"
