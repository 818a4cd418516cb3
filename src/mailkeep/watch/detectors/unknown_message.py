"""A provider reports mail in our account there that we never sent: somebody else sends through it.

Sees: ``ForeignMailReported``, once for each mail: claims whose signature, or shared secret, was
right, about a mail without an id of ours (``unmarked``), with an id that we never gave out
(``unknown``), or with one of a message that another provider had, or that it had itself under
another name or for others (``not_given``): everybody who gets a mail of ours can read its id.
Method: another system of ours may use the same account, so how often that happens is learned over a
week, for mail with and without an id apart; what was seen is weighed against that by the likelihood
ratio of Poisson counts (``rates.surprise``), over an hour and over a day; in the hour one mail of a
day's is expected, as it must come at some time. Unmarked mail is never held to be rarer than the
setting says: a week without any is no proof that colleagues no longer try something by hand.
Likelihood ratios: provider compromised, that ratio (measured against what was learned), at most
5.0 nats for unmarked mail and 6.0 for mail with an id (judged caps: a colleague's test by hand
is unmarked; nobody honest writes ids of ours). Leaked here, 4.0 nats when two providers show it
within a day and 5.5 for three (judged: keys of several accounts lie together in our house only).
Parameters: ``[watch.unknown_message]``; raise ``base_per_day`` where an account is shared.
False alarms: the first days of a shared account; a new system at the same account. Delay: the
provider's webhook. Evasion: sending where no webhook tells, or,
under the id of a mail to several, to one of them; or raising the rate over weeks; a
provider in an attacker's hands tells nothing.
Who could forge it: nobody without the webhook's secret; a provider only against itself. Where
copies are the journal, who keeps all of them from us brings nothing about: a word is judged beside
a copy that came later. Who sends a copy of such mail along hides it. It is the provider's word, so
never our own observation, and allows no automatic cut.
State: 64 providers, 64 sightings each; a flood arrives as a count (``untold``).
"""

import math

import msgspec

from mailkeep.base.clock import DAY, HOUR, SECOND, Instant
from mailkeep.base.wording import counted
from mailkeep.events.types import Recorded
from mailkeep.mail.events import ForeignMailReported
from mailkeep.watch.detector import Detector
from mailkeep.watch.rates import Base, surprise
from mailkeep.watch.thresholds import UnknownMessageSettings
from mailkeep.watch.types import (
    MOST_EVENTS,
    OUR_HOUSE,
    Family,
    Forger,
    Hypothesis,
    Signal,
    Subject,
    WatchSettings,
    provider_subject,
    seconds,
)

NAME = "unknown_message"
MOST = 64  #: providers remembered
MOST_SEEN = 64  #: sightings of each
WINDOWS = (HOUR, DAY)
UNMARKED, MARKED = 5.0, 6.0
TWO, MORE = 4.0, 5.5  #: providers that show it, for a leak of ours
ENOUGH = 3.0  #: nats from which a provider counts for that
CHANGED = 0.5


class Seen(msgspec.Struct, frozen=True):
    """One sighting: ``count`` mails, their place in the log."""

    at: Instant
    count: float
    marked: bool
    id: str


class Account(msgspec.Struct, frozen=True):
    """Our account at one provider; ``weight`` was said at ``said``."""

    unmarked: Base
    marked: Base
    seen: tuple[Seen, ...] = ()
    weight: float = 0.0
    said: Instant = 0


class State(msgspec.Struct, frozen=True):
    settings: UnknownMessageSettings
    accounts: dict[str, Account] = {}
    leaked: int = 0


def start(settings: WatchSettings) -> State:
    return State(settings.unknown_message)


def step(state: State, recorded: Recorded) -> tuple[State, list[Signal]]:
    fact = recorded.fact
    if not isinstance(fact, ForeignMailReported):
        return state, []
    settings, now = state.settings, recorded.placed_at
    account = state.accounts.get(fact.provider)
    if account is None:
        if len(state.accounts) >= MOST:
            return state, []
        guess = Base(
            settings.base_per_day * settings.base_known_for * SECOND / DAY, settings.base_known_for
        )
        # Whoever writes ids of ours that we never issued is not another system of ours.
        account = Account(guess, msgspec.structs.replace(guess, count=guess.count / 10))
    marked = fact.why != "unmarked"
    new = Seen(now, 1.0 + max(0, fact.untold), marked, recorded.id)
    seen = (*(one for one in account.seen if one.at > now - DAY), new)[-MOST_SEEN:]
    weight = _weigh(account, seen, now, settings)
    bases = {
        name: base.at(now, settings.memory).plus(new.count if is_marked == marked else 0.0)
        for name, base, is_marked in (
            ("unmarked", account.unmarked, False),
            ("marked", account.marked, True),
        )
    }
    quiet = now - account.said < seconds(settings.repeat_after)
    if weight < 1.0 or (quiet and weight < account.weight + CHANGED):
        account = msgspec.structs.replace(account, seen=seen, **bases)
        return _with(state, fact.provider, account), []
    account = Account(seen=seen, weight=weight, said=now, **bases)
    state = _with(state, fact.provider, account)
    mails = sum(one.count for one in seen)
    told = counted(round(mails), "mail")
    reason = f"{fact.provider} told of {told} in our account that we never sent"
    if any(one.marked for one in seen):
        reason += ", with ids that are not of its mail"
    signals = [
        _signal(
            provider_subject(fact.provider),
            {Hypothesis.PROVIDER_COMPROMISED: weight},
            now,
            reason,
            tuple(one.id for one in seen),
        )
    ]
    return _leaked(state, signals, now)


def _weigh(
    account: Account, seen: tuple[Seen, ...], now: Instant, settings: UnknownMessageSettings
) -> float:
    """The nats of what was seen, against what is usual there."""
    weight = 0.0
    for base, marked, highest in (
        (account.unmarked, False, UNMARKED),
        (account.marked, True, MARKED),
    ):
        usual = base.at(now, settings.memory)
        # One mail by hand is no surprise, however short the while in which it came. Those of the
        # day are what is weighed: they must not be their own excuse.
        of_day = math.fsum(one.count for one in seen[:-1] if one.marked == marked)
        before = msgspec.structs.replace(usual, count=max(0.0, usual.count - of_day))
        usual_day = max(settings.base_per_day, before.expected(DAY / SECOND))
        least = 0.0 if marked else min(1.0, usual_day)
        for window in WINDOWS:
            count = sum(one.count for one in seen if one.marked == marked and one.at > now - window)
            said = surprise(count, max(least, usual.expected(window / SECOND)))
            weight = max(weight, min(highest, said))
    return weight


def _leaked(state: State, signals: list[Signal], now: Instant) -> tuple[State, list[Signal]]:
    """What it says of our own house that several accounts are used by strangers."""
    shown = {
        name: one.seen[-1].id
        for name, one in state.accounts.items()
        if one.said > now - DAY and one.weight >= ENOUGH and one.seen
    }
    if len(shown) < 2 or len(shown) == state.leaked:
        return msgspec.structs.replace(state, leaked=len(shown)), signals
    signal = _signal(
        OUR_HOUSE,
        {Hypothesis.LEAKED_HERE: TWO if len(shown) == 2 else MORE},
        now,
        f"strangers send through our accounts at {len(shown)} providers at once",
        tuple(shown.values()),
    )
    return msgspec.structs.replace(state, leaked=len(shown)), [*signals, signal]


def _signal(
    subject: Subject,
    evidence: dict[Hypothesis, float],
    now: Instant,
    reason: str,
    ids: tuple[str, ...],
) -> Signal:
    return Signal(
        detector=NAME,
        family=Family.POSTURE,
        subject=subject,
        evidence=evidence,
        at=now,
        reason=reason,
        events=ids[-MOST_EVENTS:],
        own_observation=False,
        forger=Forger.NOBODY,
        half_life=43_200.0,
        expires_at=now + seconds(3 * 86_400),
        restates=True,
    )


def _with(state: State, provider: str, account: Account) -> State:
    return msgspec.structs.replace(state, accounts={**state.accounts, provider: account})


DETECTOR = Detector(NAME, State, start, step, (ForeignMailReported,))
