"""A canary arrives with a host name in it that is not on our allow list.

Sees: ``CanaryArrived``. An allow list sees a fresh domain; a block list does not.
Evidence: provider compromised, 4.7 nats (judged: an innocent new host, such as a tracking domain
that the provider introduces, about once in three years; under a compromise, and nothing more, one
day in ten), which opens nothing alone. 4.0 once a decoy of that provider has come with no stranger
in it since (judged: a tracking domain never stands in recovery mail, and every second thief who
alters mail would begin with it); then nothing that outsiders can stage counts beside it, since
whoever reads of a provider's new host can stage all that is missing. 8.4 where the stranger stands
where no honest provider writes (``planted``: From, Reply-To, what people read of a decoy), at our
own listener: that opens an incident, and cuts nobody automatically until something else is seen
(``correlation``). It is said once a canary of the same sort has come through another provider as we
wrote it, or none came for a day: where others' come altered as well, it is our own doing, our
listener, or the way to it, and 6.0 for each. Providers that one house can read, or runs, are one
there: where theirs come altered together, and that of a third as we wrote it, it is theirs.
Whoever is in the way of our listener can alter canaries too, and not sign them anew. So where a
provider's canaries are usually signed for our domain, a stranger counts so only under such a
signature, with a key that they had for a day and 20 canaries (``signers``). A key that came later
must have been seen at a mailbox elsewhere as well, or be named (``keys``); until then that it
changed is told: intercepted 2.0 (judged: providers change keys twice a year without a word, and
who is in the way seldom signs), as is a canary that comes with more keys than are kept: keys that
are known or vouched for give way to none that is not. Without such a signature somebody
between the provider and us put it there, or the provider did and broke the signature to hide:
intercepted, as much, which opens an incident of our own house and names both. Against the
provider 6.0 or 4.7, as what outsiders can stage: beside a sign of our own only. Where the
provider's canaries come altered to a mailbox elsewhere as well, and no other provider's there,
nobody in the way of our listener did that: it counts whole. A mailbox whose keeper is tied to who
answers for our names, or to the machine that we run on, is not elsewhere. Where none was ever
signed, nothing can be told from signatures, and a stranger counts as said above.
At mailboxes that others keep 4.7, as what customers can stage: whoever keeps one, or has its
password, writes into it what they like. Where canaries of several providers have strangers at one
such mailbox, it is that one: none of them is accused for it, and its family's mailboxes may be
read, 3.5 nats (judged: a keeper that begins to rewrite links is by far the commonest cause).
False alarms: the provider changes its own rewriting; our templates change before the allow list.
Where a link leads is not looked at: a thief's host can lead to ours when it has read the link.
Said once for each provider, and restated with each doubling of the strangers: a new host in every
canary would else be a signal each. Delay: one canary interval; of a provider that hides, that of
the mailboxes elsewhere until it is named. Evasion: altering only mail that does not look like a
canary, or only reading; in our account there, writing as another domain, which that domain signs
and ours does not: then it is named only by a mailbox elsewhere, as whoever is in the way can have
the provider sign the same from an account of their own. Who could forge it: the provider; where
nothing is signed, or they answered for our DNS before the first canaries came or can write into a
mailbox elsewhere as well, also whoever is in our own listener's way, who can pass the others'
canaries on unaltered; no outsider, as a canary is known by a secret that only it carries. Of a
mailbox, who has it, which is what is said. State: 128 pairs of a provider and a mailbox, 64
providers, 8 keys of each.
"""

import msgspec

from mailkeep.base.clock import Instant
from mailkeep.events.types import Recorded
from mailkeep.mail.families import OTHER
from mailkeep.watch import signers, strangers
from mailkeep.watch.detector import Detector
from mailkeep.watch.events import CanaryArrived
from mailkeep.watch.rates import kept
from mailkeep.watch.strangers import LASTS, MOST_PROVIDERS, Box, State
from mailkeep.watch.types import (
    DECOY_MAILBOX,
    MOST_EVENTS,
    OUR_HOUSE,
    OURS,
    OWN_MAILBOX,
    Family,
    Forger,
    Hypothesis,
    Signal,
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
REKEYED, SPARED = 2.0, 4.0
CROWD = f"more than {signers.MOST_KEYS} keys"


def start(settings: WatchSettings) -> State:
    return State(settings.stranger_in_mail)


def step(state: State, recorded: Recorded) -> tuple[State, list[Signal]]:
    fact = recorded.fact
    if not isinstance(fact, CanaryArrived):
        return state, []
    now = recorded.placed_at
    if fact.mailbox in OURS:
        state = _compared(state, fact, now)
    elif fact.mailbox not in state.settings.near:
        state = strangers.vouching(state, fact)
    state, signals = _strangers(state, fact, recorded) if fact.strangers else (state, [])
    state, signals = _settled(state, signals, now)
    return _keys_changed(state, signals, fact.provider, recorded)


def _compared(state: State, fact: CanaryArrived, now: Instant) -> State:
    """Remember how canaries come to our own listener."""
    sort, since = fact.mailbox, state.since
    if sort not in since:
        since = {**since, sort: now}
    came = kept(state.came.get(sort, {}), fact.provider, now, MOST_PROVIDERS)
    clean = state.clean.get(sort, {})
    if not fact.planted:
        clean = kept(clean, fact.provider, now, MOST_PROVIDERS)
    whole = state.whole
    if sort == DECOY_MAILBOX and not fact.strangers:
        whole = kept(whole, fact.provider, now, MOST_PROVIDERS)
    keys, crowded, pair = state.keys, state.crowded, f"{sort} {fact.provider}"
    if fact.signed and not fact.strangers and (pair in keys or len(keys) < 2 * MOST_PROVIDERS):
        vouched = strangers.vouched(state, fact.provider)
        first = not strangers.known(state, fact.provider, now)
        mine = signers.learned(keys.get(pair, {}), fact.signed, now, vouched, first=first)
        keys = {**keys, pair: mine}
        if not mine.keys() >= {*fact.signed}:
            crowded = kept(crowded, fact.provider, now, MOST_PROVIDERS)
    return msgspec.structs.replace(
        state,
        since=since,
        came={**state.came, sort: came},
        clean={**state.clean, sort: clean},
        whole=whole,
        keys=keys,
        crowded=crowded,
    )


def _keys_changed(
    state: State, signals: list[Signal], provider: str, recorded: Recorded
) -> tuple[State, list[Signal]]:
    """Say of keys that a provider's canaries are signed with now, and for which nobody vouches."""
    now, by = recorded.placed_at, strangers.vouched(state, provider)
    names = {
        f"{provider} {name}"
        for sort in OURS
        for name in signers.unexplained(state.keys.get(f"{sort} {provider}", {}), now, by)
    }
    if provider in state.crowded and now - state.crowded[provider] < seconds(LASTS):
        names.add(f"{provider} {CROWD}")
    others = {one for one in state.unexplained if not one.startswith(f"{provider} ")}
    found = tuple(sorted(others | names))
    if found == state.unexplained:
        return state, signals
    state = msgspec.structs.replace(state, unexplained=found)
    said = [one for one in signals if one.subject != OUR_HOUSE]
    return state, [*said, _of_way(state, now, (recorded.id,))]


def _strangers(state: State, fact: CanaryArrived, recorded: Recorded) -> tuple[State, list[Signal]]:
    now, mailbox = recorded.placed_at, OWN_MAILBOX if fact.mailbox in OURS else fact.mailbox
    key = f"{fact.provider} {mailbox}"
    fresh = Box(fact.provider, mailbox, vouched=False, since=now)
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
    theirs = not ours or strangers.theirs(state, fact, now)
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
        since=now if fact.mailbox == DECOY_MAILBOX else box.since,
    )


def _signals(state: State, box: Box, now: Instant) -> list[Signal]:
    """What is said of all on whom a box bears."""
    there = strangers.unexplained(state, box.mailbox, now)
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
        after = msgspec.structs.replace(
            box,
            sure=strangers.sure(state, box, now),
            between=strangers.between(state, box, now),
            spared=strangers.spared(state, box),
        )
        if box == after or now - box.said >= seconds(LASTS):
            continue
        state = msgspec.structs.replace(state, boxes={**state.boxes, key: after})
        about = provider_subject(box.provider)
        said[about] = _of_provider(state, box.provider, now)
        if box.apart:
            said[OUR_HOUSE] = _of_way(state, now)
    return state, list(said.values())


def _of_provider(state: State, provider: str, now: Instant) -> Signal:
    """The one standing signal about a provider."""
    mine = [one for one in strangers.fresh(state, now) if one.provider == provider]
    own = [one for one in mine if one.mailbox == OWN_MAILBOX]
    alone = [one for one in mine if len(strangers.unexplained(state, one.mailbox, now)) < 2]
    shown = own or alone or mine
    sure = any(one.sure for one in own)
    # Signed by nobody, it is the word of whoever is in the way.
    firm = sure or any(one.vouched for one in own)
    planted = any(one.planted or (one.unsigned and not firm) for one in own)
    spared = bool(own) and all(one.spared for one in own)
    plain = SPARED if spared else WEIGHT
    weight = PLANTED if sure else DOUBTED if planted else plain
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
        backs=planted or not spared,
    )


def _of_way(state: State, now: Instant, event: tuple[str, ...] = ()) -> Signal:
    """The one standing signal about the way to our listener."""
    own = [one for one in strangers.fresh(state, now) if one.mailbox == OWN_MAILBOX]
    there = [one for one in own if one.apart and not one.sure]
    between = [one for one in there if one.between]
    shown = between or there
    names = " and ".join(sorted(one.provider for one in shown))
    keys = ", ".join(one.replace(" ", " with ", 1) for one in state.unexplained[-NAMED:])
    reason = (
        f"canaries sent through {names} arrived with {_named(shown)} in them, and without "
        f"the signature that such canaries have: it was put there between {names} and us, or by "
        f"{names}, which hides it"
    )
    if not shown:
        reason = f"canaries come signed with another key than before: {keys}"
    weight = PLANTED if between else WEIGHT if shown else REKEYED
    return Signal(
        detector=NAME,
        family=Family.CONTENT,
        subject=OUR_HOUSE,
        evidence={Hypothesis.INTERCEPTED: weight} if shown or keys else {},
        at=now,
        reason=reason if shown or keys else "somebody vouches for the keys of canaries again",
        events=_ids(shown or own) or event,
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


def _plain(host: str) -> str:
    """The name reduced to a host's characters: it was written by an attacker and will be read by
    people."""
    return "".join(c for c in host.lower() if (c.isascii() and c.isalnum()) or c in ".-")[:60]


DETECTOR = Detector(NAME, State, start, step, (CanaryArrived,))
