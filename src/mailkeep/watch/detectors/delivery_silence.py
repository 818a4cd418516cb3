"""Silent loss: a provider accepts mail, and no delivery of it is confirmed any more.

Sees: attempts accepted and ``DeliveryReported`` delivered, for each provider; canaries sent and
arrived. A provider that answers 200 and drops the mail is seen here and nowhere else.
Method: for Poisson confirmations at rate λ total loss is seen best by a gap alarm at ln(1 + λγ)/λ
(Moustakides), γ the mean time between false alarms of the whole system, so multiplied by the
providers watched. λ is learned from the log, from as far back as it was the same (``rates.Pace``):
a night does not count in the morning, and a rate of which few gaps are known makes the alarm later.
What a webhook brings at once is one report. Above 20 a second a pause of up to 5 s is taken for our
own (judged). It needs half as many attempts accepted in the gap as confirmations were expected: who
sends nothing misses none. Canaries are known one by one: the chance of one being late falls
exponentially to ``canary_late`` at the deadline (judged) and no further, so each adds up to
-ln(canary_late) nats in step with its waiting, and an arrival in time sets the sum to 0; one sent
before the canary that arrived was overtaken, and adds none. One that arrives after the deadline is
missed: mail held back is no mail. One that comes within three times the deadline of the settings
is late, and no more than that: where only those are missed, it is 3.0 nats (judged), as what
outsiders can stage, who may have mail sent through the provider that slows what it sends to our
listener: it opens nothing, and no act rests on it. The deadline is learned upwards by the day, to
three times that of the settings at most (``punctuality``). Where three times the 99th percentile of
their delay is less than the deadline, it is that by which they weigh. Once one is overdue, the gap
since anything arrived adds the nats of the ordinary mail missing in it: the rate of reports less
that of the canaries, which would count twice; never more than one for each mail that we saw taken,
so none for what the journal tells of. The alarm is at ln(1 + 2λγ), λ the rate of canaries, as the
next test has half of γ too: without an overdue one there is no sum.
What is dropped or held back in part shows in the CUSUM of a binomial test, each canary in time or
missed: a miss has the chance ``canary_late``, against a quarter under attack; the alarm is at the
same limit, so that it too comes by chance no oftener than once in 2γ (Lorden; simulated in the
tests). Of misses in a row it takes two, since an outage is one event: the sum above counts those.
Evidence: provider silent. By the provider's own reports: ln(1 + λγ) nats, at most 8 (measured on
Poisson traffic; the cap is judged, for traffic that is not), halved where a
canary arrived in it: then the reports fail, and of the mail the gap counts anew from there. By
canaries: the sum of the test that is over, at most 9; our own observation. Compromised: 0.
Taken back: when three canaries arrive in time one after the other, and the CUSUM, once it was above
the limit, is down at 0 (fifty in time), all that was said is void. Reports alone take nothing back:
no claim clears a provider.
A report that came late counts for the time at which it would have been in time (``mail.lateness``).
False alarms: bursts of mail to slow domains; our webhook door closed (all providers at once).
Delay: the limit over the rate (14.8 s at one a second); by canaries every 5 seconds, 15.
Evasion: dropping a tenth or less; confirming what was dropped, which canaries see if not spared.
Who could forge it: a forged or lying report hides a silence from the first method until a canary is
missed, and can raise λ and so bring a false alarm, as who holds a key for the journal (or signs its
copies) can by mail that was never sent; its signals are therefore never our own.
"""

import math

import msgspec

from mailkeep.base.clock import DAY, SECOND, Instant
from mailkeep.base.wording import counted
from mailkeep.events.types import Recorded
from mailkeep.mail.events import AttemptFinished, DeliveryReported
from mailkeep.watch import canaries_under_way as under_way
from mailkeep.watch.canaries_under_way import UnderWay
from mailkeep.watch.detector import Detector
from mailkeep.watch.events import CanaryArrived, CanarySent
from mailkeep.watch.punctuality import LATE
from mailkeep.watch.rates import Pace
from mailkeep.watch.types import (
    MOST_EVENTS,
    NEVER,
    OWN_MAILBOX,
    Family,
    Forger,
    Hypothesis,
    Signal,
    SilenceSettings,
    WatchSettings,
    provider_subject,
    seconds,
)

NAME = "delivery_silence"
MOST = 64  #: providers watched
HIGHEST_REPORTS, HIGHEST_CANARIES = 8.0, 9.0
FAST, PAUSE = 0.05, seconds(5.0)  #: of a mean gap below it, a silence is no shorter


class Flow(msgspec.Struct, frozen=True):
    """One provider. ``accepted``: mails since the last report, ``seen``: not from the journal,
    ``unsaid``: since that was said; ``said`` is when each method last spoke, ``failing_said`` that
    reports fail, ``late_said`` that canaries come late; ``silent``: what was said stands."""

    pace: Pace = Pace()
    last: Instant = 0
    accepted: int = 0
    seen: int = 0
    unsaid: int = 0
    ids: tuple[str, ...] = ()
    reports_said: Instant = 0
    failing_said: Instant = 0
    canaries: UnderWay = UnderWay()
    canary_said: Instant = 0
    late_said: Instant = 0
    silent: bool = False


class State(msgspec.Struct, frozen=True):
    settings: SilenceSettings
    flows: dict[str, Flow] = {}


def start(settings: WatchSettings) -> State:
    return State(settings.delivery_silence)


def step(state: State, recorded: Recorded) -> tuple[State, list[Signal]]:
    fact = recorded.fact
    if isinstance(fact, AttemptFinished):
        if fact.outcome != "accepted":
            return state, []
    elif isinstance(fact, DeliveryReported):
        if fact.event != "delivered" or fact.message is None or fact.copy:
            return state, []  # an attempt is confirmed once, by its own recipient
    elif not isinstance(fact, CanarySent | CanaryArrived) or fact.mailbox != OWN_MAILBOX:
        return state, []  # mailboxes that others keep are slow: see ``canary_missing``
    flow = state.flows.get(fact.provider, Flow())
    if fact.provider not in state.flows and len(state.flows) >= MOST:
        return state, []
    at = min(recorded.at, recorded.placed_at)
    if isinstance(fact, AttemptFinished):
        ids = (*flow.ids, recorded.id)[-MOST_EVENTS:]
        flow = msgspec.structs.replace(
            flow,
            accepted=flow.accepted + 1,
            seen=flow.seen + (not fact.told),
            unsaid=flow.unsaid + 1,
            ids=ids,
        )
    elif isinstance(fact, DeliveryReported):
        flow = _confirmed(flow, at, fact, state.settings.memory)
    elif isinstance(fact, CanarySent):
        canaries = under_way.sent(flow.canaries, fact.message, at, recorded.id)
        flow = msgspec.structs.replace(flow, canaries=canaries)
    else:
        flow, signals = _canary_arrived(state, flow, fact, at, recorded)
        return _with(state, fact.provider, flow), signals
    state = msgspec.structs.replace(state, flows={**state.flows, fact.provider: flow})
    if isinstance(fact, AttemptFinished):
        return _reports_silent(state, fact.provider, at)
    return state, []


def tick(state: State, now: Instant) -> tuple[State, list[Signal]]:
    signals: list[Signal] = []
    for provider in tuple(state.flows):
        if _due(state, state.flows[provider]) > now:
            continue
        state, said = _reports_silent(state, provider, now)
        signals += said
        state, said = _canaries_silent(state, provider, now)
        signals += said
    return state, signals


def due(state: State) -> Instant:
    return min((_due(state, flow) for flow in state.flows.values()), default=NEVER)


def _confirmed(flow: Flow, heard: Instant, fact: DeliveryReported, memory: int) -> Flow:
    # A report that is late tells of then: it ends a silence as far as to when it would have been
    # heard in time, so a backlog that comes in does not pass for mail that arrives now.
    late = (1 - fact.weight) * (fact.late or 0.0)
    at = heard - seconds(max(0.0, late))
    if late > 0 and at < flow.last:
        return flow
    return msgspec.structs.replace(
        flow,
        pace=flow.pace.at(at, memory),
        last=max(at, flow.last),
        accepted=0,
        seen=0,
        unsaid=0,
        ids=(),
        reports_said=0,
        failing_said=0,
    )


def limit(state: State, gap: float) -> float:
    """ln(1 + λγ) in nats, for a mean gap in seconds."""
    between = state.settings.between_false_alarms * DAY / SECOND * max(1, len(state.flows))
    return math.log1p(between / max(gap, 1e-3))


def _deadline(state: State, flow: Flow) -> tuple[Instant, bool]:
    """When the gap since the last report is an alarm, sent enough or not; whether of the mail, or
    of the reports alone. A canary that arrived since says that mail did, up to then."""
    if flow.pace.known < state.settings.learn_from:
        return NEVER, True
    again = seconds(state.settings.repeat_after)
    silent = seconds(flow.pace.within(limit(state, flow.pace.gap)))
    if flow.pace.gap < FAST:
        silent = max(silent, PAUSE)
    since = max(flow.last, flow.canaries.arrived)
    due = max(since + silent, flow.reports_said + again if flow.reports_said else 0)
    if flow.canaries.arrived <= flow.last:
        return due, True
    failing = max(flow.last + silent, flow.failing_said + again if flow.failing_said else 0)
    return min(due, failing), due <= failing


def _due(state: State, flow: Flow) -> Instant:
    reports = _deadline(state, flow)[0] if _enough(state, flow) else NEVER
    # A canary that waits weighs more with every second.
    oldest = min(flow.canaries.waiting.values(), default=NEVER)
    return min(reports, oldest)


def _enough(state: State, flow: Flow) -> bool:
    """Whether so much was sent that some of it must have been reported."""
    return flow.unsaid >= max(3.0, 0.5 * limit(state, flow.pace.gap))


def _reports_silent(state: State, provider: str, now: Instant) -> tuple[State, list[Signal]]:
    flow = state.flows[provider]
    if not _enough(state, flow):
        return state, []
    due, of_mail = _deadline(state, flow)
    if now < due:
        return state, []
    weight = min(HIGHEST_REPORTS, limit(state, flow.pace.gap)) / (1 if of_mail else 2)
    quiet = (now - flow.last) / SECOND
    signal = _signal(
        provider,
        weight,
        now,
        f"{provider} took {counted(flow.accepted, 'mail')} and reported none delivered for "
        f"{quiet:.0f} s" + ("" if of_mail else "; canaries do arrive"),
        flow.ids,
        own=False,
    )
    # Counted anew, so that a silence that goes on is said again only while we send. What canaries
    # miss beside it goes on being counted from the last report.
    said = msgspec.structs.replace(flow, unsaid=0)
    if of_mail:
        said = msgspec.structs.replace(said, reports_said=now, silent=True, canaries=_anew(flow))
    else:
        said = msgspec.structs.replace(said, failing_said=now)
    return _with(state, provider, said), [signal]


def _canaries_silent(state: State, provider: str, now: Instant) -> tuple[State, list[Signal]]:
    flow, settings = state.flows[provider], state.settings
    if not flow.canaries.waiting:
        return state, []
    threshold = limit(state, flow.canaries.gap) + math.log(2)
    canaries = under_way.passing(flow.canaries, now, settings)
    lost, late = min(canaries.lost, threshold), min(canaries.late, threshold)
    losing = canaries.losing or lost + late >= threshold
    canaries = msgspec.structs.replace(canaries, lost=lost, late=late, losing=losing)
    flow = msgspec.structs.replace(flow, canaries=canaries)
    state = _with(state, provider, flow)
    again = seconds(settings.repeat_after)
    if canaries.gap <= 0 or (flow.canary_said and now - flow.canary_said < again):
        return state, []
    missing = _missing(state, flow, now)
    firm, whole = under_way.sums(canaries, now, missing, settings)
    if max(firm, lost) >= threshold:
        some = f"of the canaries sent through {provider} too many come late or not at all"
        signal = _signal(
            provider,
            min(HIGHEST_CANARIES, max(firm, lost)),
            now,
            f"canaries sent through {provider} do not arrive" if firm >= threshold else some,
            canaries.ids,
            own=True,
        )
        flow = msgspec.structs.replace(flow, canary_said=now, silent=True, canaries=_anew(flow))
        return _with(state, provider, flow), [signal]
    repeated = flow.late_said and now - flow.late_said < again
    if repeated or max(whole, lost + late) < threshold:
        return state, []
    flow = msgspec.structs.replace(flow, late_said=now, silent=True, canaries=_anew(flow))
    return _with(state, provider, flow), [_late(flow, provider, now)]


def _late_after_all(
    state: State, flow: Flow, provider: str, recorded: Recorded
) -> tuple[Flow, list[Signal]]:
    """Where it was said that canaries are lost, and those come that are late: say that instead."""
    now, canaries = recorded.placed_at, flow.canaries
    firm, _ = under_way.sums(canaries, now, 0.0, state.settings)
    if max(firm, canaries.lost) >= limit(state, canaries.gap) + math.log(2):
        return flow, []
    flow = msgspec.structs.replace(flow, late_said=now, canary_said=0)
    return flow, [msgspec.structs.replace(_late(flow, provider, now), restates=True)]


def _late(flow: Flow, provider: str, now: Instant) -> Signal:
    reason = f"canaries sent through {provider} come late"
    signal = _signal(provider, LATE, now, reason, flow.canaries.ids, own=True)
    return msgspec.structs.replace(signal, forger=Forger.CUSTOMERS)


def _anew(flow: Flow) -> UnderWay:
    """The canaries, of which as many must arrive again as take back what is said."""
    return msgspec.structs.replace(flow.canaries, returned=0)


def _canary_arrived(
    state: State, flow: Flow, fact: CanaryArrived, at: Instant, recorded: Recorded
) -> tuple[Flow, list[Signal]]:
    before = flow.canaries
    canaries = under_way.came(before, fact.message, at, state.settings)
    if canaries is None:
        return flow, []  # held back: it is, or will be, counted as missed
    flow = msgspec.structs.replace(flow, canaries=canaries)
    # What its reports say is not taken back by that.
    if canaries.tardy > before.tardy and flow.canary_said and not flow.reports_said:
        return _late_after_all(state, flow, fact.provider, recorded)
    if canaries.returned < state.settings.returned or not flow.silent or canaries.losing:
        return flow, []
    signal = _signal(
        fact.provider,
        0.0,
        recorded.placed_at,
        f"canaries sent through {fact.provider} arrive again",
        (recorded.id,),
        own=True,
    )
    taken_back = msgspec.structs.replace(signal, evidence={}, restates=True)
    flow = msgspec.structs.replace(flow, canary_said=0, silent=False)
    return flow, [taken_back]


def _missing(state: State, flow: Flow, now: Instant) -> float:
    """Nats of the ordinary mail that nobody reported since something last arrived."""
    if flow.pace.known < state.settings.learn_from:
        return 0.0
    rate = 1 / flow.pace.gap - 1 / max(flow.canaries.gap, 1e-3)
    since = max(flow.last, flow.canaries.arrived)
    return min(max(0.0, rate) * (now - since) / SECOND, float(flow.seen))


def _with(state: State, provider: str, flow: Flow) -> State:
    return msgspec.structs.replace(state, flows={**state.flows, provider: flow})


def _signal(
    provider: str, weight: float, now: Instant, reason: str, ids: tuple[str, ...], *, own: bool
) -> Signal:
    return Signal(
        detector=NAME,
        family=Family.FLOW,
        subject=provider_subject(provider),
        evidence={Hypothesis.PROVIDER_SILENT: weight},
        at=now,
        reason=reason,
        events=ids,
        own_observation=own,
        forger=Forger.NOBODY,
        half_life=1800.0,
        expires_at=now + seconds(86_400),
    )


HEARS = (AttemptFinished, DeliveryReported, CanarySent, CanaryArrived)
DETECTOR = Detector(NAME, State, start, step, HEARS, tick=tick, due=due)
