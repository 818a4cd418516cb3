"""A provider itself announces that something is wrong, by mail to us or on its status page.

Sees: ``ProviderNoticed``. Evidence (judged), of the provider:
- a break-in (``security``): compromised 3.2 nats, which opens nothing alone: whom it touched they
  rarely know, or say, and each speaks of one once in two years that was none of ours; beside a
  stranger's sign-in to our account there the lesser of both counts 1.3, being another way in;
- our account is stopped (``suspended``): silent 4.0, compromised 0.7 (an abuse of our account there
  is a common reason);
- something of our account was changed (``change``): compromised 1.5: mostly it was us. In March
  2014 a provider's support changed an address for a stranger, and the notice of it was all that
  told. A change of that kind that was read within an hour of it is the same act, and the graver of
  the two counts. 0.3 where that change was announced, or an operator accepts it; each explains one
  notice, and one that names no kind, or several, nothing does;
- an outage: silent 3.0.
Of a mail in its name that its domain did not sign, 1.0 at most: such mails come every week.
Taken back: what the change that explains it turns out to be weighs anew.
False alarms: newsletters that use the words; a notice about somebody else's account that names us.
Delay: theirs, hours to days. Evasion: saying nothing, or without the words; making the same kind of
change in the hour in which we make ours, where one notice comes of both. Nothing that a provider
says clears it: an outage that is over is not said again, and its weight fades.
Who could forge it: nobody but the provider, where its own domain signed the mail, that it is to us
and of now; or its page. Any other mail in its name, anyone. State: of each provider eight notices,
and of each word one at least: changes at the console push out no other.
"""

from collections import Counter

import msgspec

from mailkeep.base.clock import Instant
from mailkeep.events.types import Recorded
from mailkeep.watch.detector import Detector
from mailkeep.watch.events import PostureAccepted, PostureChanged, ProviderNoticed
from mailkeep.watch.notices import Notice
from mailkeep.watch.types import (
    Family,
    Forger,
    Hypothesis,
    Signal,
    WatchSettings,
    provider_subject,
    seconds,
)

NAME = "provider_notice"
MOST = 128  #: providers
MOST_STANDING = 8  #: notices, and changes, of one provider
TOGETHER = 3600.0  #: seconds between a change and its notice
REPEAT = 1500.0  #: seconds within which the same is not said again

_EVIDENCE = {
    Notice.SECURITY: {Hypothesis.PROVIDER_COMPROMISED: 3.2},
    Notice.SUSPENDED: {Hypothesis.PROVIDER_SILENT: 4.0, Hypothesis.PROVIDER_COMPROMISED: 0.7},
    Notice.CHANGE: {Hypothesis.PROVIDER_COMPROMISED: 1.5},
    Notice.OUTAGE: {Hypothesis.PROVIDER_SILENT: 3.0},
}
OURS = {Hypothesis.PROVIDER_COMPROMISED: 0.3}
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


class Said(msgspec.Struct, frozen=True):
    """A notice that stands; ``about``: as in the fact."""

    notice: Notice
    authentic: bool
    about: str
    at: Instant
    event: str


class Change(msgspec.Struct, frozen=True):
    """A change of the account that was read. ``ours``: it was announced, or accepted."""

    kind: str
    at: Instant
    event: str
    ours: bool


class State(msgspec.Struct, frozen=True):
    """``said``: by provider, what stands, the oldest first; ``changes``: by provider and change,
    those of the last hour, and those that explain what stands."""

    settings: None = None
    said: dict[str, tuple[Said, ...]] = {}
    changes: dict[str, dict[str, Change]] = {}


def start(_settings: WatchSettings) -> State:
    return State()


def step(state: State, recorded: Recorded) -> tuple[State, list[Signal]]:
    fact, now = recorded.fact, recorded.placed_at
    match fact:
        case PostureChanged():
            one = Change(fact.item_kind, now, recorded.id, fact.expected)
            return _seen(state, fact.provider, {fact.change: one}, now)
        case PostureAccepted():
            before = state.changes.get(fact.provider, {})
            ours = {
                name: msgspec.structs.replace(before[name], ours=True)
                for name in fact.changes
                if name in before
            }
            return _seen(state, fact.provider, ours, now)
        case ProviderNoticed():
            return _noticed(state, fact, recorded)
        case _:
            return state, []


def _seen(
    state: State, provider: str, changes: dict[str, Change], now: Instant
) -> tuple[State, list[Signal]]:
    """Changes of an account: what its notices weigh may be another than it was."""
    standing = _standing(state, provider, now)
    before = _explained(standing, state.changes.get(provider, {}))
    of = {**state.changes.get(provider, {}), **changes}
    since = min([now - seconds(TOGETHER), *(one.at - seconds(TOGETHER) for one in standing)])
    fresh = sorted((item for item in of.items() if item[1].at >= since), key=lambda one: one[1].at)
    of = dict(fresh[-MOST_STANDING:])
    others = {name: them for name, them in state.changes.items() if name != provider}
    if len(others) >= MOST:
        others.pop(next(iter(others)))
    state = msgspec.structs.replace(state, changes={**others, provider: of})
    if _explained(standing, of) == before:
        return state, []
    return state, _signals(provider, standing, of)


def _noticed(state: State, fact: ProviderNoticed, recorded: Recorded) -> tuple[State, list[Signal]]:
    now, provider = recorded.placed_at, fact.provider
    try:
        notice = Notice(fact.notice)
    except ValueError:  # a word of a later version
        return state, []
    if notice not in _EVIDENCE:
        return state, []
    one = Said(notice, fact.authentic, fact.about, now, recorded.id)
    standing = _standing(state, provider, now)
    # What it signed of a change is counted each time: a thief's may follow a colleague's.
    repeats = notice is not Notice.CHANGE or not fact.authentic
    if repeats and any(_same(one, said) and now - said.at < seconds(REPEAT) for said in standing):
        return state, []
    changes = state.changes.get(provider, {})
    before, standing = _explained(standing, changes), _with(standing, one)
    if one not in standing:
        return state, []
    said = {name: them for name, them in state.said.items() if name != provider}
    if len(said) >= MOST:
        said.pop(next(iter(said)))
    state = msgspec.structs.replace(state, said={**said, provider: standing})
    after = _explained(standing, changes)
    if {**before, **after} == {**after, **before}:  # nothing that was said weighs anew
        return state, [_signal(provider, one, after.get(one.event), restates=False)]
    return state, _signals(provider, standing, changes)


def _with(standing: tuple[Said, ...], one: Said) -> tuple[Said, ...]:
    """One more. Over the bound what anyone could have written goes first; of what the provider
    signed, the oldest of what it said most often, and never the last of another notice: who is in
    our console has as many notices of changes sent as they like."""
    kept = (*standing, one)
    if len(kept) <= MOST_STANDING:
        return kept
    words, alike = Counter(it.notice for it in kept), Counter((it.notice, it.about) for it in kept)
    spare = [it for it in kept if not it.authentic or words[it.notice] > 1]
    least = min(spare, key=lambda it: (it.authentic, -alike[it.notice, it.about], it.at))
    return tuple(it for it in kept if it is not least)


def _same(one: Said, other: Said) -> bool:
    return (one.notice, one.authentic, one.about) == (other.notice, other.authentic, other.about)


def _standing(state: State, provider: str, now: Instant) -> tuple[Said, ...]:
    said = state.said.get(provider, ())
    return tuple(one for one in said if now < one.at + seconds(_LASTS[one.notice][1]))


def _explained(standing: tuple[Said, ...], changes: dict[str, Change]) -> dict[str, Change]:
    """By a notice's fact the change that it is of: of its kind, within the hour, each of one only,
    so that two notices beside one change of ours are one too many."""
    left, out = dict(changes), dict[str, Change]()
    for one in standing:
        near = [
            (each.ours, abs(each.at - one.at), name)
            for name, each in left.items()
            if each.kind == one.about and abs(each.at - one.at) < seconds(TOGETHER)
        ]
        if one.notice is Notice.CHANGE and near:
            out[one.event] = left.pop(min(near)[2])
    return out


def _signals(provider: str, standing: tuple[Said, ...], changes: dict[str, Change]) -> list[Signal]:
    """All that stands, said anew: the first takes the place of what was said before."""
    of = _explained(standing, changes)
    return [
        _signal(provider, one, of.get(one.event), restates=not number)
        for number, one in enumerate(standing)
    ]


def _signal(provider: str, one: Said, change: Change | None, *, restates: bool) -> Signal:
    half_life, until = _LASTS[one.notice]
    evidence = OURS if change is not None and change.ours else _EVIDENCE[one.notice]
    if not one.authentic:
        evidence = {name: min(UNSIGNED, nats) for name, nats in evidence.items()}
    who = provider if one.authentic else f"an unsigned mail in the name of {provider}"
    ours = ", as we did" if change is not None and change.ours else ""
    return Signal(
        detector=NAME,
        family=Family.REPORTS,
        subject=provider_subject(provider),
        evidence=evidence,
        at=one.at,
        reason=f"{who} {_REASON[one.notice]}{ours}",
        # One act: who weighs the change by its own fact counts it, and not its notice beside it.
        events=(one.event,) if change is None else (one.event, change.event),
        own_observation=False,
        forger=Forger.NOBODY if one.authentic else Forger.ANYONE,
        half_life=half_life,
        expires_at=one.at + seconds(until),
        restates=restates,
    )


DETECTOR = Detector(NAME, State, start, step, (ProviderNoticed, PostureChanged, PostureAccepted))
