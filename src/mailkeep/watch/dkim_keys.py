"""Keys of DKIM signatures, remembered for a while: each name is asked for seldom, and those that
strangers make up a few times a minute.

Security: the names come out of mails; how many are remembered and asked for is bounded.
"""

from collections import OrderedDict

from mailkeep.base.clock import MINUTE, SECOND, Instant

from .received import Ask

KEY_SECONDS = 300.0  #: for which a key is believed
KEYS = 64  #: that are remembered
ASKED_A_MINUTE = 30  #: names of keys that are asked for and never were good


class Keys:
    """The keys of our domains, looked up seldom.

    Args:
        ask: looks TXT records up.
    """

    def __init__(self, ask: Ask) -> None:
        self._ask = ask
        self._known: OrderedDict[str, tuple[Instant, tuple[str, ...]]] = OrderedDict()
        self._good: set[str] = set()
        self._minute: tuple[Instant, int] = (0, 0)

    async def look_up(self, names: set[str], now: Instant) -> dict[str, tuple[str, ...]]:
        """TXT records by name; names that have none, or are not asked for now, are missing."""
        missing = [one for one in sorted(names) if not self._is_fresh(one, now)]
        asked = tuple(one for one in missing if one in self._good or self._may_ask(now))
        if asked:
            found = await self._ask(asked)
            for name in asked:
                if name in found:
                    self._known[name] = (now, found[name])
                    self._known.move_to_end(name)
        while len(self._known) > KEYS:
            self._good.discard(self._known.popitem(last=False)[0])
        return {one: self._known[one][1] for one in names if self._is_fresh(one, now)}

    def good(self, names: set[str]) -> None:
        """These signed a mail of ours: guesses of others do not keep them from being asked for."""
        self._good |= names
        for name in names & self._known.keys():
            self._known.move_to_end(name)

    def _is_fresh(self, name: str, now: Instant) -> bool:
        found = self._known.get(name)
        return found is not None and now - found[0] < KEY_SECONDS * SECOND

    def _may_ask(self, now: Instant) -> bool:
        begun, count = self._minute
        begun, count = (now, 0) if now - begun >= MINUTE else (begun, count)
        self._minute = (begun, count + 1)
        return count < ASKED_A_MINUTE
