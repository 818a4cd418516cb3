"""Simulates recoveries: people who reset, the holds that await them, and the resets of an
application that keeps its own.

Judged, beside what the half proof's tests say: three accounts in ten have a second factor, and one
owner in twelve of them does not bring it; a visit that fits its account's history badly is held, as
it is in the running service, and one owner in six does not come back for it; one held recovery in
two hundred is denied by an owner who had forgotten it. After a recovery one owner in twelve binds a
factor, one in a hundred changes an address, one in a hundred the password again, one in two hundred
takes a factor off; one in a thousand does all of it, after a scare.
"""

from collections.abc import Callable
from random import Random

from mailkeep.accounts.events import ChangeHeld, FactorBound, FactorRevoked
from mailkeep.base.clock import DAY, HOUR, MINUTE, SECOND, Instant
from mailkeep.recovery.events import (
    ProofRedeemed,
    ProofSent,
    RecoveryCompleted,
    RecoveryDenied,
    RecoveryHeld,
    RecoveryRehearsed,
    RecoveryRequested,
    RecoveryVoided,
    StoppedByFactor,
)

from .company import Timed, hash_of
from .visits import risk

FACTORS, LEFT_AT_HOME, GIVES_UP, FORGOT = 0.3, 1 / 12, 1 / 6, 1 / 200
HOLD = HOUR  #: as ``[recovery] hold``
AFTER = (("factor", 1 / 12), ("address", 0.01), ("password", 0.01), ("revoked", 0.005))
SCARED = 0.001

#: Sends a proof: the list, the provider, when, the message, the address; when it arrived.
Send = Callable[[list[Timed], str, Instant, str, str], Instant | None]


class Recoveries:
    """The recoveries of a house.

    Args:
        chance: the life's own, of what was always drawn from it; what is newer has its own.
    """

    def __init__(
        self, providers: tuple[str, ...], accounts: int, seed: int, chance: Random, send: Send
    ) -> None:
        self._providers = providers
        self._accounts = accounts
        self._chance = chance
        self._send = send
        self._visits = Random(f"visits {seed}")
        self._number = 0

    def ask(self, out: list[Timed], at: Instant, number: int) -> None:
        """A person asks for a reset; see the half proof's tests for what is judged here."""
        chance = self._chance
        name, account = f"r{number}", f"acc_{chance.randrange(self._accounts)}"
        network, browser = f"net_{chance.randrange(5000)}", f"b{number}"
        if chance.random() < 0.1:  # no account has this address
            out.append(
                (
                    at,
                    RecoveryRequested(
                        recovery=None,
                        account=None,
                        address=f"adr_x{name}",
                        network=network,
                        browser=browser,
                    ),
                )
            )
            return
        address = f"adr_{account}"
        out.append(
            (
                at,
                RecoveryRequested(
                    recovery=name,
                    account=account,
                    address=address,
                    network=network,
                    browser=browser,
                ),
            )
        )
        routes = dict(zip(("link", "code"), chance.sample(self._providers, 2), strict=True))
        came: dict[str, Instant | None] = {}
        for proof, provider in routes.items():
            message = f"{name}{proof}"
            sent = ProofSent(
                recovery=name, account=account, proof=proof, message=message, provider=provider
            )
            out.append((at + SECOND // 10, sent))
            came[proof] = self._send(out, provider, at + SECOND // 5, message, address)
        if chance.random() < 1 / 7:
            return
        known, asked = chance.random() < 1 / 3, chance.random() < 0.7
        names_of = chance.sample(("link", "code"), 2)
        shows = [(one, then) for one in names_of if (then := came[one]) is not None]
        when = at + round(chance.lognormvariate(4, 0.8) * SECOND)

        def shown(proof: str) -> ProofRedeemed:
            way = (routes[proof],)
            return ProofRedeemed(
                recovery=name,
                account=account,
                proof=proof,
                providers=way,
                same_browser=asked,
                known_browser=known,
                network=network,
                browser=browser,
            )

        for place, (proof, then) in enumerate(shows):
            if place:
                when += round(chance.lognormvariate(3.4, 1.0) * SECOND)
            when = max(when, then + 15 * SECOND)
            out.append((when, shown(proof)))
            if len(shows) < 2 or chance.random() < 0.1 * (1 - place):
                break
        else:
            if len(shows) == 2:
                self._both(out, name, account, browser, network, when, routes, known=known)
            return
        out.append((at + HOUR, RecoveryVoided(recovery=name, account=account, why="expired")))

    def _both(
        self,
        out: list[Timed],
        name: str,
        account: str,
        browser: str,
        network: str,
        when: Instant,
        routes: dict[str, str],
        *,
        known: bool,
    ) -> None:
        """Both proofs are back: the factor, or a hold, or at once."""
        own = self._visits
        forgot = self._chance.random() < 0.003
        score, raised = risk(own, when, known=known)
        factor, held = hash_of(f"factor {account}") % 100 < FACTORS * 100, False
        done = when + 60 * SECOND
        if factor and own.random() < LEFT_AT_HOME:
            out.append((done, StoppedByFactor(recovery=name, account=account)))
            out.append((when + HOUR, RecoveryVoided(recovery=name, account=account, why="expired")))
            return
        if raised and not factor:
            held, length = True, HOLD / SECOND
            out.append(
                (
                    done,
                    RecoveryHeld(
                        recovery=name,
                        account=account,
                        browser=browser,
                        seconds=length,
                        reasons=("risk",),
                        risk=score,
                    ),
                )
            )
            if own.random() < FORGOT:
                at = done + round(own.uniform(5, 50) * MINUTE)
                first = own.choice(tuple(routes.values()))
                out.append(
                    (
                        at,
                        RecoveryDenied(
                            recovery=name,
                            account=account,
                            after_completion=False,
                            provider=first,
                            acted=True,
                        ),
                    )
                )
                out.append((at, RecoveryVoided(recovery=name, account=account, why="denied")))
                return
            if own.random() < GIVES_UP:
                out.append(
                    (done + DAY, RecoveryVoided(recovery=name, account=account, why="expired"))
                )
                return
            done += HOLD + round(own.lognormvariate(0, 1.2) * 30 * MINUTE)
        out.append(
            (
                done,
                RecoveryCompleted(
                    recovery=name,
                    account=account,
                    factor=factor,
                    browser=browser,
                    risk=score,
                    held=held,
                ),
            )
        )
        if forgot:  # that they had asked
            first = own.choice(tuple(routes.values()))
            out.append(
                (
                    done + HOUR,
                    RecoveryDenied(
                        recovery=name,
                        account=account,
                        after_completion=True,
                        provider=first,
                        acted=True,
                    ),
                )
            )
        self._after(out, account, browser, network, done)

    def _after(
        self, out: list[Timed], account: str, browser: str, network: str, done: Instant
    ) -> None:
        """What an owner changes who has just come back."""
        own = self._visits
        scared = own.random() < SCARED
        for what, often in AFTER:
            if own.random() >= often and not scared:
                continue
            self._number += 1
            at, name = done + round(own.uniform(2, 40) * MINUTE), f"after{self._number}"
            if what == "factor":
                out.append(
                    (
                        at,
                        FactorBound(
                            account=account,
                            factor=name,
                            factor_kind="totp",
                            browser=browser,
                            network=network,
                        ),
                    )
                )
            elif what == "revoked":
                out.append(
                    (
                        at,
                        FactorRevoked(
                            account=account, factor=name, factor_kind="totp", why="owner"
                        ),
                    )
                )
            else:
                word = "password" if what == "password" else "address_added"
                held = ChangeHeld(
                    account=account,
                    change=name,
                    what=word,
                    address=f"adr_{name}",
                    until=at + 3 * DAY,
                    factor=False,
                )
                out.append((at, held))

    def rehearse(self, out: list[Timed], hour: Instant, count: float) -> None:
        """Resets of an application that keeps its own, within an hour.

        Args:
            count: in the mean.
        """
        if count <= 0:
            return
        own, when, scale = self._visits, float(hour), HOUR / count
        while (when := when + own.expovariate(1.0) * scale) < hour + HOUR:
            self._number += 1
            name, account = f"reh_{self._number}", f"acc_{own.randrange(self._accounts)}"
            there = own.random() >= 0.1
            would = "at_once" if there else "not_registered"
            link, code = own.sample(self._providers, 2)
            fact = RecoveryRehearsed(
                rehearsal=name,
                application="app_forum",
                account=account if there else None,
                address=f"adr_forum_{account}",
                network=f"net_{own.randrange(5000)}",
                browser=f"b{name}",
                would=would,
                link=link,
                code=code,
            )
            out.append((round(when), fact))
