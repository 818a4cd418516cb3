"""People report mail in our name to the abuse mailbox.

Sees: ``AbuseReported`` of mail that our own domain did not sign, the first eight of a day: together
at the 1st, 2nd, 4th and 8th, for each domain of ours that is imitated and for all. A flood is a few
signals, and more of them would say nothing new. A report of a mail of our own (signed) says that
somebody did not want it, and nothing here.
Evidence (judged): the domain is abused, 1.0 nat for one report and 0.75 for each doubling, at most
3.0, which counts only beside what we saw of that domain ourselves: a name like it that takes mail,
or receivers' reports. Campaign, 0.3 nats and 0.2 for each doubling, at most 0.9: phishing comes
before accounts are tried; with all that a support desk can be told it stays below the line. No
provider is accused by it, whatever the mail says that it came through.
False alarms: people who take a newsletter of ours, sent past us, for a forgery. Delay: until
somebody forwards one. Evasion: victims who report nothing; eight false reports first thing in the
day. Who could forge it: anyone who can write a mail.
"""

import math

import msgspec

from mailkeep.base.clock import Instant
from mailkeep.base.wording import counted
from mailkeep.events.types import Recorded
from mailkeep.watch.detector import Detector
from mailkeep.watch.events import AbuseReported
from mailkeep.watch.types import (
    MOST_EVENTS,
    RESETS,
    Family,
    Forger,
    Hypothesis,
    Signal,
    Subject,
    WatchSettings,
    domain_subject,
    seconds,
)

NAME = "abuse_report"
MOST = 8  #: reports a day of each of them of which anything is said
MOST_DOMAINS = 32  #: that are told apart
REMEMBERS = 86_400.0  #: seconds over which reports are counted
FIRST, DOUBLING, HIGHEST = 1.0, 0.75, 3.0
FEW, MORE, CAMPAIGN = 0.3, 0.2, 0.9
ALL = ""  #: stands for every domain


class State(msgspec.Struct, frozen=True):
    """``told``: when each was reported, with the fact's id, by domain and of all (``ALL``)."""

    settings: None = None
    told: dict[str, tuple[tuple[Instant, str], ...]] = {}


def start(_settings: WatchSettings) -> State:
    return State()


def step(state: State, recorded: Recorded) -> tuple[State, list[Signal]]:
    fact = recorded.fact
    if not isinstance(fact, AbuseReported) or fact.ours:
        return state, []
    now = recorded.placed_at
    since = now - seconds(REMEMBERS)
    kept = {
        name: live
        for name, entries in state.told.items()
        if (live := tuple(one for one in entries if one[0] > since))
    }
    signals = []
    for name in dict.fromkeys((fact.domain, ALL)):
        entries = kept.get(name, ())
        if len(entries) >= MOST or (name not in kept and len(kept) > MOST_DOMAINS):
            continue
        kept[name] = (*entries, (now, recorded.id))
        count = len(kept[name])
        if not count & (count - 1):
            signals.append(_signal(name, count, kept[name], now))
    return msgspec.structs.replace(state, told=kept), signals


def _signal(
    name: str, count: int, entries: tuple[tuple[Instant, str], ...], now: Instant
) -> Signal:
    subject: Subject = RESETS
    weight = min(CAMPAIGN, FEW + MORE * math.log2(count))
    evidence = {Hypothesis.CAMPAIGN: weight}
    about = "in our name"
    if name != ALL:
        subject, about = domain_subject(name), f"as {name}, or as a name like it"
        evidence = {Hypothesis.DOMAIN_ABUSED: min(HIGHEST, FIRST + DOUBLING * math.log2(count))}
    return Signal(
        detector=NAME,
        family=Family.REPORTS,
        subject=subject,
        evidence=evidence,
        at=now,
        reason=f"people reported {counted(count, 'mail')} {about} that we did not sign",
        events=tuple(one[1] for one in entries)[-MOST_EVENTS:],
        own_observation=False,
        forger=Forger.ANYONE,
        half_life=86_400.0,
        expires_at=now + seconds(4 * 86_400),
    )


DETECTOR = Detector(NAME, State, start, step, (AbuseReported,))
