"""Simulates our own mistakes with keys: a record that is out too late, an account that cannot be
read.

Judged: once in seventy days mail through one provider fails its authentication for two hours in the
median, since a key was changed before its record was out (DKIM, one time in five DMARC with it) or
an address is missing from ours (SPF); once in 200 days that of all providers does, when our DNS is
at fault; one canary in five hundred fails by the host's own doing. Once in 150 days the key that
reads an account's lists is changed and forgotten, or its rights are, for some hours; once in a
month an account's API is out of order for half an hour. One canary in ten thousand is taken for
spam and refused, as one mail in five hundred is for what it says.
"""

import math
from random import Random

from mailkeep.base.clock import DAY, HOUR, MINUTE, Instant
from mailkeep.watch.events import PostureBlind, PostureRead

from .company import Timed

UNSIGNED, OUR_DNS, STRAY = 1 / 70, 1 / 200, 1 / 500
REFUSED, UNREACHABLE, SPAM = 1 / 150, 1 / 30, 1 / 10_000
_FAILS = (("dkim",), ("dkim",), ("dkim",), ("dkim", "dmarc"), ("spf",))


def key_of(provider: str) -> str:
    """A name for the key with which a provider signs for us."""
    return f"key_at_{provider}"


class Mishaps:
    """The days of our own mistakes. Its chances are its own: nothing else changes with them."""

    def __init__(self, providers: tuple[str, ...], lists: tuple[str, ...], seed: int) -> None:
        self._providers = providers
        self._lists = lists
        self._chance = Random(f"mishaps {seed}")
        #: by provider, from when to when what fails.
        self._fails: dict[str, tuple[Instant, Instant, tuple[str, ...]]] = {}

    def day(self, day: Instant) -> list[Timed]:
        """What happens on one day."""
        chance, out = self._chance, list[Timed]()
        if chance.random() < OUR_DNS:
            start, until = self._span(day)
            for one in self._providers:
                self._fails[one] = (start, until, ("dkim", "dmarc"))
        for one in self._providers:
            if chance.random() < UNSIGNED:
                self._fails[one] = (*self._span(day), chance.choice(_FAILS))
            if chance.random() < REFUSED:
                lists = self._lists if chance.random() < 0.5 else self._lists[:2]
                self._blind(out, one, lists, "refused", self._span(day))
            if chance.random() < UNREACHABLE:
                start = day + round(chance.random() * DAY)
                until = start + round(chance.uniform(15, 60) * MINUTE)
                self._blind(out, one, self._lists, "unreachable", (start, until))
        return out

    def failed(self, provider: str, at: Instant) -> tuple[str, ...]:
        """What a mailbox's host says of a canary that comes now."""
        start, until, what = self._fails.get(provider, (0, 0, ()))
        if start <= at < until:
            return what
        return ("dkim",) if self._chance.random() < STRAY else ()

    def signed(self, provider: str, at: Instant) -> tuple[str, ...]:
        """The keys of ours that a canary to our own listener comes signed with now."""
        start, until, what = self._fails.get(provider, (0, 0, ()))
        return () if start <= at < until and "dkim" in what else (key_of(provider),)

    def refused(self) -> bool:
        """Whether a canary is taken for spam."""
        return self._chance.random() < SPAM

    def _blind(
        self,
        out: list[Timed],
        provider: str,
        lists: tuple[str, ...],
        why: str,
        span: tuple[Instant, Instant],
    ) -> None:
        whole = lists == self._lists
        out.append(
            (
                span[0],
                PostureBlind(provider=provider, lists=lists, reason=why, before=True, whole=whole),
            )
        )
        out.append(
            (span[1], PostureRead(provider=provider, lists=self._lists, anew=lists, items={}))
        )

    def _span(self, day: Instant) -> tuple[Instant, Instant]:
        start = day + 7 * HOUR + round(self._chance.random() * 11 * HOUR)
        return start, start + round(self._chance.lognormvariate(math.log(2), 0.8) * HOUR)
