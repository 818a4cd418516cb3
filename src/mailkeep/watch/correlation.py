"""From signals to opinions (pure): log odds = prior + the sum of what each signal adds.

What a liar could do with it, and why it does not work:
- say the same thing often: one detector counts once for a subject, with its strongest signal;
- show one fact to several detectors: signals that share facts count once;
- feed several detectors that see the same matter: each family's sum is capped;
- stage attacks from outside to have a provider cut off: what outsiders can stage counts against a
  provider only beside our own evidence about that provider; half proofs, which whoever has accounts
  can stage, never lift it above the closing line alone.
"""

import math
from collections import Counter

import msgspec

from mailkeep.base.clock import Instant

from .types import (
    ABOUT,
    RESETS,
    CorrelationSettings,
    Family,
    Forger,
    Hypothesis,
    Signal,
    Subject,
)

MOST_SIGNALS = 512  #: more than there are pairs of a detector and a subject
MOST_ALIKE = 8  #: signals kept of one detector about one subject

_RANK = {Forger.NOBODY: 0, Forger.CUSTOMERS: 1, Forger.ANYONE: 2}


class Term(msgspec.Struct, frozen=True):
    """One reason of an opinion. ``counted`` is what of ``weight`` went into the sum, in nats."""

    detector: str
    family: Family
    weight: float
    counted: float
    note: str
    reason: str
    events: tuple[str, ...]
    own_observation: bool
    forger: Forger


class Opinion(msgspec.Struct, frozen=True):
    """How likely a hypothesis about a subject is, and why.

    Attributes:
        hypothesis: what is likely decides what may be done. A compromised provider is cut off. A
            silent one is left by routing (``mail.services.rest_provider``) and never cut for it:
            a cut distrusts its reports and voids what went through it, which an outage does not
            deserve, and ends the canaries that would show it coming back.
        may_cut_automatically: an open opinion that the provider is compromised, with a sign that
            we observed ourselves and that nobody outside could have staged. Never for silence.
    """

    hypothesis: Hypothesis
    subject: Subject
    prior: float
    log_odds: float
    open: bool
    may_cut_automatically: bool
    terms: tuple[Term, ...]

    @property
    def probability(self) -> float:
        return 1 / (1 + math.exp(-self.log_odds))

    def explain(self) -> str:
        """The sum, a line a term, in nats."""
        lines = [f"{self.hypothesis} of {self.subject.id}: {self.log_odds:+.1f} nats"]
        lines.append(f"  {self.prior:+.1f} before any evidence")
        for term in self.terms:
            note = f" ({term.note})" if term.note else ""
            lines.append(f"  {term.counted:+.1f} {term.detector}: {term.reason}{note}")
        return "\n".join(lines)


class Beliefs(msgspec.Struct, frozen=True):
    """The signals that still weigh, and the opinions that are open."""

    signals: tuple[Signal, ...] = ()
    open: tuple[tuple[Hypothesis, Subject], ...] = ()


def hear(beliefs: Beliefs, signal: Signal) -> Beliefs:
    """The beliefs with one more signal.

    Bounded fairly: what is over the bound is taken from the detector and subject of which most is
    kept, so that many signals of one never push out what another said; of equals, what outsiders
    can stage goes first, then the weakest.
    """
    kept = [one for one in beliefs.signals if one.expires_at > signal.at]
    if signal.restates:
        kept = [one for one in kept if not _same(one, signal)]
        if not signal.evidence:
            return msgspec.structs.replace(beliefs, signals=tuple(kept))
    alike = [one for one in kept if _same(one, signal)]
    if len(alike) >= MOST_ALIKE:
        kept.remove(min(alike, key=lambda one: _strength(one, signal.at)))
    kept.append(signal)
    if len(kept) > MOST_SIGNALS:
        kept.remove(_dispensable(kept, signal.at))
    return msgspec.structs.replace(beliefs, signals=tuple(kept))


def weigh(
    beliefs: Beliefs, now: Instant, settings: CorrelationSettings
) -> tuple[Beliefs, list[Opinion]]:
    """Every opinion that any signal bears on, the likeliest first, and which are open now."""
    asked = set(beliefs.open)
    for signal in beliefs.signals:
        for hypothesis in signal.evidence:
            if hypothesis is Hypothesis.CAMPAIGN:
                asked.add((hypothesis, RESETS))
            elif signal.subject.kind == ABOUT[hypothesis]:
                asked.add((hypothesis, signal.subject))
    opinions = [
        _opinion(beliefs, hypothesis, subject, now, settings)
        for hypothesis, subject in sorted(asked)
    ]
    opinions.sort(key=lambda one: (-one.log_odds, one.hypothesis, one.subject))
    still = tuple((one.hypothesis, one.subject) for one in opinions if one.open)
    return msgspec.structs.replace(beliefs, open=still), opinions


def _opinion(
    beliefs: Beliefs,
    hypothesis: Hypothesis,
    subject: Subject,
    now: Instant,
    settings: CorrelationSettings,
) -> Opinion:
    bearing = _bearing(beliefs, hypothesis, subject, now)
    backed = any(
        signal.subject == subject and _ours(signal) and weight >= settings.backing
        for signal, weight in bearing
    )
    prior = settings.prior[hypothesis]
    terms = _terms(bearing, hypothesis, backed=backed, settings=settings)
    total = prior + sum(term.counted for term in terms)
    about_provider = hypothesis is not Hypothesis.CAMPAIGN
    if about_provider and not backed:
        firm = prior + sum(term.counted for term in terms if term.forger is Forger.NOBODY)
        # Evidence that could be staged neither opens nor keeps open.
        total = min(total, max(firm, settings.close_at - 0.01))
    line = settings.close_at if (hypothesis, subject) in beliefs.open else settings.open_at
    is_open = total >= line
    observed = any(
        term.own_observation and term.forger is Forger.NOBODY and term.counted >= settings.backing
        for term in terms
    )
    return Opinion(
        hypothesis,
        subject,
        prior,
        total,
        is_open,
        is_open and hypothesis is Hypothesis.PROVIDER_COMPROMISED and observed,
        terms,
    )


def _bearing(
    beliefs: Beliefs, hypothesis: Hypothesis, subject: Subject, now: Instant
) -> list[tuple[Signal, float]]:
    """The strongest signal of each detector that bears on the question: firm ones first."""
    strongest: dict[str, tuple[Signal, float]] = {}
    for signal in beliefs.signals:
        ours = signal.subject == subject or (
            hypothesis is Hypothesis.CAMPAIGN or signal.subject == RESETS
        )
        weight = signal.weight(hypothesis, now) if ours else 0.0
        if weight and weight > strongest.get(signal.detector, (signal, 0.0))[1]:
            strongest[signal.detector] = (signal, weight)
    return sorted(
        strongest.values(), key=lambda one: (_RANK[one[0].forger], -one[1], one[0].detector)
    )


def _terms(
    bearing: list[tuple[Signal, float]],
    hypothesis: Hypothesis,
    *,
    backed: bool,
    settings: CorrelationSettings,
) -> tuple[Term, ...]:
    used: set[str] = set()
    room = dict(settings.family_cap)
    terms = []
    for signal, weight in bearing:
        counted, note = weight, ""
        staged = signal.forger is Forger.ANYONE and hypothesis is not Hypothesis.CAMPAIGN
        if staged and not backed:
            counted, note = 0.0, "anyone could stage it, and we saw nothing of this ourselves"
        elif used.intersection(signal.events):
            counted, note = 0.0, "rests on facts already counted"
        else:
            left = room.get(signal.family, weight)
            if counted > left:
                counted, note = left, "capped: sees the same matter as another"
            room[signal.family] = left - counted
            used.update(signal.events)
        terms.append(
            Term(
                signal.detector,
                signal.family,
                weight,
                counted,
                note,
                signal.reason,
                signal.events,
                signal.own_observation,
                signal.forger,
            )
        )
    return tuple(terms)


def _ours(signal: Signal) -> bool:
    return signal.own_observation and signal.forger is Forger.NOBODY


def _same(one: Signal, other: Signal) -> bool:
    return one.detector == other.detector and one.subject == other.subject


def _dispensable(signals: list[Signal], now: Instant) -> Signal:
    of = Counter((one.detector, one.subject) for one in signals)
    return min(
        signals,
        key=lambda one: (
            -of[one.detector, one.subject],
            -_RANK[one.forger],
            _strength(one, now),
        ),
    )


def _strength(signal: Signal, now: Instant) -> float:
    return max((signal.weight(one, now) for one in signal.evidence), default=0.0)
