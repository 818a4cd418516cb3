"""A canary arrives with a host name in it that is not on our allow list.

Sees: ``CanaryArrived``. An allow list sees a fresh domain; a block list does not.
Evidence: provider compromised, 4.7 nats (judged: an innocent new host, such as a tracking domain
that the provider introduces, about once in three years; under a compromise, and nothing more, one
day in ten), which opens nothing alone. 8.4 where the stranger stands where no honest provider
writes (``planted``: From, Reply-To, what people read of a decoy), at our own listener: that opens
an incident, and cuts nobody automatically until something else is seen (``correlation``). It is
said once a canary of the same sort has come through another provider as we wrote it, or none came
for a day: where others' come altered as well, it is our own doing, our listener, or the way to it,
and 6.0 for each.
At mailboxes that others keep 4.7, as what customers can stage: whoever keeps one, or has its
password, writes into it what they like. Where canaries of several providers have strangers at one
such mailbox, it is that one: none of them is accused for it, and its family's mailboxes may be
read, 3.5 nats (judged: a keeper that begins to rewrite links is by far the commonest cause).
False alarms: the provider changes its own rewriting; our templates change before the allow list.
Said once for each provider, and restated with each doubling of the strangers: a new host in every
canary would else be a signal each. Delay: one canary interval. Evasion: altering only mail that
does not look like a canary, or only reading. Who could forge it: the provider, or whoever is in our
own listener's way, who can pass the others' canaries on unaltered; no outsider, as a canary is
known by a secret that only it carries. Of a mailbox, who has it, which is what is said. State: 128
pairs of a provider and a mailbox, 64 providers.
"""

import msgspec

from mailkeep.base.clock import Instant
from mailkeep.events.types import Recorded
from mailkeep.mail.families import OTHER
from mailkeep.watch.detector import Detector
from mailkeep.watch.events import CanaryArrived
from mailkeep.watch.rates import kept
from mailkeep.watch.types import (
    MOST_EVENTS,
    NEVER,
    OURS,
    OWN_MAILBOX,
    Family,
    Forger,
    Hypothesis,
    Signal,
    StrangerSettings,
    WatchSettings,
    mailbox_subject,
    provider_subject,
    seconds,
)

NAME = "stranger_in_mail"
MOST = 128  #: pairs of a provider and a mailbox
MOST_HOSTS = 64  #: hosts of each
NAMED = 3  #: hosts in a reason
WEIGHT, PLANTED, DOUBTED, KEEPER = 4.7, 8.4, 6.0, 3.5
LASTS = 7 * 86_400
MOST_PROVIDERS = 64
LATELY = 86_400  #: seconds within which a provider's canary came to us


class Box(msgspec.Struct, frozen=True):
    """The strangers in one provider's canaries at one mailbox, the newest last; ``said`` when there
    were ``named`` of them. Our own listener is one mailbox, whatever comes to it.

    ``planted``: when a stranger first stood where no honest provider writes, by sort of canary;
    ``sure``: that was said with its whole weight.
    """

    provider: str
    mailbox: str
    hosts: tuple[str, ...] = ()
    ids: tuple[str, ...] = ()
    said: Instant = 0
    named: int = 0
    planted: dict[str, Instant] = {}
    sure: bool = False


class State(msgspec.Struct, frozen=True):
    """``boxes``: by ``provider mailbox``, the newest last. ``came``, ``clean``: by sort of canary
    and provider, when one last came to our own listener, and with nothing planted in it; ``since``:
    when the first of a sort did."""

    settings: StrangerSettings
    boxes: dict[str, Box] = {}
    since: dict[str, Instant] = {}
    came: dict[str, dict[str, Instant]] = {}
    clean: dict[str, dict[str, Instant]] = {}


def start(settings: WatchSettings) -> State:
    return State(settings.stranger_in_mail)


def step(state: State, recorded: Recorded) -> tuple[State, list[Signal]]:
    fact = recorded.fact
    if not isinstance(fact, CanaryArrived):
        return state, []
    if fact.mailbox in OURS:
        state = _compared(state, fact, recorded.placed_at)
    state, signals = _strangers(state, fact, recorded) if fact.strangers else (state, [])
    return _settled(state, signals, recorded.placed_at)


def _compared(state: State, fact: CanaryArrived, now: Instant) -> State:
    """Remember how canaries come to our own listener."""
    sort, since = fact.mailbox, state.since
    if sort not in since:
        since = {**since, sort: now}
    came = kept(state.came.get(sort, {}), fact.provider, now, MOST_PROVIDERS)
    clean = state.clean.get(sort, {})
    if not fact.planted:
        clean = kept(clean, fact.provider, now, MOST_PROVIDERS)
    return msgspec.structs.replace(
        state, since=since, came={**state.came, sort: came}, clean={**state.clean, sort: clean}
    )


def _strangers(state: State, fact: CanaryArrived, recorded: Recorded) -> tuple[State, list[Signal]]:
    now, mailbox = recorded.placed_at, OWN_MAILBOX if fact.mailbox in OURS else fact.mailbox
    key = f"{fact.provider} {mailbox}"
    box = state.boxes.get(key, Box(fact.provider, mailbox))
    if now - box.said >= seconds(LASTS):
        box = Box(fact.provider, mailbox)
    new = sorted({_plain(one) for one in fact.strangers[:16]} - set(box.hosts))
    hosts = (*box.hosts, *new)[-MOST_HOSTS:]
    ids = (*box.ids, recorded.id)[-MOST_EVENTS:]
    planted = box.planted
    if fact.planted and fact.mailbox in OURS:
        planted = {fact.mailbox: now, **planted}
    box = msgspec.structs.replace(box, hosts=hosts, ids=ids, planted=planted)
    # Each doubling, not each host: a new one in every canary must not fill the log.
    more = len(hosts) >= 2 * box.named
    due = more or now - box.said >= seconds(state.settings.repeat_after)
    if due:
        box = msgspec.structs.replace(box, said=now, named=len(hosts))
    others = {name: one for name, one in state.boxes.items() if name != key}
    if len(others) >= MOST:
        others.pop(next(iter(others)))
    state = msgspec.structs.replace(state, boxes={**others, key: box})
    return state, _signals(state, box, now) if due else []


def _signals(state: State, box: Box, now: Instant) -> list[Signal]:
    """What is said of all on whom a box bears."""
    there = _unexplained(state, box.mailbox, now)
    if box.mailbox == OWN_MAILBOX or len(there) < 2:
        return [_of_provider(state, box.provider, now)]
    names = sorted({box.provider, *(one.provider for one in there)})
    signals = [_of_provider(state, name, now) for name in names]
    return signals if box.mailbox == OTHER else [*signals, _of_keeper(box.mailbox, there, now)]


def _settled(state: State, signals: list[Signal], now: Instant) -> tuple[State, list[Signal]]:
    """Say anew of whom more is sure now, or less."""
    said = {one.subject: one for one in signals}
    for key, box in state.boxes.items():
        sure = _sure(state, box, now)
        if box.sure == sure:
            continue
        boxes = {**state.boxes, key: msgspec.structs.replace(box, sure=sure)}
        state = msgspec.structs.replace(state, boxes=boxes)
        about = provider_subject(box.provider)
        said[about] = _of_provider(state, box.provider, now)
    return state, list(said.values())


def _sure(state: State, box: Box, now: Instant) -> bool:
    """Whether what is planted is this provider's: others' canaries come as we wrote them."""
    if now - box.said >= seconds(LASTS):
        return False
    return any(_alone(state, box.provider, sort, at, now) for sort, at in box.planted.items())


def _alone(state: State, provider: str, sort: str, at: Instant, now: Instant) -> bool:
    too = (one for one in _fresh(state, now) if one.provider != provider)
    if any(sort in one.planted for one in too):
        return False
    others = {name: when for name, when in state.came[sort].items() if name != provider}
    if any(now - when < seconds(LATELY) for when in others.values()):
        clean = state.clean[sort]
        return any(clean.get(name, 0) >= at for name in others)
    return now - state.since[sort] >= seconds(LATELY)


def _fresh(state: State, now: Instant) -> list[Box]:
    found = (one for one in state.boxes.values() if now - one.said < seconds(LASTS))
    return sorted(found, key=lambda one: (one.provider, one.mailbox))


def _unexplained(state: State, mailbox: str, now: Instant) -> list[Box]:
    """The boxes of a mailbox, but of providers whose strangers came to our own listener too."""
    fresh = _fresh(state, now)
    explained = {one.provider for one in fresh if one.mailbox == OWN_MAILBOX}
    return [one for one in fresh if one.mailbox == mailbox and one.provider not in explained]


def _of_provider(state: State, provider: str, now: Instant) -> Signal:
    """The one standing signal about a provider."""
    mine = [one for one in _fresh(state, now) if one.provider == provider]
    own = [one for one in mine if one.mailbox == OWN_MAILBOX]
    alone = [one for one in mine if len(_unexplained(state, one.mailbox, now)) < 2]
    shown = own or alone or mine
    doubted = DOUBTED if any(one.planted for one in own) else WEIGHT
    weight = PLANTED if any(one.sure for one in own) else doubted
    return Signal(
        detector=NAME,
        family=Family.CONTENT,
        subject=provider_subject(provider),
        evidence={Hypothesis.PROVIDER_COMPROMISED: weight} if own or alone else {},
        at=max(one.said for one in shown),
        reason=f"canaries sent through {provider} arrived with {_named(shown)} in them"
        + ("" if own else f" at {', '.join(sorted(one.mailbox for one in shown))}"),
        events=_ids(shown),
        own_observation=bool(own),
        forger=Forger.NOBODY if own else Forger.CUSTOMERS,
        half_life=86_400.0,
        expires_at=max(one.said for one in shown) + seconds(LASTS),
        restates=True,
    )


def _of_keeper(mailbox: str, there: list[Box], now: Instant) -> Signal:
    return Signal(
        detector=NAME,
        family=Family.CONTENT,
        subject=mailbox_subject(mailbox),
        evidence={Hypothesis.MAILBOX_COMPROMISED: KEEPER},
        at=now,
        reason=f"canaries of {len(there)} providers arrived at {mailbox} with {_named(there)} in "
        "them",
        events=_ids(there),
        own_observation=True,
        forger=Forger.NOBODY,
        half_life=86_400.0,
        expires_at=now + seconds(LASTS),
        restates=True,
    )


def _named(boxes: list[Box]) -> str:
    hosts = list(dict.fromkeys(host for one in boxes for host in one.hosts))
    latest, others = ", ".join(hosts[-NAMED:]), len(hosts) - NAMED
    return f"{latest} and {others} other strangers" if others > 0 else latest


def _ids(boxes: list[Box]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(event for one in boxes for event in one.ids))[-MOST_EVENTS:]


def tick(state: State, _now: Instant) -> tuple[State, list[Signal]]:
    return state, []


def due(_state: State) -> Instant:
    return NEVER


def _plain(host: str) -> str:
    """The name reduced to a host's characters: it was written by an attacker and will be read by
    people."""
    return "".join(c for c in host.lower() if (c.isascii() and c.isalnum()) or c in ".-")[:60]


DETECTOR = Detector(NAME, State, start, step, tick, due, (CanaryArrived,))
