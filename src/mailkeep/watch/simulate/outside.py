"""Simulates third parties' audit logs and TLS reports in ordinary life, and what people say.

Judged: three people look in on one working day in three, one of them from a new place once in five
weeks; a new colleague comes twice a year, from home; a pipeline with a place of its own changes
something once a week; a key is made once in two months, announced three times in four. Three houses
report sessions over TLS each day, a few of which fail; once in 200 days our own certificate runs
out for a day, and once in two years its renewal leaves the chain out. Once a week somebody reports
a newsletter of ours to the abuse mailbox, once in three weeks a forgery that names no domain of
ours, once in two months one that does; once a month an owner takes a telephone of theirs for a
stranger's.
"""

from random import Random

from mailkeep.accounts.events import SessionDenied
from mailkeep.base.clock import DAY, HOUR, SECOND, Instant
from mailkeep.watch.events import AbuseReported, ConsoleAccepted, ConsoleUsed, TlsReported

from .company import Timed

PEOPLE = 3
ASKED = 2 / 3
LOOKS_IN, TRAVELS, JOINS = 1 / 3, 1 / 35, 1 / 182
DEPLOYS, MAKES_KEY, ANNOUNCED = 1 / 7, 1 / 60, 0.75


REPORTERS = ("google.com", "microsoft.com", "yahooinc.com")


class Outside:
    """The days of others. Its chances are its own: nothing else changes with them."""

    def __init__(self, providers: tuple[str, ...], domain: str, seed: int) -> None:
        self._providers = providers
        self._domain = domain
        self._chance = Random(f"outside {seed}")
        self._asks = Random(f"asks {seed}")
        # Apart: what is said changes none of the chances of before.
        self._talk = Random(f"talk {seed}")
        self._people = [f"staff_{n}" for n in range(PEOPLE)]
        self._number = 0

    def day(self, day: Instant) -> list[Timed]:
        """What they tell of one day."""
        out = self._tls(day) + self._people_say(day)
        if day // DAY % 7 >= 5:
            return out
        if self._chance.random() < JOINS:
            self._people.append(f"staff_{len(self._people)}")
        for provider in self._providers:
            for who in self._people:
                if self._chance.random() < LOOKS_IN:
                    where = "network_office"
                    if self._chance.random() < TRAVELS:
                        where = self._name("network")
                    elif who not in self._people[:PEOPLE]:
                        where = f"network_of_{who}"
                    used = self._used(day, provider, "sign_in", who, where)
                    out.append(used)
                    if where != "network_office" and self._asks.random() < ASKED:
                        later = used[0] + round(self._asks.uniform(0.5, 6) * HOUR)
                        told = (f"line_{self._number}",)
                        out.append((later, ConsoleAccepted(told=told, by="key_operator")))
            if self._chance.random() < DEPLOYS:
                out.append(self._used(day, provider, "change", "staff_ci", "network_ci"))
            if self._chance.random() < MAKES_KEY:
                expected = self._chance.random() < ANNOUNCED
                who = self._chance.choice(self._people[:PEOPLE])
                out.append(
                    self._used(day, provider, "key", who, "network_office", expected=expected)
                )
        return out

    def _tls(self, day: Instant) -> list[Timed]:
        what = "certificate-expired" if self._chance.random() < 1 / 200 else ""
        what = "certificate-not-trusted" if self._chance.random() < 1 / 730 else what
        begin = (day - DAY) // SECOND
        out: list[Timed] = []
        for reporter in REPORTERS:
            whole = self._chance.randrange(20, 200)
            failed = whole if what else self._chance.choice((0, 0, 0, 1))
            results = ((what or "starttls-not-supported", failed),) if failed else ()
            report = TlsReported(
                report=self._name("tls"),
                reporter=reporter,
                believed=True,
                domains=(self._domain,),
                begin=begin,
                end=begin + 86_399,
                fine=whole - failed,
                failed=failed,
                results=results,
            )
            out.append((day + round(self._chance.uniform(2, 12) * HOUR), report))
        return out

    def _people_say(self, day: Instant) -> list[Timed]:
        chance = self._talk
        out: list[Timed] = []
        for days, domain, ours in (
            (7, self._domain, True),
            (21, "", False),
            (60, self._domain, False),
        ):
            if chance.random() < 1 / days:
                report = AbuseReported(
                    report=f"mail_{day}_{days}", domain=domain, name="", said="", ours=ours
                )
                out.append((day + 8 * HOUR + round(chance.random() * 12 * HOUR), report))
        if chance.random() < 1 / 30:
            account = f"acc_{chance.randrange(50_000)}"
            denied = SessionDenied(
                account=account,
                session=f"ses_{day}",
                browser=f"browser_{day}",
                network=f"network_{day}",
                ended=1,
            )
            out.append((day + 8 * HOUR + round(chance.random() * 12 * HOUR), denied))
        return out

    def _used(
        self,
        day: Instant,
        provider: str,
        act: str,
        who: str,
        where: str,
        *,
        expected: bool = False,
    ) -> Timed:
        at = day + 7 * HOUR + round(self._chance.random() * 11 * HOUR)
        line = self._name("line")
        fact = ConsoleUsed(
            told=line,
            log="log",
            party=provider,
            provider=True,
            act=act,
            actor=who,
            network=where,
            expected=expected,
        )
        return at, fact

    def _name(self, kind: str) -> str:
        self._number += 1
        return f"{kind}_{self._number}"
