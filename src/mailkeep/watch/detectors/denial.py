"""Owners deny a reset, a change of their account, or a session in it: 'this was not me'.

Sees: ``RecoveryDenied``, ``ChangeDenied`` that stopped something (an address, a password, a second
factor), and ``SessionDenied`` from the account's own pages; of each, an account once in the window;
says so at the 1st, 2nd, 4th, 8th, ... account, so that a flood of denials is a few signals.
Evidence: campaign, 2.0 nats for one account and 1.5 for each doubling, at most 5.5 (judged: people
deny their own forgotten resets); any provider, 2.5 nats, which correlation counts only beside our
own evidence about that provider: one owner's word and a stranger in a canary open together, as on
8 August they should have. Of resets, never more than the surprise of so many against the days of a
month (``rates.surprise``): where owners often forget what they asked for, one says little. Whoever
made a change was signed in, which is no sign of a reader of mail: denied changes are evidence of a
campaign only. So are denied sessions, with 1.0 nat at first, at most 4.0: people do not know their
own telephone in a list. Of a denied session the account itself is targeted as well, 3.0 nats, for
the first eight accounts of the window; it counts beside what we saw there ourselves
(``takeover_pattern``, ``misplaced_redemption``).
A denial of a recovery that a browser finished which the account did not know, without a second
factor, counts apart and over a week (``taken_over``; ``ProofRedeemed``, ``RecoveryCompleted``):
whoever forgot what they asked for finished nothing. It is weighed by the likelihood ratio of
Poisson counts against the share of such recoveries that is denied without a reason, which is
learned over a month between 1 in 100 (judged) and 3 in 100, over an hour, a day and the week, less
what comes of looking at the shorter ones more often. Campaign, at most 2.0 nats for one and 1.0 for
each more, and 5.5, of which 5.0 open one: four owners in a small house (simulated: at 24 accounts a
day of which one owner in five says so, beside as many honest ones, within two days). Where their
links went through one provider more often than links do (``ProofSent``), that provider, as
``mailbox_takeovers`` weighs keepers, at most 1.5 nats for each and what it says of a campaign: as
what customers can stage, so it names whom to look at and accuses nobody alone. What opens by itself
is said once a day, so that staging it pages nobody more often; until the next, and below that, one
is said at the 1st, 2nd, 4th, ... account like any other, and any provider with it.
False alarms: forgetful owners; a mail gateway does not press buttons. Delay: until an owner reads;
more than a week after it was finished, a denial counts as that of a forgotten reset.
Evasion: the attacker reads the mail and the owner never sees it; or denies resets of their own for
weeks, so that it is usual; or finishes more recoveries of their own than owners do, by the
thousand, which is a surge. Of links: a thief who alters codes' mails has the other routes named.
Who could forge it: anyone with accounts can ask, finish, change and deny as often as they like.
State: 512 recoveries under way and 2,048 finished within a week, 256 accounts of each kind.
"""

import math

import msgspec

from mailkeep.accounts.events import ChangeDenied, SessionDenied
from mailkeep.base.clock import Instant
from mailkeep.base.wording import counted
from mailkeep.events.types import Recorded
from mailkeep.recovery.events import ProofRedeemed, ProofSent, RecoveryCompleted, RecoveryDenied
from mailkeep.watch import taken_over
from mailkeep.watch.detector import Detector
from mailkeep.watch.rates import Usual, unusual
from mailkeep.watch.taken_over import TakenOver
from mailkeep.watch.types import (
    MOST_EVENTS,
    RESETS,
    DenialSettings,
    Family,
    Forger,
    Hypothesis,
    Signal,
    WatchSettings,
    account_subject,
    provider_subject,
    seconds,
)

NAME = "denial"
MOST = 256  #: accounts remembered; more say nothing new
FIRST, DOUBLING, HIGHEST, PROVIDER = 2.0, 1.5, 5.5, 2.5
LEAST = 1.0  #: of a provider's, however usual denials are: it counts beside our own evidence only
SESSION, SESSIONS, ACCOUNT = 1.0, 4.0, 3.0
DAYS = 2 * 86_400.0  #: seconds after which what is counted over a week weighs half
MOST_ACCOUNTS = 8  #: of which it is said that they are targeted, in the window


class State(msgspec.Struct, frozen=True):
    """``denied``, ``changed``, ``entered``: when each account denied a reset, a change, a session,
    with the fact's id, the newest last; ``usual``: how often a reset is denied; ``taken``: what
    was denied after it was finished by whoever the account did not know; ``strange``: when each
    account did so in the window."""

    settings: DenialSettings
    denied: dict[str, tuple[Instant, str]] = {}
    changed: dict[str, tuple[Instant, str]] = {}
    entered: dict[str, tuple[Instant, str]] = {}
    usual: Usual = Usual()
    taken: TakenOver = TakenOver()
    strange: dict[str, tuple[Instant, str]] = {}


def start(settings: WatchSettings) -> State:
    return State(settings.denial)


def step(state: State, recorded: Recorded) -> tuple[State, list[Signal]]:
    fact, now = recorded.fact, recorded.placed_at
    since = now - seconds(state.settings.remembers)
    if isinstance(fact, ProofSent):
        return msgspec.structs.replace(state, taken=taken_over.sent(state.taken, fact)), []
    if isinstance(fact, ProofRedeemed):
        return msgspec.structs.replace(state, taken=taken_over.shown(state.taken, fact)), []
    if isinstance(fact, RecoveryCompleted):
        return msgspec.structs.replace(state, taken=taken_over.finished(state.taken, fact, now)), []
    if isinstance(fact, RecoveryDenied):
        taken, was_taken = taken_over.denied(state.taken, fact, recorded)
        if was_taken:
            strange, new = _noted(state.strange, since, fact.account, recorded)
            state = msgspec.structs.replace(state, taken=taken, strange=strange)
            return _taken(state, new, recorded)
        denied, new = _noted(state.denied, since, fact.account, recorded)
        state = msgspec.structs.replace(state, denied=denied)
        if not new:
            return state, []
        usual, surprise = unusual(state.usual, len(denied), now)
        both = {Hypothesis.PROVIDER_COMPROMISED: min(max(surprise, LEAST), PROVIDER)}
        signals = _said(denied, recorded, "a reset that was made for them", both, most=surprise)
        return msgspec.structs.replace(state, usual=usual), signals
    if isinstance(fact, ChangeDenied) and fact.acted:  # else its address has used up its say
        changed, new = _noted(state.changed, since, fact.account, recorded)
        state = msgspec.structs.replace(state, changed=changed)
        return state, _said(changed, recorded, "a change of their account", {}) if new else []
    if isinstance(fact, SessionDenied):
        entered, new = _noted(state.entered, since, fact.account, recorded)
        state = msgspec.structs.replace(state, entered=entered)
        if not new:
            return state, []
        signals = _said(entered, recorded, "a session in their account", {}, SESSION, SESSIONS)
        if len(entered) <= MOST_ACCOUNTS:
            signals.append(_targeted(fact.account, recorded))
        return state, signals
    return state, []


def _noted(
    before: dict[str, tuple[Instant, str]], since: Instant, account: str, recorded: Recorded
) -> tuple[dict[str, tuple[Instant, str]], bool]:
    """The accounts that count now, and whether this one is new among them."""
    found = {one: entry for one, entry in before.items() if entry[0] > since}
    if account in found or len(found) >= MOST:
        return found, False
    found[account] = (recorded.placed_at, recorded.id)
    return found, True


def _taken(state: State, new: bool, recorded: Recorded) -> tuple[State, list[Signal]]:
    """An account was taken over, by its owner's word; ``new`` in the window, or not."""
    lately, now = len(state.strange), recorded.placed_at
    usual, surprise = unusual(state.usual, lately, now)
    taken, news = taken_over.routes(state.taken, now)
    signals = [_route(taken, name, weight, recorded) for name, weight in news.items()]
    single = min(max(surprise, 0.0), FIRST)
    weight = max(taken_over.weigh(taken, now), single)
    doubled = new and not lately & (lately - 1)
    taken, says = taken_over.to_say(taken, weight, single, doubled, now)
    if says is not None:
        evidence = {
            Hypothesis.CAMPAIGN: says,
            Hypothesis.PROVIDER_COMPROMISED: min(max(surprise, LEAST), PROVIDER),
        }
        said = _signal(
            evidence,
            recorded,
            counted(len(taken.denied), "account")
            + " denied a reset after it was finished in a browser that the account did not know",
            tuple(one.id for one in taken.denied.values()),
        )
        if says >= taken_over.OPENS:  # said once a day: until the next it must go on weighing
            said = msgspec.structs.replace(said, half_life=DAYS, expires_at=now + seconds(2 * DAYS))
        signals.append(said)
    return msgspec.structs.replace(state, taken=taken, usual=usual), signals


def _route(taken: TakenOver, provider: str, weight: float, recorded: Recorded) -> Signal:
    mine = [one for one in taken.denied.values() if one.link == provider]
    links = sum(bool(one.link) for one in taken.denied.values())
    evidence = {Hypothesis.PROVIDER_COMPROMISED: weight} if weight else {}
    signal = _signal(
        evidence,
        recorded,
        f"of {links} resets that were denied after they were finished, {len(mine)} had their links "
        f"sent through {provider}, as {taken_over.share(taken, provider):.0%} of all do",
        tuple(one.id for one in mine) or (recorded.id,),
    )
    return msgspec.structs.replace(
        signal,
        subject=provider_subject(provider),
        forger=Forger.CUSTOMERS,
        half_life=DAYS,
        expires_at=recorded.placed_at + seconds(2 * DAYS),
        restates=True,
    )


def _said(
    denied: dict[str, tuple[Instant, str]],
    recorded: Recorded,
    what: str,
    more: dict[Hypothesis, float],
    first: float = FIRST,
    highest: float = HIGHEST,
    most: float = math.inf,
) -> list[Signal]:
    count = len(denied)
    if count & (count - 1):
        return []
    campaign = min(max(most, 0.0), highest, first + DOUBLING * math.log2(count))
    return [
        _signal(
            {Hypothesis.CAMPAIGN: campaign, **more},
            recorded,
            f"{counted(count, 'account')} denied {what}",
            tuple(entry[1] for entry in denied.values()),
        )
    ]


def _signal(
    evidence: dict[Hypothesis, float], recorded: Recorded, reason: str, events: tuple[str, ...]
) -> Signal:
    """What owners say of resets at large."""
    return Signal(
        detector=NAME,
        family=Family.RECOVERY,
        subject=RESETS,
        evidence=evidence,
        at=recorded.placed_at,
        reason=reason,
        events=events[-MOST_EVENTS:],
        own_observation=False,
        forger=Forger.ANYONE,
        half_life=14_400.0,
        expires_at=recorded.placed_at + seconds(2 * 86_400),
    )


def _targeted(account: str, recorded: Recorded) -> Signal:
    return Signal(
        detector=NAME,
        family=Family.REPORTS,
        subject=account_subject(account),
        evidence={Hypothesis.ACCOUNT_TARGETED: ACCOUNT},
        at=recorded.placed_at,
        reason="somebody who is signed in there says that another session is not theirs",
        events=(recorded.id,),
        own_observation=False,
        forger=Forger.ANYONE,
        half_life=14_400.0,
        expires_at=recorded.placed_at + seconds(2 * 86_400),
    )


HEARS = (
    *(ChangeDenied, ProofRedeemed, ProofSent),
    *(RecoveryCompleted, RecoveryDenied, SessionDenied),
)
DETECTOR = Detector(NAME, State, start, step, HEARS)
