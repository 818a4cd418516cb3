"""The stand-in providers of one system, each a party and a process of its own."""

import secrets
from contextlib import AsyncExitStack
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import aiohttp

from mailkeep_drill.processes import Child


class Provider:
    """One stand-in with its control API.

    Args:
        letter: what people call it in the drill: A, B, C.
        kind: mandrill, postmark or smtp.
        deliver: the customers' mail server.
        hook: where it reports; "": nowhere.
    """

    def __init__(self, letter: str, kind: str, deliver: str, log: Path, hook: str = "") -> None:
        self.letter = letter
        self.kind = kind
        self.key = secrets.token_urlsafe(18)
        self.hook_key = f"drill:{secrets.token_urlsafe(18)}"
        self.user = "30504962" if kind == "mandrill" else f"user-{letter.lower()}"
        self.api = ""
        self.control = ""
        self._stack = AsyncExitStack()
        self._log = log
        # Joined with "=": a random secret may begin with a dash.
        self._options = [
            f"--deliver={deliver}",
            f"--key={self.key}",
            f"--webhook-key={self.hook_key}",
            f"--webhook={hook}",
        ]
        if kind == "smtp":
            self._options.append(f"--user={self.user}")
        self._http: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> Self:
        child = Child("mailkeep_drill.standins", self.kind, *self._options, log=self._log)
        await self._stack.enter_async_context(child)
        self._http = await self._stack.enter_async_context(
            aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=90))
        )
        self.api = child.ready.get("api", "") or child.ready.get("smtp", "")
        self.control = child.ready["control"]
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self._stack.aclose()

    async def fault(self, **faults: object) -> None:
        """Switch faults on or off."""
        await self._call("POST", "/faults", json=faults)

    async def leak(self, after: int, wait: float) -> tuple[int, list[dict[str, Any]]]:
        """What the thief reads there: (where to go on, mails)."""
        answer = await self._call("GET", f"/leak?after={after}&wait={wait:.1f}&limit=100")
        return answer["next"], answer["mails"]

    async def sent(self) -> list[dict[str, Any]]:
        """Every mail that it ever took."""
        after: int = 0
        found: list[dict[str, Any]] = []
        while True:
            answer = await self._call("GET", f"/sent?after={after}&limit=1000")
            if not answer["mails"]:
                return found
            found += answer["mails"]
            after = answer["next"]

    async def tell(self, events: list[dict[str, object]]) -> None:
        """Send webhooks with true signatures about mail that may never have been."""
        await self._call("POST", "/events", json={"events": events})

    async def inject(self, *, sender: str, to: str, subject: str, text: str) -> None:
        """Send a mail as whoever holds the account."""
        mail = {"from": {"email": sender}, "to": [to], "subject": subject, "text": text}
        await self._call("POST", "/inject", json=mail)

    async def _call(self, method: str, path: str, **options: Any) -> dict[str, Any]:
        if self._http is None:
            raise RuntimeError("the provider does not run")
        async with self._http.request(method, self.control + path, **options) as reply:
            reply.raise_for_status()
            answer: dict[str, Any] = await reply.json()
            return answer
