"""People report mail in our name to the abuse mailbox.

Sees: ``AbuseReported``. Of mail that our own domain did not sign the first eight of a day: together
at the 1st, 2nd, 4th and 8th, for each domain of ours that is imitated and for all. A flood is a few
signals, and more of them would say nothing new. A report of a mail of our own (signed) says that
somebody did not want it, and nothing here; but where the provider that signed it was given no mail
to any of those whom it is to, by its signed fields and our ledger, it is a mail that we never sent.
Evidence (judged): the domain is abused, 1.0 nat for one report and 0.75 for each doubling, at most
3.0, which counts only beside what we saw of that domain ourselves: a name like it that takes mail,
or receivers' reports. Campaign, 0.3 nats and 0.2 for each doubling, at most 0.9: phishing comes
before accounts are tried; with all that a support desk can be told it stays below the line. By what
nobody signed no provider is accused, whatever the mail says that it came through. Of one that
signed what we never sent: compromised, as many as came within a day against the usual days
(``rates.unusual``, measured; 2.6 nats for the first one), at most 5.0, which opens nothing alone:
the ledger may miss another system of ours at the same account.
False alarms: people who take a newsletter of ours, sent past us, for a forgery; such a newsletter
over the same account, until it is usual. Delay: until somebody forwards one as an attachment.
Evasion: victims who report nothing; eight false reports first thing in the day; a mail that shows
no recipient, or beside the victim somebody to whom we did send; once a week for months, until that
is usual. Blind where applications send by themselves (``[journal]``) and where no selector is said
to be a provider's. Who could forge it: anyone who can write a mail; what we never sent, nobody but
who holds that provider's key or account, or answers for our DNS. Never our own observation.
"""

import math

import msgspec

from mailkeep.base.clock import Instant
from mailkeep.base.wording import counted
from mailkeep.events.types import Recorded
from mailkeep.watch.detector import Detector
from mailkeep.watch.events import AbuseReported
from mailkeep.watch.rates import Usual, unusual
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
    provider_subject,
    seconds,
)

NAME = "abuse_report"
MOST = 8  #: reports a day of each of them of which anything is said
MOST_DOMAINS = 32  #: that are told apart
REMEMBERS = 86_400.0  #: seconds over which reports are counted
FIRST, DOUBLING, HIGHEST = 1.0, 0.75, 3.0
FEW, MORE, CAMPAIGN = 0.3, 0.2, 0.9
ALL = ""  #: stands for every domain
SIGNED = 5.0  #: nats, at most, of mail that a provider signed and never had from us
MOST_PROVIDERS = 64


class State(msgspec.Struct, frozen=True):
    """``told``: when each was reported, with the fact's id, by domain and of all (``ALL``);
    ``unsent``: the same of what a provider signed and never had, by provider; ``usual``: how often
    that is."""

    settings: None = None
    told: dict[str, tuple[tuple[Instant, str], ...]] = {}
    unsent: dict[str, tuple[tuple[Instant, str], ...]] = {}
    usual: dict[str, Usual] = {}


def start(_settings: WatchSettings) -> State:
    return State()


def step(state: State, recorded: Recorded) -> tuple[State, list[Signal]]:
    fact = recorded.fact
    if isinstance(fact, AbuseReported) and fact.ours and fact.unsent and fact.signer:
        return _unsent(state, fact.signer, recorded)
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


def _unsent(state: State, provider: str, recorded: Recorded) -> tuple[State, list[Signal]]:
    now = recorded.placed_at
    since = now - seconds(REMEMBERS)
    before = tuple(one for one in state.unsent.get(provider, ()) if one[0] > since)
    known = provider in state.unsent or len(state.unsent) < MOST_PROVIDERS
    if len(before) >= MOST or not known:
        return state, []
    told = (*before, (now, recorded.id))
    usual, weight = unusual(state.usual.get(provider, Usual()), len(told), now)
    state = msgspec.structs.replace(
        state,
        unsent={**state.unsent, provider: told},
        usual={**state.usual, provider: usual},
    )
    if not weight or len(told) & (len(told) - 1):
        return state, []
    mails = counted(len(told), "mail")
    signal = Signal(
        detector=NAME,
        family=Family.REPORTS,
        subject=provider_subject(provider),
        evidence={Hypothesis.PROVIDER_COMPROMISED: min(SIGNED, weight)},
        at=now,
        reason=f"people reported {mails} that {provider} signed as us and never had from us",
        events=tuple(one[1] for one in told)[-MOST_EVENTS:],
        own_observation=False,
        forger=Forger.NOBODY,
        half_life=86_400.0,
        expires_at=now + seconds(4 * 86_400),
    )
    return state, [signal]


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
