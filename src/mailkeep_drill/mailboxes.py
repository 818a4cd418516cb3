"""How customers read their own mail: over the mail server's HTTP API."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self

import aiohttp

_POLL = 20.0


@dataclass(frozen=True, slots=True)
class Letter:
    """A mail as it lies in a mailbox.

    Attributes:
        at: when it came, in seconds since the epoch.
        headers: names in lower case; where a name stands twice, the last.
    """

    n: int
    at: float
    subject: str
    text: str
    headers: dict[str, str]
    everything: str


class Mailboxes:
    """All mailboxes, at the mail server's HTTP address."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._http = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=0), timeout=aiohttp.ClientTimeout(total=90)
        )

    async def find(
        self, address: str, wanted: Callable[[Letter], bool], patience: float, after: int = 0
    ) -> Letter | None:
        """The first mail after a number that is wanted; waits up to `patience` seconds for it."""
        until = time.monotonic() + patience
        while True:
            left = until - time.monotonic()
            letters = await self.read(address, after, max(0.0, min(_POLL, left)))
            for letter in letters:
                if wanted(letter):
                    return letter
            if letters:
                after = letters[-1].n
            elif left <= 0:
                return None

    async def read(self, address: str, after: int = 0, wait: float = 0.0) -> list[Letter]:
        """Mails of an address after a number; waits for one if there is none."""
        url = f"{self._url}/mailboxes/{address}"
        params = {"after": str(after), "wait": f"{wait:.2f}", "limit": "1000"}
        async with self._http.get(url, params=params) as reply:
            answer: dict[str, Any] = await reply.json()
        return [_letter(mail) for mail in answer["mails"]]

    async def last(self, address: str) -> int:
        """The number of the newest mail of an address; 0 where there is none."""
        letters = await self.read(address)
        return letters[-1].n if letters else 0

    async def addresses(self) -> dict[str, int]:
        """Every address that got mail, with how many."""
        async with self._http.get(f"{self._url}/mailboxes") as reply:
            found: dict[str, int] = await reply.json()
        return found

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self._http.close()


def _letter(mail: dict[str, Any]) -> Letter:
    headers = {name.lower(): value for name, value in mail["headers"]}
    everything = "\n".join([*headers.values(), mail["text"] or "", mail["html"] or ""])
    return Letter(
        mail["n"], mail["received_at"], mail["subject"], mail["text"] or "", headers, everything
    )
