"""How soon it would have been noticed, on an installation's own log, had a provider fallen silent
(pure).

The log is read once. At moments spread over it the detectors' state is put aside; from each, the
log goes on as it was, but for what the one provider confirmed: its delivery reports and the
canaries through it. The retries and failovers that would have followed are not in the log, and so
the canaries and reports of other providers are as they were.
"""

from collections.abc import Sequence
from itertools import chain, islice, takewhile

import msgspec

from mailkeep.base.clock import DAY, SECOND, Instant
from mailkeep.events.types import Fact, Recorded
from mailkeep.mail.events import AttemptFinished, DeliveryReported
from mailkeep.watch.correlation import Beliefs, hear, weigh
from mailkeep.watch.engine import Engine
from mailkeep.watch.events import CanaryArrived
from mailkeep.watch.simulate.measuring import Tell, quiet
from mailkeep.watch.types import Hypothesis, WatchSettings, provider_subject

LEARNING = 4  #: a quarter of the log is for the detectors to learn from


class Cut(msgspec.Struct, frozen=True):
    """A provider's silence from one moment on.

    Attributes:
        at: from when nothing of it was confirmed any more.
        noticed: seconds until it was held to be silent; None: it was not, within the time looked
            at.
        detectors: that spoke for it by then.
        mails: that it took meanwhile.
    """

    provider: str
    at: Instant
    noticed: float | None
    detectors: tuple[str, ...]
    mails: int


class _Moment(msgspec.Struct, frozen=True):
    """What the detectors knew: before the fact in this place of the log."""

    at: Instant
    place: int
    state: bytes
    beliefs: Beliefs


def silenced(
    log: Sequence[Recorded],
    through: Instant,
    settings: WatchSettings,
    times: int = 20,
    lasts: int = DAY,
    tell: Tell = quiet,
) -> list[Cut]:
    """Each provider that confirms anything, silent from each of some moments on.

    Args:
        log: in order.
        through: how far its time had passed.
        times: moments, evenly spread over what follows the first quarter.
        lasts: µs that are looked at after each; the log's end cuts the last ones short, so they lie
            before that.

    Returns:
        Of each provider and moment one, but for moments at which it was held to be silent anyway.
    """
    if not log:
        return []
    first, last = log[0].placed_at, through - lasts
    begin = first + (through - first) // LEARNING
    if last <= begin:
        return []
    moments = [begin + (last - begin) * number // times for number in range(times)]
    names = sorted({one.fact.provider for one in log if isinstance(one.fact, DeliveryReported)})
    found: list[Cut] = []
    for done, moment in enumerate(_put_aside(log, moments, settings), start=1):
        for name in names:
            if (Hypothesis.PROVIDER_SILENT, provider_subject(name)) not in moment.beliefs.open:
                found.append(_after(log, moment, name, lasts, settings))
        tell(done, times)
    return found


def _put_aside(
    log: Sequence[Recorded], moments: Sequence[Instant], settings: WatchSettings
) -> list[_Moment]:
    engine, beliefs = Engine(settings), Beliefs()
    kept: list[_Moment] = []
    wanted = list(moments)
    for place, recorded in enumerate(log):
        while wanted and wanted[0] <= recorded.placed_at:
            kept.append(_Moment(wanted.pop(0), place, engine.save(), beliefs))
        for signal in engine.step(recorded):
            beliefs, _ = weigh(hear(beliefs, signal), engine.clock, settings.correlation)
    return kept


def _after(
    log: Sequence[Recorded], moment: _Moment, name: str, lasts: int, settings: WatchSettings
) -> Cut:
    engine, beliefs, mails = Engine(settings, moment.state), moment.beliefs, 0
    end = moment.at + lasts
    held = (Hypothesis.PROVIDER_SILENT, provider_subject(name))
    later = takewhile(lambda one: one.placed_at <= end, islice(log, moment.place, None))
    for recorded in chain(later, [None]):
        if recorded is None:
            signals = engine.pass_time(end)
        elif _confirms(recorded.fact, name):
            continue
        else:
            mails += _taken(recorded.fact, name)
            signals = engine.step(recorded)
        for signal in signals:
            now = max(signal.at, engine.clock)
            beliefs, opinions = weigh(hear(beliefs, signal), now, settings.correlation)
            if held in beliefs.open:
                (one,) = (x for x in opinions if (x.hypothesis, x.subject) == held)
                said = tuple(sorted({term.detector for term in one.terms if term.counted > 0}))
                return Cut(name, moment.at, (signal.at - moment.at) / SECOND, said, mails)
    return Cut(name, moment.at, None, (), mails)


def _confirms(fact: Fact, name: str) -> bool:
    return isinstance(fact, DeliveryReported | CanaryArrived) and fact.provider == name


def _taken(fact: Fact, name: str) -> bool:
    return isinstance(fact, AttemptFinished) and (fact.provider, fact.outcome) == (name, "accepted")
