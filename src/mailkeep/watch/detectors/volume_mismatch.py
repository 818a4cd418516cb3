"""A provider counts more mail in our account there than we gave it.

Sees: ``VolumeTold``, the provider's own running total, which a collector asks for seldom; and
``AttemptFinished`` by recipients, those that were accepted or may have been.
Method: of the total less what we gave, the highest that it ever was is kept: providers count late,
so it dips while we send and comes back. What goes above that is mail that was not ours. How often
that happens is learned over a week, as other systems of ours may share the account; an excess of k
where E were expected in a day weighs as much as the likelihood ratio of Poisson counts
(``rates.surprise``). Foreign mail that the provider told of singly is ``unknown_message``'s, and
counts here as given: the same mail is not weighed twice.
Likelihood ratios: provider compromised, that ratio (measured against what was learned), at most
5.0 nats (judged: a colleague who sends by hand, and what a provider counts twice, look the same).
Parameters: ``[watch.volume_mismatch]``. False alarms: a new system at the same account; providers
that count their own tries (hence ``tolerance``); the first hours only teach (``settle``). Delay:
the collector's interval and the provider's own. Evasion: a provider in an attacker's hands tells
what it likes; fewer mails than the tolerance.
Fewer than we gave says nothing here: bounces and refusals are not counted (``delivery_silence``).
Who could forge it: nobody outside; the provider against itself, so it never allows a cut. Who holds
a key for the journal hides mail by telling of it, and who sends through our account there by a copy
of it, where copies are the journal: each counts twice, as the provider counts it. A total that
falls begins anew. State: a few numbers for each of 64 providers.
"""

import msgspec

from mailkeep.base.clock import DAY, SECOND, Instant
from mailkeep.base.wording import counted
from mailkeep.events.types import Recorded
from mailkeep.mail.events import AttemptFinished, ForeignMailReported
from mailkeep.watch.detector import Detector
from mailkeep.watch.events import VolumeTold
from mailkeep.watch.rates import Base, surprise
from mailkeep.watch.thresholds import VolumeMismatchSettings
from mailkeep.watch.types import (
    Family,
    Forger,
    Hypothesis,
    Signal,
    WatchSettings,
    provider_subject,
    seconds,
)

NAME = "volume_mismatch"
MOST = 64
LEAST, HIGHEST = 1.0, 5.0
_MAY_COUNT = frozenset({"accepted", "ambiguous"})


class Account(msgspec.Struct, frozen=True):
    """``begun``: when the first total was told. ``given``: recipients since
    then, and ``by_last`` by the newest ``total``. ``above``: the most that a total ever was above
    what had been given."""

    total: int
    above: float
    base: Base
    begun: Instant
    given: int = 0
    at: Instant = 0
    by_last: int = 0


class State(msgspec.Struct, frozen=True):
    settings: VolumeMismatchSettings
    accounts: dict[str, Account] = {}


def start(settings: WatchSettings) -> State:
    return State(settings.volume_mismatch)


def step(state: State, recorded: Recorded) -> tuple[State, list[Signal]]:
    fact = recorded.fact
    if isinstance(fact, AttemptFinished):
        account = state.accounts.get(fact.provider)
        if account is None or fact.outcome not in _MAY_COUNT:
            return state, []
        account = msgspec.structs.replace(account, given=account.given + fact.recipients)
        return _with(state, fact.provider, account), []
    if isinstance(fact, ForeignMailReported):
        account = state.accounts.get(fact.provider)
        if account is None:
            return state, []
        known = msgspec.structs.replace(account, given=account.given + 1 + fact.untold)
        return _with(state, fact.provider, known), []
    if isinstance(fact, VolumeTold) and fact.what == "sent" and fact.window == "all_time":
        return _told(state, fact, recorded)
    return state, []


def _told(state: State, fact: VolumeTold, recorded: Recorded) -> tuple[State, list[Signal]]:
    settings, now = state.settings, recorded.placed_at
    account = state.accounts.get(fact.provider)
    if account is None or fact.count < account.total:
        if account is None and len(state.accounts) >= MOST:
            return state, []
        guess = settings.base_per_day * settings.base_known_for * SECOND / DAY
        base = Base(guess, settings.base_known_for, now) if account is None else account.base
        first = Account(fact.count, float(fact.count), base, now, at=now)
        return _with(state, fact.provider, first), []
    above = float(fact.count - account.given)
    base = account.base.at(now, settings.memory)
    window = max(0, now - account.at) / SECOND
    allowed = settings.tolerance * (account.given - account.by_last)
    excess = max(0.0, above - account.above - allowed)
    if now - account.begun < seconds(settings.settle):
        excess = 0.0  # what it took before the first total may be in the next ones only
    # Of a day at least: one mail by hand is no surprise, whenever we happen to ask.
    usual = account.base.expected(max(window, DAY / SECOND))
    weight = min(HIGHEST, surprise(excess, usual))
    account = msgspec.structs.replace(
        account,
        total=fact.count,
        above=max(above, account.above),
        base=base.plus(excess),
        at=now,
        by_last=account.given,
    )
    state = _with(state, fact.provider, account)
    if weight < LEAST:
        return state, []
    signal = Signal(
        detector=NAME,
        family=Family.POSTURE,
        subject=provider_subject(fact.provider),
        evidence={Hypothesis.PROVIDER_COMPROMISED: weight},
        at=now,
        reason=f"{fact.provider} counts {counted(round(excess), 'mail')} in our account that we "
        f"did not give it in the last {counted(round(window / 60), 'minute')}",
        events=(recorded.id,),
        own_observation=False,
        forger=Forger.NOBODY,
        half_life=43_200.0,
        expires_at=now + seconds(3 * 86_400),
    )
    return state, [signal]


def _with(state: State, provider: str, account: Account) -> State:
    return msgspec.structs.replace(state, accounts={**state.accounts, provider: account})


HEARS = (AttemptFinished, ForeignMailReported, VolumeTold)
DETECTOR = Detector(NAME, State, start, step, HEARS)
