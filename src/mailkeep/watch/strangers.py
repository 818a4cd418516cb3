"""What is wrong with canaries, remembered, and whose doing it can be (pure): ``stranger_in_mail``
compares what came through one provider with what came through the others, with the signatures that
are usual, and with what came to mailboxes elsewhere."""

import msgspec

from mailkeep.base.clock import Instant

from . import signers
from .events import CanaryArrived
from .thresholds import StrangerSettings
from .types import OURS, OWN_MAILBOX, seconds

LASTS = 7 * 86_400  #: seconds for which strangers count
MOST_PROVIDERS = 64
LATELY = 86_400  #: seconds within which a provider's canary came to us


class Box(msgspec.Struct, frozen=True):
    """The strangers in one provider's canaries at one mailbox, the newest last; ``said`` when there
    were ``named`` of them. Our own listener is one mailbox, whatever comes to it.

    ``planted``: when a stranger first stood where no honest provider writes, by sort of canary;
    ``unsigned``: the same of those without the signature that the provider's have, which somebody
    else may have altered. ``vouched``: some stranger is the provider's own doing; ``apart``: some
    came without that signature. ``sure``: it was said with its whole weight; ``between``: and so
    was that somebody is between the provider and us. ``since``: when the first came, or the last in
    a decoy; ``spared``: a decoy has come without any since.
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
    since: Instant = 0
    spared: bool = False


class State(msgspec.Struct, frozen=True):
    """``boxes``: by ``provider mailbox``, the newest last. ``came``, ``clean``: by sort of canary
    and provider, when one last came to our own listener, and with nothing planted in it; ``since``:
    when the first of a sort did; ``whole``: by provider, when a decoy last came with no stranger at
    all. ``keys``: by ``sort provider``, what its canaries are signed with;
    ``away``: by provider, what those were that came to mailboxes elsewhere; ``unexplained``: those
    of the keys that came later and for which nobody vouches, as it was said; ``crowded``: by
    provider, when a canary last came with more keys than are kept."""

    settings: StrangerSettings
    boxes: dict[str, Box] = {}
    since: dict[str, Instant] = {}
    came: dict[str, dict[str, Instant]] = {}
    clean: dict[str, dict[str, Instant]] = {}
    whole: dict[str, Instant] = {}
    keys: dict[str, signers.Keys] = {}
    away: dict[str, tuple[str, ...]] = {}
    unexplained: tuple[str, ...] = ()
    crowded: dict[str, Instant] = {}


def vouching(state: State, fact: CanaryArrived) -> State:
    """A canary that came to a mailbox elsewhere, past whoever is in the way of our listener."""
    before = state.away.get(fact.provider, ())
    if fact.strangers or set(fact.signed) <= set(before):
        return state
    if not before and len(state.away) >= MOST_PROVIDERS:
        return state
    seen = tuple(dict.fromkeys((*before, *fact.signed)))[-signers.MOST_KEYS :]
    return msgspec.structs.replace(state, away={**state.away, fact.provider: seen})


def vouched(state: State, provider: str) -> frozenset[str]:
    return frozenset((*state.away.get(provider, ()), *state.settings.keys))


def theirs(state: State, fact: CanaryArrived, now: Instant) -> bool:
    """Whether nobody but the provider can have put a stranger into what came to our listener, as
    far as signatures tell: where it never signed any they tell nothing."""
    keys = state.keys.get(f"{fact.mailbox} {fact.provider}", {})
    # Of a key for which nobody vouches too: the sort is signed, and by whom is another matter.
    usual = any(one.usual(now) for one in keys.values())
    return not usual or not known(state, fact.provider, now).isdisjoint(fact.signed)


def known(state: State, provider: str, now: Instant) -> frozenset[str]:
    """The keys with which a provider is known to sign, whatever sort of canary."""
    by = vouched(state, provider)
    any_sort = (state.keys.get(f"{sort} {provider}", {}) for sort in OURS)
    return frozenset[str]().union(*(signers.known(one, now, by) for one in any_sort))


def sure(state: State, box: Box, now: Instant) -> bool:
    """Whether what is planted is this provider's: others' canaries come as we wrote them."""
    if box.mailbox != OWN_MAILBOX or now - box.said >= seconds(LASTS):
        return False
    found = dict(box.planted)
    if box.unsigned and elsewhere(state, box.provider, now):
        found |= box.unsigned
    return any(alone(state, box.provider, sort, at, now) for sort, at in found.items())


def between(state: State, box: Box, now: Instant) -> bool:
    """Whether somebody between this provider and us planted it, or it did and hides that."""
    if not box.unsigned or box.mailbox != OWN_MAILBOX or now - box.said >= seconds(LASTS):
        return False
    found = box.unsigned.items()
    return not sure(state, box, now) and any(
        alone(state, box.provider, sort, at, now) for sort, at in found
    )


def spared(state: State, box: Box) -> bool:
    """Whether recovery mail has come as we wrote it since: of what tracks other mail nothing else
    is to be expected, and of who alters mail to get at accounts it is."""
    return box.mailbox == OWN_MAILBOX and state.whole.get(box.provider, 0) > box.since


def elsewhere(state: State, provider: str, now: Instant) -> bool:
    """Whether something was planted at a mailbox of others too, in this provider's canaries only:
    nobody in the way of our own listener is there."""
    away = [one for one in fresh(state, now) if one.mailbox != OWN_MAILBOX]
    there = {one.mailbox for one in away if one.provider == provider and one.unsigned}
    there -= {one.mailbox for one in away if one.provider != provider}
    return bool(there - {*state.settings.near})


def alone(state: State, provider: str, sort: str, at: Instant, now: Instant) -> bool:
    """Whether others' canaries of a sort come as we wrote them. Those that one house can read
    together with this provider's may be altered with them, where one comes unaltered of a provider
    that is tied to neither."""
    too = {
        one.provider
        for one in fresh(state, now)
        if one.provider != provider and (sort in one.planted or sort in one.unsigned)
    }
    tied = {*state.settings.ties.get(provider, ())}
    if too - tied:
        return False
    apart = tied if too else set[str]()
    others = {
        name: when
        for name, when in state.came[sort].items()
        if name != provider and name not in apart
    }
    if any(now - when < seconds(LATELY) for when in others.values()):
        clean = state.clean[sort]
        return any(clean.get(name, 0) >= at for name in others)
    return not too and now - state.since[sort] >= seconds(LATELY)


def fresh(state: State, now: Instant) -> list[Box]:
    found = (one for one in state.boxes.values() if now - one.said < seconds(LASTS))
    return sorted(found, key=lambda one: (one.provider, one.mailbox))


def unexplained(state: State, mailbox: str, now: Instant) -> list[Box]:
    """The boxes of a mailbox, but of providers whose strangers came to our own listener too."""
    there = fresh(state, now)
    explained = {one.provider for one in there if one.mailbox == OWN_MAILBOX}
    return [one for one in there if one.mailbox == mailbox and one.provider not in explained]
