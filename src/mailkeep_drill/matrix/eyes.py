"""What the matrix's attacker reads, and what in it is worth trying."""

import asyncio
import re
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import TypeVar

from mailkeep_drill.mailboxes import Mailboxes
from mailkeep_drill.systems.providers import Provider

from .words import Can

_Any = TypeVar("_Any")
_POLL = 1.0
_LINK = re.compile(r"https?://[^\s/]+(/[^\s#]*)#([0-9A-Za-z-]{20,})")
_CODE = re.compile(r"^Code: (\S+)\s*$", re.MULTILINE)
_PATH = re.compile(r"https?://[^\s/]+(/\S+/)\s")


@dataclass(slots=True)
class Loot:
    """Everything seen about one account. What was tried stays, so that nothing is tried for ever.

    Attributes:
        links: page and secret of links that carry it in their fragment.
        codes: short ones to type.
        paths: of links without a fragment, as ordinary sites write them.
    """

    links: list[tuple[str, str]] = field(default_factory=list)
    codes: list[str] = field(default_factory=list)
    paths: list[str] = field(default_factory=list)

    def scan(self, text: str, *, only_codes: bool = False) -> None:
        """Take what a text holds. ``only_codes``: what a customer types into a false page."""
        _add(self.codes, _CODE.findall(text))
        if not only_codes:
            _add(self.links, _LINK.findall(text))
            _add(self.paths, _PATH.findall(text))

    def merge(self, other: "Loot") -> None:
        """Take what was seen at another address of the same customer."""
        _add(self.codes, other.codes)
        _add(self.links, other.links)
        _add(self.paths, other.paths)

    def __len__(self) -> int:
        return len(self.links) + len(self.codes) + len(self.paths)


def _add(known: list[_Any], found: Iterable[_Any]) -> None:
    known += [one for one in dict.fromkeys(found) if one not in known]


class Eyes:
    """Reads on behalf of one attacker, as far as their capabilities reach.

    Args:
        providers: by letter; their leaks must be on.
        mailboxes: of all customers.
    """

    def __init__(
        self, can: frozenset[Can], providers: dict[str, Provider], mailboxes: Mailboxes
    ) -> None:
        self._can = can
        self._providers = providers
        self._mailboxes = mailboxes
        self._loot: dict[str, Loot] = defaultdict(Loot)
        self._seen: dict[str, int] = defaultdict(int)
        self._tasks: list[asyncio.Task[None]] = []

    async def open(self) -> None:
        """Turn to the providers that can be read."""
        for letter, reads in (("A", Can.READS_A), ("B", Can.READS_B)):
            if reads in self._can and letter in self._providers:
                provider = self._providers[letter]
                await provider.fault(leak=True)
                self._tasks.append(asyncio.create_task(self._follow(provider)))

    async def close(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def look(self, *addresses: str) -> Loot:
        """All that was seen of mail to these addresses of one customer."""
        first = addresses[0]
        for address in addresses:
            if self._can & {Can.MAILBOX, Can.RELAY}:
                for letter in await self._mailboxes.read(address, self._seen[address]):
                    self._seen[address] = letter.n
                    self._loot[first].scan(letter.text, only_codes=Can.MAILBOX not in self._can)
            if address != first:
                self._loot[first].merge(self._loot[address])
        return self._loot[first]

    async def own(self, address: str) -> Loot:
        """All mail to an address of the attacker's own."""
        loot = Loot()
        for letter in await self._mailboxes.read(address):
            loot.scan(f"{letter.text}\n")
        return loot

    async def _follow(self, provider: Provider) -> None:
        after = 0
        while True:
            after, mails = await provider.leak(after, _POLL)
            for mail in mails:
                for address in mail["to"]:
                    self._loot[address].scan(f"{mail['text'] or ''}\n")
