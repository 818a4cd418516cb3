"""Mail of one mailbox family or stream is accepted by a provider, but no delivery is reported.

Sees: ``AttemptFinished`` accepted and what ``DeliveryReported`` says of the same message, by
provider and family of the recipient's mailbox, and by provider and stream over the large families
together. ``delivery_silence`` counts all reports of a provider together; this one follows single
mails, and so sees what stops at one family only, or who drops recovery mail and nothing else.
Method: at most 16 mails of each pair are followed at a time, one a second. The usual delay is
learned (a sketch of 36 counts); past three times its 99th percentile a mail is not delivered.
Bounces and deferrals are answers, and no lack of one. Where the share p that is usually confirmed
is high (``confirms``), the CUSUM of a binomial test looks for half of it: a mail not delivered adds
ln(½/(1-p)) nats, a delivered one ln(½/p). The alarm is at ln(1 + γn/g), n pairs with a mail every g
seconds; of a stream with two families in the row, as what one of them blocks is no silence of all.
While the sum is high nothing is learned.
Likelihood ratios: provider silent, the sum of the test (measured on what was learned), for a family
at most 5.0 nats (judged: it may be that family's block, and reports fail oftener than mail does),
for a stream 6.5; halved while another provider's pairs fare the same: then it is our webhooks'
door. Nothing is taken back: no claim clears a provider.
Parameters: ``[watch.accepted_not_delivered]``. False alarms: a webhook switched off at the
provider. Delay: the deadline, and four to six mails. Evasion: confirming what was dropped, which
canaries see; dropping less than half.
Who could forge it: who holds a key for the journal, by mail that was never sent, or signs its
copies, as the provider does, and who sends through our account there; of the large families else
nobody outside, as who has a mailbox there cannot hold its server back. ``other`` are servers that
anyone may run: an address counts once in a row there, and what they show counts as what customers
can stage, and nothing for a stream. A flood of addresses fills 16 places.
"""

import math

import msgspec

from mailkeep.base.clock import DAY, SECOND, Instant
from mailkeep.events.types import Recorded
from mailkeep.mail.events import AttemptFinished, DeliveryReported
from mailkeep.mail.families import OTHER
from mailkeep.watch.detector import Detector
from mailkeep.watch.rates import Delays, gap_alarm
from mailkeep.watch.thresholds import AcceptedSettings
from mailkeep.watch.types import (
    MOST_EVENTS,
    NEVER,
    Family,
    Forger,
    Hypothesis,
    Signal,
    WatchSettings,
    provider_subject,
    seconds,
)

NAME = "accepted_not_delivered"
MOST = 96  #: pairs watched
MOST_FOLLOWED = 16  #: mails of each
MEMORY = 400.0  #: mails over which delays and shares are averaged
MOST_ROW = 32  #: addresses of a row that are remembered
HIGHEST, HIGHEST_STREAM = 5.0, 6.5
LOOKED_FOR = 0.5  #: the share confirmed that is looked for


class Pair(msgspec.Struct, frozen=True):
    """One provider, and a family or a stream. ``confirmed`` of ``seen`` mails; ``lost``: nats of
    the test; ``row``: families and addresses not delivered to since the last delivery; ``gap``:
    seconds between mails."""

    provider: str
    of: str
    stream: bool
    deadline: float
    delays: Delays = Delays()
    seen: float = 0.0
    confirmed: float = 0.0
    following: int = 0
    last: Instant = 0
    gap: float = 0.0
    lost: float = 0.0
    row: tuple[str, ...] = ()
    ids: tuple[str, ...] = ()
    said: Instant = 0

    def share(self) -> float:
        """The share of mails that is usually confirmed."""
        return min(0.99, (self.confirmed + 0.5) / (self.seen + 1.0))


class Followed(msgspec.Struct, frozen=True):
    """A mail, and the pairs that it stands for."""

    pairs: tuple[str, ...]
    family: str
    address: str
    at: Instant
    until: Instant
    id: str


class State(msgspec.Struct, frozen=True):
    """``followed``: by message. ``next``: before which nothing runs out."""

    settings: AcceptedSettings
    pairs: dict[str, Pair] = {}
    followed: dict[str, Followed] = {}
    next: Instant = NEVER


def start(settings: WatchSettings) -> State:
    return State(settings.accepted_not_delivered)


def step(state: State, recorded: Recorded) -> tuple[State, list[Signal]]:
    fact = recorded.fact
    if isinstance(fact, AttemptFinished):
        if fact.outcome == "accepted" and fact.family:
            return _follow(state, fact, recorded), []
    elif isinstance(fact, DeliveryReported) and fact.message in state.followed and not fact.copy:
        return _answered(state, fact, recorded), []
    return state, []


def tick(state: State, now: Instant) -> tuple[State, list[Signal]]:
    if now < state.next:
        return state, []
    over = {name: one for name, one in state.followed.items() if one.until <= now}
    left = {name: one for name, one in state.followed.items() if name not in over}
    state = msgspec.structs.replace(
        state, followed=left, next=min((one.until for one in left.values()), default=NEVER)
    )
    signals: list[Signal] = []
    for one in over.values():
        for key in one.pairs:
            state = _with(state, key, _missed(state, state.pairs[key], one))
            state, said = _judge(state, key, now)
            signals += said
    return state, signals


def due(state: State) -> Instant:
    return state.next


def _follow(state: State, fact: AttemptFinished, recorded: Recorded) -> State:
    keys = [(f"{fact.provider} {fact.family}", fact.family, False)]
    if fact.family != OTHER:
        keys.append((f"{fact.provider} /{fact.stream}", fact.stream, True))
    at, followed = recorded.placed_at, []
    for key, of, stream in keys:
        pair = state.pairs.get(key)
        if pair is None:
            if len(state.pairs) >= MOST:
                continue
            pair = Pair(fact.provider, of, stream, state.settings.longest)
        since = (at - pair.last) / SECOND if pair.last else math.inf
        full = pair.following >= MOST_FOLLOWED or since < state.settings.every
        if full or fact.message in state.followed:
            continue
        gap = 0.0 if pair.last == 0 else pair.gap + 0.1 * (since - pair.gap) if pair.gap else since
        pair = msgspec.structs.replace(pair, following=pair.following + 1, last=at, gap=gap)
        followed.append((key, pair))
    if not followed:
        return state
    until = at + seconds(max(pair.deadline for _, pair in followed))
    one = Followed(
        tuple(key for key, _ in followed), fact.family, fact.address, at, until, recorded.id
    )
    return msgspec.structs.replace(
        state,
        pairs={**state.pairs, **dict(followed)},
        followed={**state.followed, fact.message: one},
        next=min(state.next, until),
    )


def _answered(state: State, fact: DeliveryReported, recorded: Recorded) -> State:
    """The provider told what became of one."""
    one = state.followed[fact.message or ""]
    if fact.provider != state.pairs[one.pairs[0]].provider or fact.event == "sent":
        return state
    followed = {name: other for name, other in state.followed.items() if name != fact.message}
    state = msgspec.structs.replace(state, followed=followed)
    for key in one.pairs:
        state = _with(state, key, _told(state, state.pairs[key], fact, recorded, one))
    return state


def _told(
    state: State, pair: Pair, fact: DeliveryReported, recorded: Recorded, one: Followed
) -> Pair:
    pair = msgspec.structs.replace(pair, following=pair.following - 1)
    if fact.event != "delivered":
        return pair
    settings = state.settings
    delays = pair.delays.add((recorded.placed_at - one.at) / SECOND, MEMORY)
    learned = max(settings.shortest, 3 * delays.quantile(0.99))
    known = delays.total >= settings.learn_from
    pair = msgspec.structs.replace(
        pair,
        delays=delays,
        deadline=min(settings.longest, learned) if known else settings.longest,
        lost=max(0.0, pair.lost + math.log(LOOKED_FOR / pair.share())),
        row=(),
    )
    return _learned(state, pair, confirmed=True)


def _missed(state: State, pair: Pair, one: Followed) -> Pair:
    pair = msgspec.structs.replace(pair, following=pair.following - 1)
    told_of = f"{one.family} {one.address}"
    if told_of in pair.row:
        return pair
    told = pair
    if pair.seen >= state.settings.learn_from and pair.share() >= state.settings.confirms:
        lost = pair.lost + math.log(LOOKED_FOR / (1 - pair.share()))
        told = msgspec.structs.replace(
            pair, lost=min(lost, 2 * limit(state, pair)), ids=(*pair.ids, one.id)[-MOST_EVENTS:]
        )
    told = msgspec.structs.replace(told, row=(*pair.row, told_of)[-MOST_ROW:])
    return _learned(state, told, confirmed=False)


def _learned(state: State, pair: Pair, *, confirmed: bool) -> Pair:
    if pair.lost > 0.5 * limit(state, pair):
        return pair  # a silence must not teach itself to be usual
    seen, kept = pair.seen + 1.0, pair.confirmed + confirmed
    if seen > MEMORY:
        seen, kept = seen / 2, kept / 2
    return msgspec.structs.replace(pair, seen=seen, confirmed=kept)


def limit(state: State, pair: Pair) -> float:
    """The nats at which a pair is silent."""
    between = state.settings.between_false_alarms * DAY / SECOND * max(1, len(state.pairs))
    return gap_alarm(between, max(pair.gap, state.settings.every))


def _judge(state: State, key: str, now: Instant) -> tuple[State, list[Signal]]:
    pair = state.pairs[key]
    repeated = pair.said and now - pair.said < seconds(state.settings.repeat_after)
    one_family = len({told_of.partition(" ")[0] for told_of in pair.row}) < 2
    if repeated or pair.lost < limit(state, pair) or (pair.stream and one_family):
        return state, []
    others = any(
        one.provider != pair.provider
        and one.stream is pair.stream
        and one.lost >= 0.5 * limit(state, one)
        for one in state.pairs.values()
    )
    highest = HIGHEST_STREAM if pair.stream else HIGHEST
    weight = min(highest, pair.lost) / (2 if others else 1)
    what = f"mail of the stream {pair.of}" if pair.stream else f"mail for {pair.of}"
    signal = Signal(
        detector=NAME,
        family=Family.FLOW,
        subject=provider_subject(pair.provider),
        evidence={Hypothesis.PROVIDER_SILENT: weight},
        at=now,
        reason=f"{pair.provider} takes {what} and reports none of it delivered"
        + ("; another provider as well" if others else ""),
        events=pair.ids,
        own_observation=False,
        forger=Forger.CUSTOMERS if pair.of == OTHER and not pair.stream else Forger.NOBODY,
        half_life=1800.0,
        expires_at=now + seconds(86_400),
    )
    return _with(state, key, msgspec.structs.replace(pair, said=now)), [signal]


def _with(state: State, key: str, pair: Pair) -> State:
    return msgspec.structs.replace(state, pairs={**state.pairs, key: pair})


DETECTOR = Detector(
    NAME, State, start, step, (AttemptFinished, DeliveryReported), tick=tick, due=due
)
