"""Simulates what owners do with their accounts, a day at a time, and what goes wrong for them.

Judged: six accounts are opened a day; their owner signs in at once, and one in three binds a factor
the same day. Three owners a day change a factor or an address in a browser that they are known
from; one change in a hundred is denied by who had forgotten it, or by a partner. Once in ten days
somebody answers their own factor wrongly until its share is used up: a clock that runs wrong, a
code of another account. Once in two months a passkey answers whose counter did not grow, of one
that counts badly and does so again. Once in two years an application moves its users and tells
nobody before: that is held, as it must be, for nothing in it tells a move from a thief.
"""

from random import Random

from mailkeep.accounts.events import (
    AccountOpened,
    ChangeDenied,
    ChangeHeld,
    FactorBlocked,
    FactorBound,
    FactorLeaving,
    FactorRevoked,
    PasskeyCopied,
    SignedInFact,
    SubjectsRewritten,
)
from mailkeep.base.clock import DAY, HOUR, MINUTE, Instant
from mailkeep.watch.types import OUR_HOUSE, Hypothesis

from .company import Timed, Truth

OPENED, CHANGED = 6, 3  #: a day
BINDS, DENIES, BLOCKED, COPIED, MOVED = 1 / 3, 1 / 100, 1 / 10, 1 / 60, 1 / 730
MOVE = "users moved unannounced"  #: the shape of that truth


class Owners:
    """The days of owners. Its chances are its own: nothing else changes with them."""

    def __init__(
        self, providers: tuple[str, ...], accounts: int, seed: int, truths: list[Truth]
    ) -> None:
        self._providers = providers
        self._accounts = accounts
        self._truths = truths
        self._chance = Random(f"owners {seed}")
        self._number = 0

    def day(self, day: Instant) -> list[Timed]:
        """What they do on one day."""
        chance, out = self._chance, list[Timed]()
        for _ in range(OPENED):
            self._opens(out, self._when(day))
        for _ in range(CHANGED):
            self._changes(out, self._when(day))
        if chance.random() < BLOCKED:
            way = chance.choice(("known", "known", "stranger", "account", "recovery"))
            blocked = FactorBlocked(
                account=self._account(), factor=self._name("fac"), factor_kind="totp", way=way
            )
            out.append((self._when(day), blocked))
        if chance.random() < COPIED:
            at, copied = (
                self._when(day),
                PasskeyCopied(account=self._account(), factor=self._name("fac")),
            )
            for again in range(chance.randrange(1, 4)):
                out.append((at + again * MINUTE, copied))
        if chance.random() < MOVED:
            self._moves(out, day)
        return out

    def _opens(self, out: list[Timed], at: Instant) -> None:
        chance = self._chance
        account = self._name("acc_new")
        browser, network = self._name("browser_new"), f"net_{chance.randrange(5000)}"
        out.append((at, AccountOpened(account=account, address=f"adr_{account}")))
        signed = SignedInFact(
            account=account,
            session=self._name("ses"),
            network=network,
            browser=browser,
            factor=False,
            known_browser=False,
        )
        out.append((at + MINUTE, signed))
        if chance.random() < BINDS:
            bound = FactorBound(
                account=account,
                factor=self._name("fac"),
                factor_kind="totp",
                browser=browser,
                network=network,
            )
            out.append((at + 4 * MINUTE, bound))
        if chance.random() < 0.1:
            added = ChangeHeld(
                account=account,
                change=self._name("change"),
                what="address_added",
                address=f"adr_2_{account}",
                until=at + 3 * DAY,
                factor=False,
            )
            out.append((at + 9 * MINUTE, added))

    def _changes(self, out: list[Timed], at: Instant) -> None:
        """In a browser that the account knows: a new telephone, a new address."""
        chance, account, factor = self._chance, self._account(), self._name("fac")
        browser, network = self._name("browser_own"), f"net_{chance.randrange(5000)}"
        out.append(
            (
                at,
                SignedInFact(
                    account=account,
                    session=self._name("ses"),
                    network=network,
                    browser=browser,
                    factor=True,
                    known_browser=True,
                ),
            )
        )
        what = chance.choice(("factor", "leaving", "address_added", "password"))
        if what == "leaving":
            out.append(
                (
                    at + 3 * MINUTE,
                    FactorLeaving(
                        account=account, factor=factor, factor_kind="totp", until=at + DAY
                    ),
                )
            )
            out.append(
                (
                    at + DAY,
                    FactorRevoked(account=account, factor=factor, factor_kind="totp", why="owner"),
                )
            )
            return
        if what == "factor":
            bound = FactorBound(
                account=account,
                factor=factor,
                factor_kind="totp",
                browser=browser,
                network=network,
                held=True,
            )
            out.append((at + 3 * MINUTE, bound))
            old = FactorRevoked(
                account=account, factor=self._name("fac"), factor_kind="totp", why="replaced"
            )
            out.append((at + 4 * MINUTE, old))
        change, address = self._name("change"), f"adr_{account}"
        held = ChangeHeld(
            account=account,
            change=change,
            what=what,
            address=address,
            until=at + 3 * DAY,
            factor=True,
        )
        out.append((at + 3 * MINUTE, held))
        if chance.random() < DENIES:
            later = at + round(chance.uniform(0.1, 30) * HOUR)
            provider = chance.choice(self._providers)
            out.append(
                (
                    later,
                    ChangeDenied(
                        account=account,
                        change=change,
                        address=address,
                        provider=provider,
                        acted=True,
                    ),
                )
            )

    def _moves(self, out: list[Timed], day: Instant) -> None:
        """Over one to three days; each says once that its share is used up."""
        start, days = self._when(day), self._chance.randrange(1, 4)
        for number in range(days):
            wrote = SubjectsRewritten(application="app_shop", key="key_shop", count=400, of=20_000)
            out.append((start + number * DAY, wrote))
        until = start + days * DAY + DAY
        self._truths.append(Truth(Hypothesis.LEAKED_HERE, OUR_HOUSE, start, until, MOVE))

    def _account(self) -> str:
        return f"acc_{self._chance.randrange(self._accounts)}"

    def _when(self, day: Instant) -> Instant:
        """While people are up."""
        return day + 7 * HOUR + round(self._chance.random() * 15 * HOUR)

    def _name(self, kind: str) -> str:
        self._number += 1
        return f"{kind}_{self._number}"
