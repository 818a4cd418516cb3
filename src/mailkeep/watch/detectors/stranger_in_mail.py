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
Whoever is in the way of our listener can alter canaries too, and not sign them anew. So where a
provider's canaries are usually signed for our domain, a stranger counts so only under such a
signature, with a key that they had for a day and 20 canaries (``signers``). Without one somebody
between the provider and us put it there, or the provider did and broke the signature to hide:
intercepted, as much, which opens an incident of our own house and names both. Against the
provider 6.0 or 4.7, as what outsiders can stage: beside a sign of our own only. Where the
provider's canaries come altered to a mailbox elsewhere as well, and no other provider's there,
nobody in the way of our listener did that: it counts whole. Where none was ever signed, nothing
can be told from signatures, and a stranger counts as said above.
At mailboxes that others keep 4.7, as what customers can stage: whoever keeps one, or has its
password, writes into it what they like. Where canaries of several providers have strangers at one
such mailbox, it is that one: none of them is accused for it, and its family's mailboxes may be
read, 3.5 nats (judged: a keeper that begins to rewrite links is by far the commonest cause).
False alarms: the provider changes its own rewriting; our templates change before the allow list.
Said once for each provider, and restated with each doubling of the strangers: a new host in every
canary would else be a signal each. Delay: one canary interval; of a provider that hides, that of
the mailboxes elsewhere until it is named. Evasion: altering only mail that does not look like a
canary, or only reading. Who could forge it: the provider; where nothing is signed, or they answer
for our DNS longer than a day, also whoever is in our own listener's way, who can pass the others'
canaries on unaltered; no outsider, as a canary is known by a secret that only it carries. Of a
mailbox, who has it, which is what is said. State: 128 pairs of a provider and a mailbox, 64
providers, 8 keys of each.
"""

import msgspec

from mailkeep.base.clock import Instant
from mailkeep.events.types import Recorded
from mailkeep.mail.families import OTHER
from mailkeep.watch import signers
from mailkeep.watch.detector import Detector
from mailkeep.watch.events import CanaryArrived
from mailkeep.watch.rates import kept
from mailkeep.watch.types import (
    MOST_EVENTS,
    NEVER,
    OUR_HOUSE,
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
    ``unsigned``: the same of those without the signature that the provider's have, which somebody
    else may have altered. ``vouched``: some stranger is the provider's own doing; ``apart``: some
    came without that signature. ``sure``: it was said with its whole weight; ``between``: and so
    was that somebody is between the provider and us.
    """

    provider: str
    mailbox: str
    hosts: tuple[str, ...] = ()
    ids: tuple[str, ...] = ()
    said: Instant = 0
    named: int = 0
    planted: dict[str, Instant] = {}
    sure: bool = False
    unsigned: dict[str, Instant] = {}
    vouched: bool = True
    apart: bool = False
    between: bool = False


class State(msgspec.Struct, frozen=True):
    """``boxes``: by ``provider mailbox``, the newest last. ``came``, ``clean``: by sort of canary
    and provider, when one last came to our own listener, and with nothing planted in it; ``since``:
    when the first of a sort did. ``keys``: by ``sort provider``, what its canaries are signed
    with."""

    settings: StrangerSettings
    boxes: dict[str, Box] = {}
    since: dict[str, Instant] = {}
    came: dict[str, dict[str, Instant]] = {}
    clean: dict[str, dict[str, Instant]] = {}
    keys: dict[str, signers.Keys] = {}


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
    keys, pair = state.keys, f"{sort} {fact.provider}"
    if fact.signed and not fact.strangers and (pair in keys or len(keys) < 2 * MOST_PROVIDERS):
        keys = {**keys, pair: signers.learned(keys.get(pair, {}), fact.signed, now)}
    return msgspec.structs.replace(
        state,
        since=since,
        came={**state.came, sort: came},
        clean={**state.clean, sort: clean},
        keys=keys,
    )


def _theirs(state: State, fact: CanaryArrived, now: Instant) -> bool:
    """Whether nobody but the provider can have put a stranger into what came to our listener, as
    far as signatures tell: where it never signed any they tell nothing."""
    usual = signers.known(state.keys.get(f"{fact.mailbox} {fact.provider}", {}), now)
    any_sort = (state.keys.get(f"{sort} {fact.provider}", {}) for sort in OURS)
    known = frozenset[str]().union(*(signers.known(one, now) for one in any_sort))
    return not usual or not known.isdisjoint(fact.signed)


def _strangers(state: State, fact: CanaryArrived, recorded: Recorded) -> tuple[State, list[Signal]]:
    now, mailbox = recorded.placed_at, OWN_MAILBOX if fact.mailbox in OURS else fact.mailbox
    key = f"{fact.provider} {mailbox}"
    fresh = Box(fact.provider, mailbox, vouched=False)
    old = state.boxes.get(key, fresh)
    if now - old.said >= seconds(LASTS):
        old = fresh
    box = _standing(state, old, fact, now)
    new = sorted({_plain(one) for one in fact.strangers[:16]} - set(box.hosts))
    hosts = (*box.hosts, *new)[-MOST_HOSTS:]
    ids = (*box.ids, recorded.id)[-MOST_EVENTS:]
    box = msgspec.structs.replace(box, hosts=hosts, ids=ids)
    # Each doubling, not each host: a new one in every canary must not fill the log.
    more = len(hosts) >= 2 * box.named or (box.vouched, box.apart) != (old.vouched, old.apart)
    due = more or now - box.said >= seconds(state.settings.repeat_after)
    if due:
        box = msgspec.structs.replace(box, said=now, named=len(hosts))
    others = {name: one for name, one in state.boxes.items() if name != key}
    if len(others) >= MOST:
        others.pop(next(iter(others)))
    state = msgspec.structs.replace(state, boxes={**others, key: box})
    return state, _signals(state, box, now) if due else []


def _standing(state: State, box: Box, fact: CanaryArrived, now: Instant) -> Box:
    """Where one more stranger stood, and whose doing it can be."""
    ours = fact.mailbox in OURS
    theirs = not ours or _theirs(state, fact, now)
    planted, unsigned = box.planted, box.unsigned
    if fact.planted and ours and theirs:
        planted = {fact.mailbox: now, **planted}
    elif fact.planted:
        unsigned = {fact.mailbox: now, **unsigned}
    return msgspec.structs.replace(
        box,
        planted=planted,
        unsigned=unsigned,
        vouched=box.vouched or theirs,
        apart=box.apart or not theirs,
    )


def _signals(state: State, box: Box, now: Instant) -> list[Signal]:
    """What is said of all on whom a box bears."""
    there = _unexplained(state, box.mailbox, now)
    if box.mailbox == OWN_MAILBOX or len(there) < 2:
        said = [_of_provider(state, box.provider, now)]
        return [*said, _of_way(state, now)] if box.apart else said
    names = sorted({box.provider, *(one.provider for one in there)})
    signals = [_of_provider(state, name, now) for name in names]
    return signals if box.mailbox == OTHER else [*signals, _of_keeper(box.mailbox, there, now)]


def _settled(state: State, signals: list[Signal], now: Instant) -> tuple[State, list[Signal]]:
    """Say anew of whom more is sure now, or less."""
    said = {one.subject: one for one in signals}
    for key, box in state.boxes.items():
        sure, between = _sure(state, box, now), _between(state, box, now)
        if (box.sure, box.between) == (sure, between):
            continue
        boxes = {**state.boxes, key: msgspec.structs.replace(box, sure=sure, between=between)}
        state = msgspec.structs.replace(state, boxes=boxes)
        about = provider_subject(box.provider)
        said[about] = _of_provider(state, box.provider, now)
        if box.apart:
            said[OUR_HOUSE] = _of_way(state, now)
    return state, list(said.values())


def _sure(state: State, box: Box, now: Instant) -> bool:
    """Whether what is planted is this provider's: others' canaries come as we wrote them."""
    if box.mailbox != OWN_MAILBOX or now - box.said >= seconds(LASTS):
        return False
    found = dict(box.planted)
    if _elsewhere(state, box.provider, now):
        found |= box.unsigned
    return any(_alone(state, box.provider, sort, at, now) for sort, at in found.items())


def _between(state: State, box: Box, now: Instant) -> bool:
    """Whether somebody between this provider and us planted it, or it did and hides that."""
    if box.mailbox != OWN_MAILBOX or now - box.said >= seconds(LASTS):
        return False
    found = box.unsigned.items()
    return not _sure(state, box, now) and any(
        _alone(state, box.provider, sort, at, now) for sort, at in found
    )


def _elsewhere(state: State, provider: str, now: Instant) -> bool:
    """Whether something was planted at a mailbox of others too, in this provider's canaries only:
    nobody in the way of our own listener is there."""
    away = [one for one in _fresh(state, now) if one.mailbox != OWN_MAILBOX]
    there = {one.mailbox for one in away if one.provider == provider and one.unsigned}
    return bool(there - {one.mailbox for one in away if one.provider != provider})


def _alone(state: State, provider: str, sort: str, at: Instant, now: Instant) -> bool:
    too = (one for one in _fresh(state, now) if one.provider != provider)
    if any(sort in one.planted or sort in one.unsigned for one in too):
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
    sure = any(one.sure for one in own)
    # Signed by nobody, it is the word of whoever is in the way.
    firm = sure or any(one.vouched for one in own)
    planted = any(one.planted or (one.unsigned and not firm) for one in own)
    weight = PLANTED if sure else DOUBTED if planted else WEIGHT
    where = "" if own else f" at {', '.join(sorted(one.mailbox for one in shown))}"
    return Signal(
        detector=NAME,
        family=Family.CONTENT,
        subject=provider_subject(provider),
        evidence={Hypothesis.PROVIDER_COMPROMISED: weight} if own or alone else {},
        at=max(one.said for one in shown),
        reason=f"canaries sent through {provider} arrived with {_named(shown)} in them"
        + (", and without the signature that its canaries have" if own and not firm else where),
        events=_ids(shown),
        own_observation=firm,
        forger=Forger.NOBODY if firm else Forger.CUSTOMERS,
        half_life=86_400.0,
        expires_at=max(one.said for one in shown) + seconds(LASTS),
        restates=True,
    )


def _of_way(state: State, now: Instant) -> Signal:
    """The one standing signal about the way to our listener."""
    own = [one for one in _fresh(state, now) if one.mailbox == OWN_MAILBOX]
    there = [one for one in own if one.apart and not one.sure]
    between = [one for one in there if one.between]
    shown = between or there
    names = " and ".join(sorted(one.provider for one in shown))
    weight = PLANTED if between else WEIGHT
    return Signal(
        detector=NAME,
        family=Family.CONTENT,
        subject=OUR_HOUSE,
        evidence={Hypothesis.INTERCEPTED: weight} if shown else {},
        at=now,
        reason=f"canaries sent through {names} arrived with {_named(shown)} in them, and without "
        f"the signature that such canaries have: it was put there between {names} and us, or by "
        f"{names}, which hides it",
        events=_ids(shown or own),
        own_observation=True,
        forger=Forger.NOBODY,
        half_life=86_400.0,
        expires_at=now + seconds(LASTS),
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
