"""Many more resets than usual, found by a sequential Poisson CUSUM.

Sees: ``RecoveryRequested``, each address once in ten minutes; known and unknown accounts alike.
Of applications that keep their own resets, ``RecoveryRehearsed``, with a base and a score of their
own: what they say makes no surge that we see ourselves usual.
Method: the score gains ln(factor) with each request and loses (factor - 1) * base * time; below 0
it begins again at 0. The alarm is at ln(1 + base * γ), γ the mean time between false alarms, less
1.05 nats by which a score that jumps is over it (Siegmund; simulated at a known base, the mean time
between false alarms is e^1.13 times what the bound says). Ten times a base of one a minute is seen
by the 8th attack reset in the mean, nine times in ten by the 10th. No test does better at that
price: with the base known for sure and the bound exact, this one and the CUSUM that drains between
requests (optimal for Poisson counts, Moustakides) need 7.4 in the mean and tell 89 in 100 by the
9th; what is left is chance in the gaps between requests.
The base is an average over a day, or what the last hour surely had where that is more, up to four
times the day's: a day has its shape. Neither is fed while the score is high, so that a surge does
not teach itself to be normal. It is never taken to be lower than six an hour. Below that a
dozen in an hour is no campaign: a surge and what is usual in an hour must be ``least`` together, in
which an address without an account counts a quarter, since nobody's account is tried by it.
Surges are learned by the day, in UTC, on which they began: each other day of the month with one at
least half as large as this one is, and each earlier one of its day, says that such surges are usual
here. What goes on, the score never back at 0, is one for a day, over midnight too, and says nothing
against itself.
Evidence: campaign, 6.0 nats, less ln(1 + n) for n such days and surges (by Bayes, if one in a month
were usual without any; judged); any provider, 0.5 nats, which correlation counts only beside our
own evidence about that provider (judged), and which what applications tell of does not say. So the
third alike opens nothing by itself, nor do those of the month after it; one that grows to more than
twice as large is as good as the first.
Delay: eight requests at ten times the base (measured); in a small house the thirteenth.
False alarms: a newsletter or an outage of sign-in that sends everybody to the form.
Evasion: staying below a few times the base, or below a dozen an hour in a small house; raising it
over hours, to four times, or over days; surges of one's own on two days, which hide those up to
twice as large for a month, until something stands beside them. Who could forge it: anyone, with
addresses that they make up.
"""

import math

import msgspec

from mailkeep.base.clock import DAY, HOUR, MINUTE, SECOND, Instant
from mailkeep.base.wording import counted
from mailkeep.events.types import Recorded
from mailkeep.recovery.events import RecoveryRehearsed, RecoveryRequested
from mailkeep.watch.detector import Detector
from mailkeep.watch.thresholds import SurgeSettings
from mailkeep.watch.types import (
    MOST_EVENTS,
    RESETS,
    Family,
    Forger,
    Hypothesis,
    Signal,
    WatchSettings,
    seconds,
)

NAME = "reset_surge"
MOST = 512  #: addresses remembered; past it the oldest counts anew, which only alarms sooner
WAIT = 600.0  #: seconds before a request counts towards what the last hour had
MOST_WAITING = 256  #: requests that wait; past it the oldest counts at once
OVERSHOT = 1.05  #: nats by which the score is over the bound when it passes it, in the mean
CAMPAIGN, PROVIDER = 6.0, 0.5
MADE_UP = 0.25  #: what an address without an account counts towards ``least``
MONTH = 30  #: days over which surges are remembered
MOST_OF_A_DAY = 4  #: surges of one day that are remembered, the largest
ALIKE = 2.0  #: times as large as one that came before is as usual as that


class Surge(msgspec.Struct, frozen=True):
    """A surge that was told: when first and last, and of how many addresses."""

    since: Instant
    last: Instant
    size: float


class State(msgspec.Struct, frozen=True):
    """``count`` requests were seen in ``watched`` seconds, both fading; ``lately`` of them within
    the last hour, fading too, less those that are ``waiting``: a surge's own first requests must
    not hide it. ``score`` is the CUSUM; ``began``: when it was 0 last; ``size``: addresses since,
    fading over an hour. ``surges``: those of the month, the newest last. ``told``: the same of what
    applications tell of."""

    settings: SurgeSettings
    count: float
    watched: float
    lately: float = 0.0
    waiting: tuple[Instant, ...] = ()
    score: float = 0.0
    last: Instant = 0
    said: Instant = 0
    ids: tuple[str, ...] = ()
    recent: dict[str, Instant] = {}
    began: Instant = 0
    size: float = 0.0
    surges: tuple[Surge, ...] = ()
    told: "State | None" = None


def start(settings: WatchSettings) -> State:
    return _fresh(settings.reset_surge)


def _fresh(surge: SurgeSettings) -> State:
    return State(
        surge,
        count=surge.base_per_minute * surge.base_known_for,
        watched=surge.base_known_for * MINUTE / SECOND,
    )


def step(state: State, recorded: Recorded) -> tuple[State, list[Signal]]:
    fact = recorded.fact
    if isinstance(fact, RecoveryRehearsed):
        inner = msgspec.structs.replace(
            state.told or _fresh(state.settings), settings=state.settings
        )
        inner, signals = _step(inner, fact, recorded)
        return msgspec.structs.replace(state, told=inner), [_as_told(one) for one in signals]
    if not isinstance(fact, RecoveryRequested):
        return state, []
    return _step(state, fact, recorded)


def _as_told(signal: Signal) -> Signal:
    """What an application's word is worth: it names no provider."""
    evidence = {Hypothesis.CAMPAIGN: signal.evidence[Hypothesis.CAMPAIGN]}
    reason = f"{signal.reason}, as an application says"
    return msgspec.structs.replace(signal, evidence=evidence, reason=reason)


def _step(
    state: State, fact: RecoveryRequested | RecoveryRehearsed, recorded: Recorded
) -> tuple[State, list[Signal]]:
    settings = state.settings
    at = max(state.last, min(recorded.at, recorded.placed_at))
    since = at - seconds(settings.same_address)
    if state.recent.get(fact.address, 0) > since:
        return state, []
    recent = {**state.recent, fact.address: at}
    if len(recent) > MOST:
        recent.pop(next(iter(recent)))
    if at - next(iter(recent.values())) > 2 * seconds(settings.same_address):
        recent = {name: when for name, when in recent.items() if when > since}

    gap = (at - state.last) / SECOND if state.last else 0.0
    lately, waiting = _lately(settings, state, at)
    usual = _usual(settings, state, lately)
    base = max(usual, settings.floor_per_minute / 60)
    gain = math.log(settings.factor)
    limit = alarm_at(settings, base)
    # Set to 0 before the step and not within it: only then does the bound on false alarms hold.
    drained = max(0.0, state.score) - (settings.factor - 1) * base * gap
    score = min(drained + gain, limit + gain)
    fade = math.exp(-gap / settings.memory)
    learn = 1.0 if drained < 0.8 * limit else 0.0
    goes_on = drained > 0
    size = state.size * math.exp(-gap * SECOND / HOUR) if goes_on else 0.0
    size += 1.0 if fact.account is not None else MADE_UP
    state = State(
        settings,
        count=state.count * fade + learn,
        watched=state.watched * fade + gap * learn,
        lately=lately,
        waiting=(*waiting, at) if learn else waiting,
        score=score,
        last=at,
        said=state.said,
        ids=((*state.ids, recorded.id) if goes_on else (recorded.id,))[-MOST_EVENTS:],
        recent=recent,
        began=state.began if goes_on else at,
        size=size,
        surges=state.surges,
        told=state.told,
    )
    now = recorded.placed_at
    quiet = now - state.said < seconds(settings.repeat_after)
    small = usual < settings.floor_per_minute / 60
    few = small and size + usual * HOUR / SECOND < settings.least
    if score < limit or few or (state.said and quiet):
        return state, []
    surges = _surges(state, now)
    usually = _alike(surges)
    campaign = max(0.0, CAMPAIGN - math.log1p(usually))
    again = f", as {counted(usually, 'time')} in the last month" if usually else ""
    signal = Signal(
        detector=NAME,
        family=Family.RECOVERY,
        subject=RESETS,
        evidence={Hypothesis.CAMPAIGN: campaign, Hypothesis.PROVIDER_COMPROMISED: PROVIDER},
        at=now,
        reason=f"resets come far above the usual {base * 60:.2g} a minute{again}",
        events=state.ids,
        own_observation=False,
        forger=Forger.ANYONE,
        half_life=3600.0,
        expires_at=now + seconds(86_400),
    )
    return msgspec.structs.replace(state, said=now, surges=surges), [signal]


def _surges(state: State, now: Instant) -> tuple[Surge, ...]:
    """With the one that is told now, the newest last. What goes on is the same one, on the day on
    which it began; after a day of it another, so that one staged for weeks becomes usual."""
    kept = [one for one in state.surges if one.since > now - MONTH * DAY]
    last, size = (kept[-1] if kept else None), state.size
    if last is not None and last.last >= state.began and now - last.since < DAY:
        return (*kept[:-1], Surge(last.since, now, max(last.size, size)))
    today = [one for one in kept if one.since // DAY == now // DAY]
    if len(today) >= MOST_OF_A_DAY:
        kept.remove(min(today, key=lambda one: one.size))
    return (*kept, Surge(now, now, size))


def _alike(surges: tuple[Surge, ...]) -> int:
    """How often there was one like the newest: other days, and earlier ones of the same day. A day
    counts once, however many it had: whoever stages one an hour has not made it usual."""
    newest = surges[-1]
    today = newest.since // DAY
    days = [one.since // DAY for one in surges[:-1] if newest.size <= ALIKE * one.size]
    return days.count(today) + len({*days} - {today})


def _lately(
    settings: SurgeSettings, state: State, at: Instant
) -> tuple[float, tuple[Instant, ...]]:
    """The fading count as it stands at ``at``, with what has waited enough; what still waits."""
    old = at - seconds(WAIT)
    ripe = sum(one <= old for one in state.waiting)
    ripe = max(ripe, len(state.waiting) - MOST_WAITING + 1)
    gap = (at - state.last) / SECOND if state.last else 0.0
    lately = state.lately * math.exp(-gap / settings.lately)
    for one in state.waiting[:ripe]:
        lately += math.exp(-max(0.0, (at - one) / SECOND - WAIT) / settings.lately)
    return lately, state.waiting[ripe:]


def _usual(settings: SurgeSettings, state: State, lately: float) -> float:
    """What is usual now, in requests a second, however few.

    Args:
        lately: the fading count of the last requests. It is spread by the root of its half about
            what its rate times its memory is; what it surely was is one spread below.
    """
    usual = max(state.count, 0.5) / state.watched
    surely = (lately - math.sqrt(lately / 2)) / settings.lately
    return max(usual, min(surely, settings.ramp * usual))


def alarm_at(settings: SurgeSettings, base: float) -> float:
    """The score of an alarm, in nats, at a base rate in requests a second.

    Lorden's bound holds for a score that reaches the alarm; one that jumps passes it. What it is
    over by can be taken off (Siegmund, "Sequential Analysis", 1985, chapter X).
    """
    bound = math.log1p(base * settings.between_false_alarms * 86_400)
    return max(bound - OVERSHOT, 0.5 * bound)


def needed(settings: SurgeSettings) -> int:
    """Resets at once that are an alarm, at the base of the settings, each for an account."""
    base = settings.base_per_minute / 60
    score = math.ceil(alarm_at(settings, base) / math.log(settings.factor))
    small = settings.base_per_minute < settings.floor_per_minute
    return max(score, math.ceil(settings.least - base * HOUR / SECOND) if small else 0)


DETECTOR = Detector(NAME, State, start, step, (RecoveryRequested, RecoveryRehearsed))
