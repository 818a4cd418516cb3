"""Simulates what happens beside the mail, a day at a time: reports of receivers, colleagues at
providers' consoles, notices, lookalikes, support calls, sign-ins, other systems at the same
account.

Judged, of ordinary life: three receivers report each day, of forwarders and a little mail that
passes neither way; once in 200 days a service that was forgotten sends a newsletter as us. Keys are
rotated twice a year, the new selector named before. Colleagues change something at a provider as
often as ``account_drift`` says of those that nobody announced, and three times as often announced;
each change brings a notice of the provider, and what nobody announced is accepted within hours. A
provider speaks of an outage that is none of ours once in two months, of a break-in once in two
years; phishing in its name comes weekly. A lookalike begins to show a page once in two months, to
take mail twice a year. Somebody tries names at the honey domain once a month. The desk gets a call
every third day. Another system sends by hand through our account once in ten days.
"""

import math
from collections.abc import Iterator
from random import Random

import msgspec

from mailkeep.accounts.events import ChangeHeld, FactorBound, SignedInFact
from mailkeep.base.clock import DAY, HOUR, MINUTE, SECOND, Instant
from mailkeep.mail.events import ForeignMailReported
from mailkeep.watch.events import (
    DmarcReported,
    HoneyMailArrived,
    LookalikeSeen,
    PostureAccepted,
    PostureChanged,
    PostureRead,
    ProviderNoticed,
    SupportClaimed,
    VolumeTold,
)
from mailkeep.watch.report_types import Source
from mailkeep.watch.types import Hypothesis, WatchSettings, domain_subject

from .company import Timed, Truth
from .mishaps import Mishaps
from .outside import Outside
from .owners import Owners

DOMAIN = "shop.example"
BELIEVED = ("google.com", "microsoft.com", "yahooinc.com")
#: Days between two changes of a sort that nobody announced, at one provider.
UNANNOUNCED = {
    ("template", False): 15.0,
    ("webhook", False): 24.0,
    ("key", False): 66.0,
    ("user", False): 66.0,
    ("sender", True): 180.0,
    ("domain", True): 300.0,
    ("export", False): 300.0,
    ("webhook", True): 1000.0,
}
LISTS = ("senders", "domains", "keys", "users", "webhooks", "templates")
ANNOUNCED = 3.0  #: times as many are announced


def settings(of: WatchSettings, providers: tuple[str, ...]) -> WatchSettings:
    """The settings that such a house has: its selectors, whose reports it believes."""
    selectors = {f"{name}{n}": name for name in providers for n in range(2)}
    dmarc = msgspec.structs.replace(of.dmarc_stranger, selectors=selectors, believe=BELIEVED)
    return msgspec.structs.replace(of, dmarc_stranger=dmarc)


class Beside:
    """The days of a house, beside its mail.

    Args:
        addresses: how many customers there are.
        truths: to which is added what is really going on.
        mails: an hour through each provider, in the mean.
        unannounced: colleagues change things and tell nobody.
    """

    def __init__(
        self,
        providers: tuple[str, ...],
        addresses: int,
        seed: int,
        truths: list[Truth],
        mails: float,
        *,
        unannounced: bool,
    ) -> None:
        self._providers = providers
        self._addresses = addresses
        self._unannounced = unannounced
        self._chance = Random(f"beside {seed}")
        self._outside = Outside(providers, DOMAIN, seed)
        self._owners = Owners(providers, addresses, seed, truths)
        self.mishaps = Mishaps(providers, LISTS, seed)
        self._number = 0
        self._truths = truths
        self._mails = mails
        self._by_hand: list[tuple[Instant, str]] = []
        #: mails that each provider sent, others' systems included.
        self.sent = dict.fromkeys(providers, 0)

    def hour(self, hour: Instant) -> Iterator[Timed]:
        """What the providers' counters say; called before what the hour brings is known."""
        while self._by_hand and self._by_hand[0][0] < hour:
            self.sent[self._by_hand.pop(0)[1]] += 1
        for provider in self._providers:
            told = VolumeTold(
                provider=provider, window="all_time", count=self.sent[provider], what="sent"
            )
            yield hour + MINUTE, told

    def day(self, day: Instant, *, first: bool) -> list[Timed]:
        """What a day brings, at whatever time of it."""
        out: list[Timed] = []
        if first:
            out += [
                (day, PostureRead(provider=one, lists=LISTS, anew=LISTS, items={}))
                for one in self._providers
            ]
            out += [(day, self._lookalike(fresh=False)) for _ in range(20)]
        self._reports(out, day)
        for provider in self._providers:
            self._colleagues(out, day, provider)
            self._notices(out, day, provider)
            if self._chance.random() < 0.1:
                mail, at = (
                    ForeignMailReported(provider=provider, mail=self._name("mail"), why="unmarked"),
                    self._when(day),
                )
                self._by_hand = sorted([*self._by_hand, (at, provider)])
                out.append((at, mail))
        self._people(out, day)
        for one in (self._outside, self._owners, self.mishaps):
            out += one.day(day)
        if self._chance.random() < 1 / 60:
            out.append((self._when(day), self._lookalike(fresh=True)))
        if self._chance.random() < 1 / 30:
            tried = self._chance.randrange(3, 40)
            provider = self._chance.choice(self._providers)
            hit = HoneyMailArrived(
                provider=provider, honey=f"adr_honey_{provider}", words=("link",), strays=tried
            )
            out.append((self._when(day), hit))
        return out

    def _name(self, kind: str) -> str:
        self._number += 1
        return f"{kind}_{self._number}"

    def _when(self, day: Instant) -> Instant:
        """During the working day."""
        return day + 7 * HOUR + round(self._chance.random() * 11 * HOUR)

    def _often(self, a_day: float) -> range:
        """A Poisson count."""
        left, count = math.exp(-a_day), 0
        product = self._chance.random()
        while product > left:
            product *= self._chance.random()
            count += 1
        return range(count)

    def _lookalike(self, *, fresh: bool) -> LookalikeSeen:
        mx = self._chance.random() < 0.25
        return LookalikeSeen(
            domain=DOMAIN,
            name=self._name("shop") + ".example",
            way="typo",
            mx=mx,
            address=True,
            fresh=fresh,
        )

    def _reports(self, out: list[Timed], day: Instant) -> None:
        """Of the day before."""
        chance = self._chance
        rotated = day // DAY // 182 % 2
        forgotten = chance.random() < 1 / 200
        if forgotten:  # it is so: somebody sends as us
            domain = domain_subject(DOMAIN)
            truth = Truth(Hypothesis.DOMAIN_ABUSED, domain, day, day + 14 * DAY, "sent past us")
            self._truths.append(truth)
        for reporter in BELIEVED:
            sources = [
                Source(
                    "192.0.2.0/24",
                    round(chance.uniform(3, 10) * self._mails),
                    True,
                    True,
                    f"{name}{rotated}",
                )
                for name in self._providers
            ]
            relayed = round(chance.lognormvariate(1.0, 0.8))
            sources.append(Source("198.51.100.0/24", relayed, False, False, excused=True))
            failed = round(chance.lognormvariate(1.0, 0.8))
            if forgotten:
                failed += chance.randrange(50, 200)
            sources.append(Source("203.0.113.0/24", failed, False, False))
            begin, mails = (day - DAY) // SECOND, sum(one.count for one in sources)
            report = DmarcReported(
                report=self._name("report"),
                reporter=reporter,
                believed=True,
                domain=DOMAIN,
                begin=begin,
                end=begin + 86_399,
                mails=mails,
                failed=failed,
                sources=tuple(sources),
            )
            out.append((day + round(chance.uniform(2, 12) * HOUR), report))

    def _colleagues(self, out: list[Timed], day: Instant, provider: str) -> None:
        for (kind, strange), days in UNANNOUNCED.items():
            times = ANNOUNCED + self._unannounced
            for _ in self._often(times / days):
                at, expected = self._when(day), True
                if self._unannounced:
                    expected = self._chance.random() < ANNOUNCED / times
                name = self._name("chg")
                change = PostureChanged(
                    provider=provider,
                    change=name,
                    item_kind=kind,
                    item=f"item_{name}",
                    what="added",
                    fields=(),
                    strange=strange,
                    expected=expected,
                )
                out.append((at, change))
                noticed = ProviderNoticed(
                    provider=provider, via="mail", notice="change", authentic=True, about=kind
                )
                out.append((at + 2 * MINUTE, noticed))
                if not expected:
                    later = at + round(self._chance.uniform(0.5, 6) * HOUR)
                    out.append(
                        (
                            later,
                            PostureAccepted(provider=provider, changes=(name,), by="key_operator"),
                        )
                    )

    def _notices(self, out: list[Timed], day: Instant, provider: str) -> None:
        for days, via, word, authentic in (
            (60.0, "status", "outage", True),
            (30.0, "mail", "other", True),
            (730.0, "mail", "security", True),
            (7.0, "mail", "suspended", False),
        ):
            if self._chance.random() < 1 / days:
                out.append(
                    (
                        self._when(day),
                        ProviderNoticed(
                            provider=provider, via=via, notice=word, authentic=authentic
                        ),
                    )
                )

    def _people(self, out: list[Timed], day: Instant) -> None:
        chance = self._chance
        for _ in self._often(1 / 3):
            account = f"acc_{chance.randrange(self._addresses)}"
            out.append(
                (self._when(day), SupportClaimed(account=account, what="reset", by="key_desk"))
            )
        for _ in range(40):
            at, account = self._when(day), f"acc_{chance.randrange(self._addresses)}"
            known, factor = chance.random() < 0.85, chance.random() < 0.3
            network, browser = f"net_{chance.randrange(5000)}", self._name("browser")
            session = self._name("ses")
            out.append(
                (
                    at,
                    SignedInFact(
                        account=account,
                        session=session,
                        network=network,
                        browser=browser,
                        factor=factor,
                        known_browser=known,
                    ),
                )
            )
            if chance.random() < 0.05:
                what = chance.choice(("address", "password"))
                until = at + 3 * DAY
                held = ChangeHeld(
                    account=account,
                    change=self._name("change"),
                    what=what,
                    address=None,
                    until=until,
                    factor=factor,
                )
                out.append((at + 5 * MINUTE, held))
            if chance.random() < 0.02:
                bound = FactorBound(
                    account=account,
                    factor=self._name("fac"),
                    factor_kind="totp",
                    browser=browser,
                    network=network,
                )
                out.append((at + 8 * MINUTE, bound))
