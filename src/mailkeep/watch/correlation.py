"""Correlation: sums signals into opinions by Bayes: log odds = prior + what each signal adds
(pure).

What a liar could do with it, and why it does not work:
- say the same thing often: one detector counts once for a subject;
- show one fact to several detectors: of signals that share facts one counts (``weighing``);
- feed several detectors that see the same matter: each family's sum is capped;
- stage attacks from outside to have a provider cut off, or anybody else accused: of all but a
  campaign, what outsiders can stage counts only beside our own evidence about that very subject,
  and never more than a cap for all of it; half proofs, which whoever has accounts can stage, never
  lift it above the closing line alone;
- target many accounts to have as many people woken: of each kind of subject the gravest few are
  held, and many targeted accounts are evidence of one campaign.

To stage a campaign is to run one, so there outsiders' signs count as they are.
"""

import math
from collections import Counter
from collections.abc import Sequence

import msgspec

from mailkeep.base.clock import Instant

from .hearing import Hearing
from .types import (
    ABOUT,
    MOST_EVENTS,
    RESETS,
    CorrelationSettings,
    Family,
    Forger,
    Hypothesis,
    Signal,
    Subject,
)
from .weighing import (
    NO_BONUS,
    RANK,
    Bonus,
    Caps,
    Sure,
    Weighed,
    most,
    order,
    other_way,
    parts,
    total,
)

MOST_HELD = 16  #: accounts, domains and mailbox services about which an opinion is formed, each
MOST_NAMED = 4  #: accounts that a reason names
ACCOUNTS = "accounts"  #: stands as the detector of the term for many targeted accounts
DOUBTED = 2.4  #: nats of what stands in mails that arrived which do not count for a cut
NOTABLE = 3.0  #: nats about an account over which it counts towards a campaign
JOINED, JOINED_HIGHEST = 2.0, 6.0  #: nats for each doubling of targeted accounts; judged

#: Kinds of subject that can be framed, or over which people can be woken for nothing.
_ACCUSES = frozenset(ABOUT.values()) - {ABOUT[Hypothesis.CAMPAIGN]}
_MANY = frozenset({"account", "domain", "mailbox"})  #: kinds of subject that outsiders can multiply


class Term(msgspec.Struct, frozen=True):
    """One reason of an opinion. ``counted`` is what of ``weight`` went into the sum, in nats;
    ``said``: the most that its detector said when that was new, of all that weighs anything yet."""

    detector: str
    family: Family
    weight: float
    counted: float
    note: str
    reason: str
    events: tuple[str, ...]
    own_observation: bool
    forger: Forger
    said: float = 0.0


class Opinion(msgspec.Struct, frozen=True):
    """How likely a hypothesis about a subject is, and why.

    Attributes:
        hypothesis: what is likely decides what may be done. A compromised provider is cut off. A
            silent one is left by routing (``mail.services.rest_provider``) and never cut for it:
            a cut distrusts its reports and voids what went through it, which an outage does not
            deserve, and ends the canaries that would show it coming back.
        may_cut_automatically: an open opinion that the provider is compromised, with a sign that
            we observed ourselves and that nobody outside could have staged. Never for silence, nor
            for what stands in a mail that arrived alone.
        firm: its log odds by what nobody outside could have staged; that a provider is compromised,
            without what counts for no cut (``DOUBTED``).
    """

    hypothesis: Hypothesis
    subject: Subject
    prior: float
    log_odds: float
    open: bool
    may_cut_automatically: bool
    terms: tuple[Term, ...]
    firm: float

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


def hear(beliefs: Beliefs, *signals: Signal) -> Beliefs:
    """Add signals to the beliefs, one after the other; bounded fairly, as ``hearing`` says."""
    hearing = Hearing(beliefs.signals)
    for one in signals:
        hearing.take(one)
    return msgspec.structs.replace(beliefs, signals=hearing.signals)


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
            if hypothesis is Hypothesis.ACCOUNT_TARGETED and signal.subject.kind == "account":
                asked.add((Hypothesis.CAMPAIGN, RESETS))
    opinions = [
        _opinion(beliefs, hypothesis, subject, now, settings)
        for hypothesis, subject in _gravest(asked, beliefs, now)
    ]
    opinions.sort(key=lambda one: (-one.log_odds, one.hypothesis, one.subject))
    still = tuple((one.hypothesis, one.subject) for one in opinions if one.open)
    return msgspec.structs.replace(beliefs, open=still), opinions


def _gravest(
    asked: set[tuple[Hypothesis, Subject]], beliefs: Beliefs, now: Instant
) -> list[tuple[Hypothesis, Subject]]:
    """The questions that are worth asking: of each kind that outsiders can multiply, only the
    ``MOST_HELD`` with the most evidence; what nobody could stage first."""
    firm = dict.fromkeys(asked, 0.0)
    loud = dict.fromkeys(asked, 0.0)
    for signal in beliefs.signals:
        for hypothesis in signal.evidence:
            question, weight = (hypothesis, signal.subject), signal.weight(hypothesis, now)
            if question not in loud:
                continue
            loud[question] = max(loud[question], weight)
            if signal.forger is Forger.NOBODY:
                firm[question] = max(firm[question], weight)
    kept, taken = [], Counter[Hypothesis]()
    for question in sorted(asked, key=lambda one: (-firm[one], -loud[one], one)):
        hypothesis, subject = question
        taken[hypothesis] += 1
        if subject.kind not in _MANY or taken[hypothesis] <= MOST_HELD:
            kept.append(question)
    return sorted(kept)


def _opinion(
    beliefs: Beliefs,
    hypothesis: Hypothesis,
    subject: Subject,
    now: Instant,
    settings: CorrelationSettings,
) -> Opinion:
    bearing = _bearing(beliefs, hypothesis, subject, now)
    prior = settings.prior[hypothesis]
    accuses = subject.kind in _ACCUSES
    backed = not accuses or any(
        one.signal.subject == subject and _ours(one.signal) and one.weight >= settings.backing
        for one in bearing
    )
    caps = Caps(settings.family_cap, settings.staged_cap if accuses else math.inf)
    able = [one for one in bearing if backed or one.signal.forger is not Forger.ANYONE]
    targeted = _Targeted(beliefs, now, settings) if hypothesis is Hypothesis.CAMPAIGN else None
    chosen = most(able, caps, NO_BONUS if targeted is None else targeted.bonus())
    terms = _terms(hypothesis, bearing, chosen, caps, backed=backed)
    if targeted is not None:
        terms += targeted.terms(chosen)
    whole = prior + math.fsum(term.counted for term in terms)
    sure = Sure(able, caps)
    if not backed:
        # Evidence that could be staged neither opens nor keeps open.
        whole = min(whole, max(prior + sure.nats, settings.close_at - 0.01))
    line = settings.close_at if (hypothesis, subject) in beliefs.open else settings.open_at
    is_open = whole >= line
    firm, may_cut = prior + sure.nats, False
    if hypothesis is Hypothesis.PROVIDER_COMPROMISED:
        # Who is in the way of our own listener writes into a mail what they like. What stands
        # without any mail stands with one as well: the more is seen, the more counts.
        unread = [one for one in able if one.signal.family is not Family.CONTENT]
        rest = Sure(unread, caps)
        without = rest.nats if not backed else total(most(unread, caps), caps)
        may_cut = is_open and (
            (rest.observed(settings.backing) and prior + without >= line)
            or (sure.observed(settings.backing) and whole - DOUBTED >= settings.open_at)
        )
        firm = prior + max(sure.nats - DOUBTED, rest.nats)
    return Opinion(hypothesis, subject, prior, whole, is_open, may_cut, terms, firm)


def _bearing(
    beliefs: Beliefs, hypothesis: Hypothesis, subject: Subject, now: Instant
) -> list[Weighed]:
    """The signals that bear on the question, and what is left of each."""
    out = []
    for signal in beliefs.signals:
        about = signal.subject == subject or hypothesis is Hypothesis.CAMPAIGN
        # Evidence about resets at large may bear on any provider; on no other subject.
        about = about or (signal.subject == RESETS and subject.kind == "provider")
        weight = signal.weight(hypothesis, now) if about else 0.0
        if weight > 0:
            out.append(Weighed(signal, weight))
    return out


def _terms(
    hypothesis: Hypothesis,
    bearing: list[Weighed],
    chosen: tuple[Weighed, ...],
    caps: Caps,
    *,
    backed: bool,
) -> tuple[Term, ...]:
    """A term for each detector: what of it counts, or why nothing does."""
    counted = {id(one): nats for one, nats in parts(chosen, caps)}
    little = other_way(chosen, caps)
    shown = {one.signal.detector: one for one in chosen}
    said = dict[str, float]()
    for one in sorted(bearing, key=order):
        name, fresh = one.signal.detector, one.signal.evidence[hypothesis]
        shown.setdefault(name, one)
        said[name] = max(said.get(name, 0.0), fresh)
    out = []
    for one in sorted(shown.values(), key=order):
        signal, nats, note = one.signal, counted.get(id(one), 0.0), ""
        if id(one) not in counted:
            note = "rests on facts already counted"
            if signal.forger is Forger.ANYONE and not backed:
                note = "anyone could stage it, and we saw nothing of this ourselves"
        elif nats < one.weight:
            note = "capped: sees the same matter as another"
            if signal.detector == little:
                note = "tells of another way in than a graver sign, or of the same act"
        out.append(
            Term(
                signal.detector,
                signal.family,
                one.weight,
                nats,
                note,
                signal.reason,
                signal.events,
                signal.own_observation,
                signal.forger,
                said[signal.detector],
            )
        )
    return tuple(out)


class _Targeted:
    """Accounts that somebody is after, as evidence of one campaign.

    An account counts 1 when what is said of it would open its own opinion; what counts nothing
    there counts nothing here. Signals that share a fact with what was counted for the campaign
    already add nothing. Nor do those below ``NOTABLE``: where many people reset, some accounts are
    always visited strangely, and only the detector knows how many are usual.
    """

    def __init__(self, beliefs: Beliefs, now: Instant, settings: CorrelationSettings) -> None:
        hypothesis = Hypothesis.ACCOUNT_TARGETED
        self._enough = settings.open_at - settings.prior[hypothesis]
        self._of: dict[str, list[Weighed]] = {}
        for signal in beliefs.signals:
            weight = signal.weight(hypothesis, now) if signal.subject.kind == "account" else 0.0
            if weight > NOTABLE:
                self._of.setdefault(signal.subject.id, []).append(Weighed(signal, weight))
        for name, said in tuple(self._of.items()):
            if any(_ours(one.signal) and one.weight >= settings.backing for one in said):
                continue
            self._of[name] = [one for one in said if one.signal.forger is not Forger.ANYONE]

    def bonus(self) -> Bonus:
        facts = {fact for said in self._of.values() for one in said for fact in one.signal.events}
        return Bonus(self._nats, frozenset(facts))

    def terms(self, chosen: tuple[Weighed, ...]) -> tuple[Term, ...]:
        nats = self._nats(chosen)
        if nats <= 0:
            return ()
        said = sorted(self._counted(chosen).items(), key=lambda one: (-one[1].weight, one[0]))
        names = ", ".join(name for name, _ in said[:MOST_NAMED])
        others = f" and {len(said) - MOST_NAMED} more" if len(said) > MOST_NAMED else ""
        facts = dict.fromkeys(fact for _, one in said for fact in one.signal.events[-1:])
        return (
            Term(
                ACCOUNTS,
                Family.TAKEOVER,
                nats,
                nats,
                "",
                f"somebody may be after {len(said)} accounts: {names}{others}",
                tuple(facts)[:MOST_EVENTS],
                all(one.signal.own_observation for _, one in said),
                max((one.signal.forger for _, one in said), key=RANK.__getitem__),
            ),
        )

    def _nats(self, chosen: Sequence[Weighed]) -> float:
        count = math.fsum(
            min(1.0, one.weight / self._enough) for one in self._counted(chosen).values()
        )
        return min(JOINED_HIGHEST, JOINED * math.log2(max(1.0, count)))

    def _counted(self, chosen: Sequence[Weighed]) -> dict[str, Weighed]:
        """Of each account what says most and was not counted otherwise."""
        used = {
            fact
            for one in chosen
            if one.signal.subject.kind != "account"
            for fact in one.signal.events
        }
        out = {}
        for name, said in self._of.items():
            free = [one for one in said if used.isdisjoint(one.signal.events)]
            if free:
                out[name] = min(free, key=lambda one: (-one.weight, order(one)))
        return out


def _ours(signal: Signal) -> bool:
    """Whether what outsiders can stage counts beside it."""
    return signal.backs and signal.own_observation and signal.forger is Forger.NOBODY
