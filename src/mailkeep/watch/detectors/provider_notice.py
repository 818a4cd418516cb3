"""A provider itself announces that something is wrong, by mail to us or on its status page.

Sees: ``ProviderNoticed``. Evidence (judged), of the provider:
- a break-in (``security``): compromised 3.2 nats, which opens nothing alone: whom it touched they
  rarely know, or say, and each speaks of one once in two years that was none of ours;
- our account is stopped (``suspended``): silent 4.0, compromised 0.7 (an abuse of our account there
  is a common reason);
- something of our account was changed (``change``): compromised 1.5: mostly it was us. In March
  2014 a provider's support changed an address for a stranger, and the notice of it was all that
  told. 0.3 where the change itself was seen within the hour: ``account_drift`` has weighed it;
- an outage: silent 3.0.
Of a mail in its name that its domain did not sign, 1.0 at most: such mails come every week.
False alarms: newsletters that use the words; a notice about somebody else's account that names us.
Delay: theirs, hours to days. Evasion: saying nothing, or without the words. Nothing that a provider
says clears it: an outage that is over is not said again, and its weight fades.
Who could forge it: nobody but the provider, where its own domain signed the mail, that it is to us
and of now; or its page. Any other mail in its name, anyone.
"""

import msgspec

from mailkeep.base.clock import HOUR, Instant
from mailkeep.events.types import Recorded
from mailkeep.watch.detector import Detector
from mailkeep.watch.events import PostureChanged, ProviderNoticed
from mailkeep.watch.notices import Notice
from mailkeep.watch.rates import kept
from mailkeep.watch.types import (
    NEVER,
    Family,
    Forger,
    Hypothesis,
    Signal,
    WatchSettings,
    provider_subject,
    seconds,
)

NAME = "provider_notice"
MOST = 128  #: things said that are remembered
REPEAT = 1500.0  #: seconds within which the same is not said again

_EVIDENCE = {
    Notice.SECURITY: {Hypothesis.PROVIDER_COMPROMISED: 3.2},
    Notice.SUSPENDED: {Hypothesis.PROVIDER_SILENT: 4.0, Hypothesis.PROVIDER_COMPROMISED: 0.7},
    Notice.CHANGE: {Hypothesis.PROVIDER_COMPROMISED: 1.5},
    Notice.OUTAGE: {Hypothesis.PROVIDER_SILENT: 3.0},
}
SEEN = {Hypothesis.PROVIDER_COMPROMISED: 0.3}
UNSIGNED = 1.0
_REASON = {
    Notice.SECURITY: "speaks of a break-in",
    Notice.SUSPENDED: "says that our account or sending there is stopped",
    Notice.CHANGE: "says that something of our account there was changed",
    Notice.OUTAGE: "says that it is out of order",
}
#: Seconds after which it weighs half, and nothing.
_LASTS = {
    Notice.SECURITY: (7 * 86_400.0, 30 * 86_400.0),
    Notice.SUSPENDED: (43_200.0, 3 * 86_400.0),
    Notice.CHANGE: (86_400.0, 7 * 86_400.0),
    Notice.OUTAGE: (3600.0, 7200.0),
}


class State(msgspec.Struct, frozen=True):
    """``said``: when ``provider/notice/authentic`` was last said; ``changed``: when a change of a
    provider's account was last seen."""

    settings: None = None
    said: dict[str, Instant] = {}
    changed: dict[str, Instant] = {}


def start(_settings: WatchSettings) -> State:
    return State()


def step(state: State, recorded: Recorded) -> tuple[State, list[Signal]]:
    fact = recorded.fact
    if isinstance(fact, PostureChanged):
        changed = kept(state.changed, fact.provider, recorded.placed_at, MOST)
        return msgspec.structs.replace(state, changed=changed), []
    if not isinstance(fact, ProviderNoticed):
        return state, []
    try:
        notice = Notice(fact.notice)
    except ValueError:  # a word of a later version
        return state, []
    key, now = f"{fact.provider}/{notice}/{fact.authentic}", recorded.placed_at
    last = state.said.get(key)
    if notice not in _EVIDENCE or (last is not None and now - last < seconds(REPEAT)):
        return state, []
    said = {name: at for name, at in state.said.items() if name != key}
    said[key] = now
    if len(said) > MOST:
        said.pop(next(iter(said)))
    half_life, until = _LASTS[notice]
    seen = now - state.changed.get(fact.provider, -HOUR) < HOUR
    evidence = _EVIDENCE[notice] if notice is not Notice.CHANGE or not seen else SEEN
    if not fact.authentic:
        evidence = {name: min(UNSIGNED, nats) for name, nats in evidence.items()}
    who = fact.provider if fact.authentic else f"an unsigned mail in the name of {fact.provider}"
    signal = Signal(
        detector=NAME,
        family=Family.REPORTS,
        subject=provider_subject(fact.provider),
        evidence=evidence,
        at=now,
        reason=f"{who} {_REASON[notice]}",
        events=(recorded.id,),
        own_observation=False,
        forger=Forger.NOBODY if fact.authentic else Forger.ANYONE,
        half_life=half_life,
        expires_at=now + seconds(until),
    )
    return msgspec.structs.replace(state, said=said), [signal]


def tick(state: State, _now: Instant) -> tuple[State, list[Signal]]:
    return state, []


def due(_state: State) -> Instant:
    return NEVER


DETECTOR = Detector(NAME, State, start, step, tick, due, (ProviderNoticed, PostureChanged))
