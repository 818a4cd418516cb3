"""Foreign mail arrives at a honey address, which only one provider was given.

Sees: ``HoneyMailArrived``. On 8 August 2022 the first that anybody saw of what the attackers had
exported was mail to customers' addresses; here it names who lost them.
Likelihood ratios (judged): provider compromised, 6.5 nats for the first address and 8.4 for two of
the same provider within the week (an innocent mail about once in six years: somebody mistyped, a
list was guessed); 1.0 when mail came at the same time to names beside it that do not exist, as it
does when somebody tries names. When addresses of several providers are hit, no one provider lost
them: 2.0 for each, and leaked here 5.0 (who knows them all is us, or a guesser).
Parameters: ``[watch.honey_hit]``; the addresses are ``[[honey]]``. False alarms: an address that
can be guessed; our own mail from a system beside Mailkeep. Delay: until what was read is used.
Evasion: mailing chosen victims only; writing to names beside an address that can be guessed.
Who could forge it: only who knows the address, the provider and we; whoever guesses it frames its
provider, which is why misses beside it count, but for names with three digits or more, which
nobody comes to by guessing. State: 256 addresses.
"""

import msgspec

from mailkeep.base.clock import Instant
from mailkeep.base.wording import counted
from mailkeep.events.types import Recorded
from mailkeep.watch.detector import Detector
from mailkeep.watch.events import HoneyMailArrived
from mailkeep.watch.thresholds import HoneyMailSettings
from mailkeep.watch.types import (
    MOST_EVENTS,
    OUR_HOUSE,
    Family,
    Forger,
    Hypothesis,
    Signal,
    WatchSettings,
    provider_subject,
    seconds,
)

NAME = "honey_hit"
MOST = 256
ONE, TWO, GUESSED, SEVERAL, LEAKED = 6.5, 8.4, 1.0, 2.0, 5.0


class Hit(msgspec.Struct, frozen=True):
    """An address that was hit; ``guessed``: beside names that do not exist."""

    provider: str
    at: Instant
    guessed: bool
    id: str


class State(msgspec.Struct, frozen=True):
    """``hits``: by address, the newest last."""

    settings: HoneyMailSettings
    hits: dict[str, Hit] = {}


def start(settings: WatchSettings) -> State:
    return State(settings.honey_hit)


def step(state: State, recorded: Recorded) -> tuple[State, list[Signal]]:
    fact = recorded.fact
    if not isinstance(fact, HoneyMailArrived):
        return state, []
    settings, now = state.settings, recorded.placed_at
    since = now - seconds(settings.remembers)
    hits = {name: one for name, one in state.hits.items() if one.at > since}
    before = hits.pop(fact.honey, None)
    guessed = fact.strays >= settings.strays
    if before is not None and not before.guessed:
        guessed = False  # what was known by its address stays so, whatever comes beside it now
    quiet = before is not None and now - before.at < seconds(settings.repeat_after)
    if quiet and before is not None and before.guessed == guessed:
        hits[fact.honey] = before
        return msgspec.structs.replace(state, hits=hits), []
    if len(hits) >= MOST:
        del hits[next(iter(hits))]
    known = {one.provider for one in hits.values() if not one.guessed}
    hits[fact.honey] = Hit(fact.provider, now, guessed, recorded.id)
    state = msgspec.structs.replace(state, hits=hits)
    sure = {one.provider for one in hits.values() if not one.guessed}
    if len(sure) > 1:
        # What was said about the first provider alone is withdrawn when a second one is hit.
        named = sorted(sure) if len(known) < 2 else [fact.provider]
        signals = [_signal(provider, hits, SEVERAL, now) for provider in named]
        return state, [*signals, _leaked(hits, len(sure), now)]
    mine = [one for one in hits.values() if one.provider == fact.provider and not one.guessed]
    weight = (GUESSED, ONE, TWO)[min(2, len(mine))]
    return state, [_signal(fact.provider, hits, weight, now)]


def _signal(provider: str, hits: dict[str, Hit], weight: float, now: Instant) -> Signal:
    mine = [one for one in hits.values() if one.provider == provider]
    beside = " beside names that do not exist" if all(one.guessed for one in mine) else ""
    return Signal(
        detector=NAME,
        family=Family.BAIT,
        subject=provider_subject(provider),
        evidence={Hypothesis.PROVIDER_COMPROMISED: weight},
        at=now,
        reason=f"mail of others came to {counted(len(mine), 'address', 'addresses')} that only "
        f"{provider} was given{beside}",
        events=tuple(one.id for one in mine)[-MOST_EVENTS:],
        own_observation=True,
        # Somebody who guesses names finds an address without knowing whose it is.
        forger=Forger.ANYONE if beside else Forger.NOBODY,
        half_life=86_400.0,
        expires_at=now + seconds(7 * 86_400),
        restates=True,
    )


def _leaked(hits: dict[str, Hit], providers: int, now: Instant) -> Signal:
    return Signal(
        detector=NAME,
        family=Family.BAIT,
        subject=OUR_HOUSE,
        evidence={Hypothesis.LEAKED_HERE: LEAKED},
        at=now,
        reason=f"mail of others came to addresses that {providers} providers were given, one each",
        events=tuple(one.id for one in hits.values() if not one.guessed)[-MOST_EVENTS:],
        own_observation=True,
        forger=Forger.NOBODY,
        half_life=86_400.0,
        expires_at=now + seconds(7 * 86_400),
        restates=True,
    )


DETECTOR = Detector(NAME, State, start, step, (HoneyMailArrived,))
