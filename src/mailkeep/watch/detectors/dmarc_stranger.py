"""DMARC reports show mail as our domain that did not come from us.

Sees: ``DmarcReported``, and ``AttemptFinished`` for how much we sent ourselves. Three things:
- *another's key*: a valid signature of our domain under a selector that we never published. Nobody
  but who writes our DNS can bring that about.
- *no signature*: mail as us that passes neither way. A little of it is always there: forwarders and
  mailing lists break signatures, and services of our own were forgotten. What the receiver knows
  for forwarded does not count, nor does mail that only SPF fails of; of the rest a day's usual
  number is learned, and ``factor`` times of it is loud. Once it is known a day teaches no more than
  twice of it: who stays just below what is loud would else double it every few days.
- *too many*: more mail signed with a provider's key than twice what we ever handed it, and fifty.
  Receivers count recipients, and so it is done here.

Evidence (judged): domain abused, another's key 5.5 nats; no signature 4.0 nats at ``factor`` times
the usual and 1 more for each doubling, at most 5.5; too many 3.0. A report that nobody believed
signed adds 1.0 at most, whatever it says: it opens nothing, alone or beside a lookalike. Too many
also speaks for the provider being compromised, 1.5 nats (1.0), which counts only beside our own
evidence of that: it may as well be a mail of ours sent again and again by whoever got it (DKIM
replay).
False alarms: a key or a service that the settings do not name; a newsletter sent past us. Delay:
reports come once a day, so one to two days. Evasion: fewer than the noise, or mail to receivers who
report nothing.
Who could forge it: a report that a believed reporter signed, nobody else: whoever sends such
mail does what it says. Any other report, anyone. Against a provider it is always anyone: whoever
has a mail of ours can send it again. Who holds a key for the journal can say that we sent more.
"""

import math
from collections.abc import Collection

import msgspec

from mailkeep.base.clock import DAY, Instant
from mailkeep.base.wording import counted
from mailkeep.events.types import Recorded
from mailkeep.mail.events import AttemptFinished
from mailkeep.watch.detector import Detector
from mailkeep.watch.events import DmarcReported
from mailkeep.watch.report_types import DmarcStrangerSettings, Source
from mailkeep.watch.types import (
    MOST_EVENTS,
    Family,
    Forger,
    Hypothesis,
    Signal,
    Subject,
    WatchSettings,
    domain_subject,
    provider_subject,
    seconds,
)

NAME = "dmarc_stranger"
MOST = 32  #: domains, providers and things said that are remembered, of each sort of report
MOST_NETWORKS = 16  #: of a day
DAYS = 3  #: that are counted side by side: reporters are not equally quick
SENT_DAYS = 14  #: for which it is known how much we sent
KEY, NOISE, NOISE_MOST, MANY, PROVIDER = 5.5, 4.0, 5.5, 3.0, 1.5
UNBELIEVED = 1.0  #: nats at most, of a report that anyone could have written
TIMES, BEYOND = 2, 50  #: copies and trying again
TEACHES = 2.0  #: times the usual, that one more day may add to it
_DAY = 86_400


class Day(msgspec.Struct, frozen=True):
    """Failing mails of a day, by network the most first, and the facts that said so."""

    count: int = 0
    networks: dict[str, int] = {}
    events: tuple[str, ...] = ()


class Domain(msgspec.Struct, frozen=True):
    """``usual``: failing mails of a day, as so many ``learned`` days taught."""

    usual: float
    days: dict[int, Day] = {}
    learned: int = 0


class State(msgspec.Struct, frozen=True):
    """``domains`` and ``signed``: by what is believed of the reports, then by name. ``sent``: by
    provider and day; ``since``: from when on that is known."""

    settings: DmarcStrangerSettings
    since: Instant | None = None
    domains: dict[str, Domain] = {}
    signed: dict[str, dict[int, int]] = {}
    sent: dict[str, dict[int, int]] = {}
    said: dict[str, Instant] = {}


def start(settings: WatchSettings) -> State:
    return State(settings.dmarc_stranger)


def step(state: State, recorded: Recorded) -> tuple[State, list[Signal]]:
    fact = recorded.fact
    if isinstance(fact, AttemptFinished):
        return _sent(state, fact, recorded.at), []
    if not isinstance(fact, DmarcReported):
        return state, []
    signals: list[Signal] = []
    for look in (_another_key, _no_signature, _too_many):
        state, found = look(state, fact, recorded)
        signals += found
    return state, signals


def _sent(state: State, fact: AttemptFinished, at: Instant) -> State:
    if state.since is None:
        state = msgspec.structs.replace(state, since=at)
    if fact.outcome not in {"accepted", "ambiguous"}:
        return state
    if fact.provider not in state.sent and len(state.sent) >= MOST:
        return state
    sent = _count(state.sent.get(fact.provider, {}), at // DAY, fact.recipients, SENT_DAYS)
    return msgspec.structs.replace(state, sent={**state.sent, fact.provider: sent})


def _count(of: dict[int, int], day: int, more: int, most: int) -> dict[int, int]:
    of = {**of, day: of.get(day, 0) + more}
    return {one: of[one] for one in sorted(of)[-most:]}


def _another_key(
    state: State, fact: DmarcReported, recorded: Recorded
) -> tuple[State, list[Signal]]:
    settings = state.settings
    if not settings.selectors:  # then nobody told us which are ours
        return state, []
    strange = [
        one
        for one in fact.sources
        if one.dkim and one.selector and one.selector not in settings.selectors
    ]
    count = sum(one.count for one in strange)
    if count < settings.signed:
        return state, []
    largest = max(strange, key=lambda one: one.count)
    reason = (
        counted(count, f"mail as {fact.domain} was", f"mails as {fact.domain} were")
        + " signed under a selector that we never published "
        f"({largest.selector}), most from {largest.network}"
    )
    return _say(
        state,
        fact,
        recorded,
        "key",
        domain_subject(fact.domain),
        {Hypothesis.DOMAIN_ABUSED: KEY},
        reason,
    )


def _no_signature(
    state: State, fact: DmarcReported, recorded: Recorded
) -> tuple[State, list[Signal]]:
    settings, key = state.settings, _key(fact, fact.domain)
    domain = state.domains.get(key)
    if domain is None:
        if not _room(state.domains, fact):
            return state, []
        domain = Domain(settings.base_per_day)
    number = (fact.begin + fact.end) // 2 // _DAY
    domain = _learn(domain, number, settings)
    if number not in domain.days:
        return msgspec.structs.replace(state, domains={**state.domains, key: domain}), []
    day = _more(domain.days[number], fact, recorded.id)
    domain = msgspec.structs.replace(domain, days={**domain.days, number: day})
    state = msgspec.structs.replace(state, domains={**state.domains, key: domain})
    loud = max(settings.least, settings.factor * domain.usual)
    if day.count < loud:
        return state, []
    weight = min(NOISE_MOST, NOISE + math.log2(day.count / loud))
    most = next(iter(day.networks), "many networks")
    through = sum(one.count for one in _failing(fact) if one.disposition in {"none", "pass"})
    reason = (
        f"{counted(day.count, 'mail')} of a day as {fact.domain} passed neither way, "
        f"{domain.usual:.0f} are usual; most from {most}; of the newest report {through} were let "
        "through"
    )
    return _say(
        state,
        fact,
        recorded,
        "noise",
        domain_subject(fact.domain),
        {Hypothesis.DOMAIN_ABUSED: weight},
        reason,
        day.events,
    )


def _learn(domain: Domain, number: int, settings: DmarcStrangerSettings) -> Domain:
    """Make room for a day; days that nobody reports about any more become part of the usual."""
    newest = max(domain.days, default=number)
    if number <= newest - DAYS:
        return domain  # too late to count
    days = {number: Day(), **domain.days}
    usual, learned, newest = domain.usual, domain.learned, max(number, newest)
    for one in sorted(days):
        if one <= newest - DAYS:
            # A loud day is not what is usual from then on.
            most = settings.factor if learned < settings.memory else TEACHES
            usual += (min(days.pop(one).count, most * usual) - usual) / settings.memory
            learned += 1
    return Domain(max(usual, 1.0), days, learned)


def _more(day: Day, fact: DmarcReported, event: str) -> Day:
    networks = dict(day.networks)
    for one in _failing(fact):
        networks[one.network] = networks.get(one.network, 0) + one.count
    largest = sorted(networks.items(), key=lambda one: (-one[1], one[0]))[:MOST_NETWORKS]
    events = (*day.events, event)[-MOST_EVENTS:]
    return Day(day.count + fact.failed, dict(largest), events)


def _failing(fact: DmarcReported) -> list[Source]:
    return [one for one in fact.sources if not (one.dkim or one.spf or one.excused)]


def _too_many(state: State, fact: DmarcReported, recorded: Recorded) -> tuple[State, list[Signal]]:
    signals: list[Signal] = []
    first, last = fact.begin // _DAY, fact.end // _DAY
    known = state.since is not None and state.since // DAY < first - 1
    if not known or first <= recorded.at // DAY - SENT_DAYS:
        return state, []
    for provider in sorted({name for name in state.settings.selectors.values() if name}):
        count = sum(
            one.count
            for one in fact.sources
            if one.dkim and state.settings.selectors.get(one.selector) == provider
        )
        key = _key(fact, f"{fact.domain}/{provider}")
        if not count or (key not in state.signed and not _room(state.signed, fact)):
            continue
        signed = _count(state.signed.get(key, {}), first, count, DAYS)
        state = msgspec.structs.replace(state, signed={**state.signed, key: signed})
        # What was handed over the day before may arrive, or be forwarded, within the period.
        theirs = state.sent.get(provider, {})
        sent = sum(theirs.get(day, 0) for day in range(first - 1, last + 1))
        if signed.get(first, 0) <= TIMES * sent + BEYOND:
            continue
        reason = (
            f"receivers report {counted(signed[first], 'mail')} as {fact.domain} signed with the "
            f"key of {provider}, which was handed {sent}"
        )
        evidence = {Hypothesis.PROVIDER_COMPROMISED: PROVIDER}
        state, said = _say(
            state, fact, recorded, "many", provider_subject(provider), evidence, reason
        )
        signals += said
        evidence = {Hypothesis.DOMAIN_ABUSED: MANY}
        state, said = _say(
            state, fact, recorded, f"many {provider}", domain_subject(fact.domain), evidence, reason
        )
        signals += said
    return state, signals


def _key(fact: DmarcReported, name: str) -> str:
    return f"{'believed' if fact.believed else 'said'} {name}"


def _room(known: Collection[str], fact: DmarcReported) -> bool:
    """Whether one more name is remembered. What anyone writes has a room of its own: a name for
    every report would else leave none for those that are believed."""
    return sum(one.startswith(_key(fact, "")) for one in known) < MOST


def _say(
    state: State,
    fact: DmarcReported,
    recorded: Recorded,
    what: str,
    subject: Subject,
    evidence: dict[Hypothesis, float],
    reason: str,
    events: tuple[str, ...] = (),
) -> tuple[State, list[Signal]]:
    key, now = _key(fact, f"{what} {subject.kind} {subject.id}"), recorded.placed_at
    last = state.said.get(key)
    if last is not None and now - last < seconds(state.settings.repeat_after):
        return state, []
    said = {name: at for name, at in state.said.items() if name != key}
    said[key] = now
    if len(said) > 4 * MOST:
        said.pop(next(iter(said)))
    firm = fact.believed and subject.kind == "domain"
    word = "" if fact.believed else "an unsigned report says: "
    signal = Signal(
        detector=NAME,
        family=Family.REPORTS,
        subject=subject,
        evidence=evidence if fact.believed else _weak(evidence),
        at=now,
        reason=word + reason,
        events=events or (recorded.id,),
        own_observation=False,
        forger=Forger.NOBODY if firm else Forger.ANYONE,
        half_life=4 * 86_400.0,
        expires_at=now + seconds(14 * 86_400),
    )
    return msgspec.structs.replace(state, said=said), [signal]


def _weak(evidence: dict[Hypothesis, float]) -> dict[Hypothesis, float]:
    """To send mail as us is to do it; to write a report about it is not."""
    return {hypothesis: min(UNBELIEVED, nats) for hypothesis, nats in evidence.items()}


DETECTOR = Detector(NAME, State, start, step, (AttemptFinished, DmarcReported))
