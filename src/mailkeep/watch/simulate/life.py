"""Simulates ordinary life, an hour at a time: mail, canaries, recoveries, and unusual days.

Judged: the working day carries ten times the mail of the night, a weekend half of a weekday's.
Reports come in batches, after a median of two seconds with a long tail. One report in a hundred is
a bounce. Once a week a newsletter goes out and people remember that they have an account; once in
thirty days passwords expire; once in sixty days a list is imported of which one address in five is
dead. Gateways open and click what they carry, in storms. A provider is out of order once in thirty
days: it refuses, or answers half of the time, or is slow; for minutes, seldom for hours. What is
refused goes to another one, but for recovery mail; who asked for a reset shows what came. Four
mails in five go to the large families of mailboxes; one of those takes canaries as well, slowly.
"""

import math
from collections import Counter
from collections.abc import Callable, Iterator
from random import Random
from typing import NamedTuple

import msgspec

from mailkeep.base.clock import DAY, HOUR, SECOND, Instant
from mailkeep.events.types import Recorded
from mailkeep.mail.events import AttemptFinished, DeliveryReported, FailedOver
from mailkeep.mail.families import OTHER
from mailkeep.watch.events import CanaryArrived, CanaryRefused, CanarySent
from mailkeep.watch.types import DECOY_MAILBOX, OURS, OWN_MAILBOX, Hypothesis, provider_subject

from .beside import Beside
from .company import START, SimulatedCompany, Timed, Trouble, Truth, hash_of
from .recoveries import Recoveries

ADDRESSES = 20_000
REJECTED = 500  #: one mail in so many is refused for what it says
FAMILIES = ("gmail", "gmail", "gmail", "gmail", "outlook", "outlook", "yahoo", "icloud", "other")


class Canary(NamedTuple):
    """Canaries to one mailbox: in which stream, who keeps it, seconds between two."""

    mailbox: str
    stream: str
    family: str
    every: float


BESIDE = (
    Canary("gmail", "alert", "gmail", 900.0),  # a mailbox that others keep
    Canary(DECOY_MAILBOX, "recovery", OTHER, 3600.0),
)


_OF_DAY = (
    *(0.2, 0.2, 0.2, 0.2, 0.2, 0.3, 0.6, 1.0, 1.6, 2.0, 2.1, 2.0),
    *(1.8, 1.9, 2.0, 1.9, 1.7, 1.4, 1.0, 0.8, 0.6, 0.5, 0.3, 0.2),
)
_OF_WEEK = (1.15, 1.2, 1.2, 1.15, 1.1, 0.6, 0.6)


class Life:
    """The days of a house.

    Args:
        seed: the same house with the same seed lives the same life.
        troubles: beside those that the house has of its own.
        attack: facts of an hour that are none of ordinary life, for (its start, chance).
    """

    def __init__(
        self,
        house: SimulatedCompany,
        seed: int,
        troubles: tuple[Trouble, ...] = (),
        attack: Callable[[Instant, Random], list[Timed]] | None = None,
    ) -> None:
        self.house = house
        self.truths: list[Truth] = []
        self.facts = 0
        #: mails of each trouble that it touched.
        self.touched: Counter[tuple[str, Instant]] = Counter()
        self._chance = Random(seed)
        self._troubles = list(troubles)
        self._attack = attack
        self._number = 0
        self._next_canary: dict[tuple[str, str], Instant] = {}
        own = Canary(OWN_MAILBOX, "alert", OTHER, house.canaries)
        self._sorts = () if not house.canaries else (own, *BESIDE) if house.beside else (own,)
        self._beside = Beside(
            providers=house.providers,
            addresses=ADDRESSES,
            seed=seed,
            truths=self.truths,
            mails=house.mails,
            unannounced=house.unannounced,
        )
        self._recoveries = Recoveries(
            providers=house.providers,
            accounts=ADDRESSES,
            seed=seed,
            chance=self._chance,
            send=self._proof_sent,
        )

    def run(self, days: float, start: Instant = START) -> Iterator[Recorded]:
        """The log of so many days, placed as it happens."""
        waiting: list[Timed] = []
        hour, end = start, start + round(days * DAY)
        while hour < end:
            if (hour - start) % DAY == 0 and self.house.troubles:
                self._plan(hour)
            if self.house.beside:
                if (hour - start) % DAY == 0:
                    waiting += self._beside.day(hour, first=hour == start)
                waiting += self._beside.hour(hour)
            waiting += self._hour(hour)
            waiting.sort(key=_when)
            hour += HOUR
            cut = len(waiting)
            while cut and waiting[cut - 1][0] >= hour:
                cut -= 1
            for at, fact in waiting[:cut]:
                self.facts += 1
                yield Recorded(self.facts, at, at, f"evt_{self.facts}", fact)
            del waiting[:cut]

    def _plan(self, day: Instant) -> None:
        """The outages that begin on a day."""
        chance = self._chance
        self._troubles = [one for one in self._troubles if one.end > day - DAY]
        for provider in self.house.providers:
            if chance.random() >= 1 / self.house.troubles:
                continue
            start = day + round(chance.random() * DAY)
            lasts = chance.lognormvariate(math.log(1500), 1.0)
            end = start + round(min(lasts, 8 * 3600.0) * SECOND)
            shape = chance.choice(("hard", "grey", "slow"))
            trouble = Trouble(provider, start, end, refuses=1.0)
            if shape == "grey":
                word = chance.choice(("unavailable", "ambiguous"))
                trouble = Trouble(provider, start, end, refuses=0.5, word=word)
            elif shape == "slow":
                trouble = Trouble(provider, start, end, slow=600.0)
            self._troubles.append(trouble)
            # What was slow is felt until it has drained, and weighs until it is taken back.
            until = end + 2 * HOUR
            subject = provider_subject(provider)
            self.truths.append(Truth(Hypothesis.PROVIDER_SILENT, subject, start, until, shape))

    def _hour(self, hour: Instant) -> list[Timed]:
        out: list[Timed] = []
        factor = resets = dead = 1.0
        day, of_day = (hour // DAY) % 420, (hour // HOUR) % 24
        if self.house.cycles:
            factor = _OF_DAY[of_day] * _OF_WEEK[(hour // DAY + 3) % 7]
            resets = factor
            dead = 20.0 if day % 60 == 17 and of_day in {10, 11} else 1.0
            if day % 7 == 3 and of_day == 9:
                factor *= 10  # the newsletter
            if day % 7 == 3 and of_day in {9, 10}:
                resets *= 2
            if day % 30 == 11 and 7 <= of_day <= 18:
                resets *= 4  # passwords expire
            if dead > 1:
                factor *= 5
        for provider in self.house.providers:
            self._mail(out, provider, hour, self.house.mails * factor, 0.01 * dead)
            for sort in self._sorts:
                self._canaries(out, provider, hour, sort)
        for when in self._times(hour, self.house.recoveries / 24 * resets):
            self._number += 1
            self._recoveries.ask(out, when, self._number)
        if self.house.beside:
            self._recoveries.rehearse(out, hour, self.house.rehearsals / 24 * resets)
        if self._attack is not None:
            out += self._attack(hour, self._chance)
        return out

    def _times(self, hour: Instant, count: float) -> Iterator[Instant]:
        """A Poisson stream within the hour."""
        if count <= 0:
            return
        when, scale = float(hour), HOUR / count
        while (when := when + self._chance.expovariate(1.0) * scale) < hour + HOUR:
            yield round(when)

    def _mail(
        self, out: list[Timed], provider: str, hour: Instant, count: float, bounces: float
    ) -> None:
        chance = self._chance
        troubles = [one for one in self._troubles if one.provider == provider]
        for at in self._times(hour, count):
            self._number += 1
            message, address = f"m{self._number}", f"adr_{chance.randrange(ADDRESSES)}"
            self._attempt(out, provider, at, message, "bulk", address, troubles, bounces)

    def _proof_sent(
        self, out: list[Timed], provider: str, at: Instant, message: str, address: str
    ) -> Instant | None:
        troubles = [one for one in self._troubles if one.provider == provider]
        return self._attempt(out, provider, at, message, "recovery", address, troubles)

    def _attempt(
        self,
        out: list[Timed],
        provider: str,
        at: Instant,
        message: str,
        stream: str,
        address: str,
        troubles: list[Trouble],
        bounces: float = 0.01,
        *,
        tried: bool = False,
    ) -> Instant | None:
        """One mail through a provider: taken or not, and what is reported of it; when it arrived.

        Args:
            tried: another provider refused it before.
        """
        chance = self._chance
        outcome, lost, slow = self._fate(at, stream, troubles)
        if self.house.beside and outcome == "accepted" and hash_of(message) % REJECTED == 0:
            outcome = "rejected"
        seconds = chance.lognormvariate(-1.5, 0.5)
        family = FAMILIES[hash_of(address) % len(FAMILIES)]
        out.append(
            (
                at,
                AttemptFinished(
                    message=message,
                    attempt=f"{message}_{provider}",
                    provider=provider,
                    stream=stream,
                    address=address,
                    outcome=outcome,
                    detail="",
                    seconds=seconds,
                    family=family,
                ),
            )
        )
        if outcome == "rejected":
            return None  # about the message: no other provider is tried
        if outcome != "accepted":
            if stream != "recovery" and not tried and len(self.house.providers) > 1:
                self._move(out, provider, at + SECOND, message, stream, address, outcome)
            return None
        self._beside.sent[provider] += 1
        if lost:
            return None
        late = arrived = at + round((chance.lognormvariate(0.7, 0.9) + slow) * SECOND)
        if self.house.batch:
            batch = round(self.house.batch * SECOND)
            late += batch - late % batch
        roll = chance.random()
        event = "bounced" if roll < bounces else "delivered"
        report = DeliveryReported(
            provider=provider,
            claim=message,
            event=event,
            message=message,
            stream=stream,
            address=address,
            at_provider=None,
        )
        out.append((late, report))
        if roll > 0.9:  # a gateway looks into it
            seen = late + round(22 * SECOND * chance.random())
            for word in ("opened", "clicked"):
                out.append((seen, msgspec.structs.replace(report, event=word)))
        return arrived if event == "delivered" else None

    def _move(
        self,
        out: list[Timed],
        left: str,
        at: Instant,
        message: str,
        stream: str,
        address: str,
        because: str,
    ) -> None:
        """What one refused goes to another, once."""
        taken = self._chance.choice([one for one in self.house.providers if one != left])
        moved = FailedOver(message=message, stream=stream, left=left, taken=taken, because=because)
        out.append((at, moved))
        troubles = [one for one in self._troubles if one.provider == taken]
        self._attempt(out, taken, at + SECOND, message, stream, address, troubles, tried=True)

    def _fate(
        self, at: Instant, stream: str, troubles: list[Trouble], *, canary: bool = False
    ) -> tuple[str, bool, float]:
        """What becomes of a mail: the answer, whether it is lost, seconds that it is held back."""
        outcome, lost, slow = "accepted", False, 0.0
        for one in troubles:
            if not one.start <= at < one.end or (canary and one.spares):
                continue
            if one.streams and stream not in one.streams:
                continue
            if one.refuses and self._chance.random() < one.refuses:
                outcome = one.word
            if one.drops and self._chance.random() < one.drops:
                lost = True
            if one.slow:
                slow += one.slow * self._chance.lognormvariate(0.0, 0.5)
            if outcome != "accepted" or lost or slow:
                self.touched[one.provider, one.start] += 1
        return outcome, lost, slow

    def _canaries(self, out: list[Timed], provider: str, hour: Instant, sort: Canary) -> None:
        """Canaries of a sort. Those to a mailbox that others keep are slow, at times greylisted,
        and seldom lost; decoys pass for recovery mail, so nobody spares them."""
        chance, mishaps = self._chance, self._beside.mishaps
        own, decoy = sort.mailbox == OWN_MAILBOX, sort.stream == "recovery"
        troubles = [one for one in self._troubles if one.provider == provider]
        at = max(self._next_canary.get((provider, sort.mailbox), 0), hour)
        while at < hour + HOUR:
            self._number += 1
            name = f"c{self._number}"
            outcome, lost, slow = self._fate(at, sort.stream, troubles, canary=not decoy)
            if self.house.beside and outcome == "accepted" and mishaps.refused():
                outcome = "rejected"
            seconds = chance.lognormvariate(0.0, 0.45) + slow
            if sort.family != OTHER:
                seconds = chance.lognormvariate(2.0, 0.7) + slow
                seconds += chance.uniform(300, 900) if chance.random() < 0.005 else 0.0
                lost = lost or chance.random() < 0.002
            answer = AttemptFinished(
                message=name,
                attempt=name,
                provider=provider,
                stream=sort.stream,
                address=f"adr_{name}",
                outcome=outcome,
                detail="",
                seconds=0.2,
                family=sort.family,
            )
            out.append((at, answer))
            if outcome == "accepted":
                self._beside.sent[provider] += 1
                out.append((at, CanarySent(provider=provider, message=name, mailbox=sort.mailbox)))
                if not lost:
                    strangers = self._strangers() if own else ()
                    failed = () if sort.family == OTHER else mishaps.failed(provider, at)
                    signed = mishaps.signed(provider, at) if sort.mailbox in OURS else ()
                    arrived = CanaryArrived(
                        provider=provider,
                        message=name,
                        seconds=seconds,
                        strangers=strangers,
                        mailbox=sort.mailbox,
                        failed=failed,
                        signed=signed,
                    )
                    out.append((at + round(seconds * SECOND), arrived))
                    self._reported(out, provider, at, name, seconds, sort.stream)
            elif outcome == "rejected":
                out.append((at, CanaryRefused(provider=provider, message=name, outcome=outcome)))
            at += round(sort.every * chance.uniform(0.8, 1.2) * SECOND)
        self._next_canary[provider, sort.mailbox] = at

    def _reported(
        self,
        out: list[Timed],
        provider: str,
        at: Instant,
        name: str,
        took: float,
        stream: str,
    ) -> None:
        """A provider reports a canary as any other mail."""
        heard = at + self._batched(round((took + self._chance.lognormvariate(0.0, 0.6)) * SECOND))
        report = DeliveryReported(
            provider=provider,
            claim=name,
            event="delivered",
            message=name,
            stream=stream,
            address=f"adr_{name}",
            at_provider=None,
        )
        out.append((heard, report))

    def _batched(self, late: int) -> int:
        """Reports wait for the webhook that brings them."""
        if not self.house.batch:
            return late
        batch = round(self.house.batch * SECOND)
        return late + batch - late % batch

    def _strangers(self) -> tuple[str, ...]:
        """Hosts in a canary that are not ours; an innocent one about once in three years."""
        innocent = self.house.canaries / (3 * 365 * 86_400)
        return (f"links{self._number}.example",) if self._chance.random() < innocent else ()


def _when(one: Timed) -> Instant:
    return one[0]
