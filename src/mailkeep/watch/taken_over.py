"""Recoveries that a browser finished which the account did not know, without a second factor, and
that the owner denied afterwards (pure).

Whoever forgot that they asked had the mail before them and finished nothing. So such a denial is
seldom without a reason, and is counted over days: a thief who takes a few accounts a day, of whose
owners one in five says so, shows in nothing else.
"""

import math
from collections.abc import Mapping

import msgspec

from mailkeep.base.clock import DAY, HOUR, SECOND, Instant
from mailkeep.events.types import Recorded
from mailkeep.recovery.events import ProofRedeemed, ProofSent, RecoveryCompleted, RecoveryDenied

from .rates import Base, kept, surprise

MOST_WAYS, MOST_FINISHED, MOST_DENIED = 512, 2048, 256
MOST_BROWSERS, MOST_PROVIDERS = 4, 64
WEEK, MONTH = 7 * DAY, 30 * 86_400.0  #: microseconds; seconds
#: Spans over which denials are counted, with the nats that looking so often at one costs.
SPANS = tuple((one, math.log(WEEK / one)) for one in (HOUR, DAY, WEEK))
FORGOT, FORGET_MOST = 0.01, 0.03  #: the share that is denied without a reason; judged
GUESSED = 100.0  #: recoveries for which that guess counts
FIRST, EACH, HIGHEST = 2.0, 1.0, 5.5  #: nats
OPENS = 5.0  #: nats that open a campaign by themselves
GREW = 1.0  #: nats by which less than that must grow before it is said again
LEAST, EACH_LINK, SMALLEST = 3, 1.5, 0.02
ENOUGH_SENT = 1000.0  #: links over which shares are averaged
CHANGED = 0.5  #: nats of a provider


class Way(msgspec.Struct, frozen=True):
    """A recovery under way: what carried its link, and browsers that showed a proof and that the
    account did not know."""

    link: str = ""
    strange: tuple[str, ...] = ()


class Finished(msgspec.Struct, frozen=True):
    """A recovery that is over, and what carried its link."""

    at: Instant
    link: str


class Denied(msgspec.Struct, frozen=True):
    """An account that was taken over, by its owner's word."""

    at: Instant
    id: str
    link: str


class TakenOver(msgspec.Struct, frozen=True):
    """What is remembered.

    ``ways``: by recovery; ``finished``: those of the week, by recovery, the newest last. ``done``:
    how often one is finished so, over a month; ``forgot``: how often one was denied before this
    week. ``denied``: those of the week, by account, the newest last. ``links``: how many went
    through each provider. ``said``: nats of a campaign, last said; ``opened``: when that they open
    one was; ``routes``: nats of each provider.
    """

    ways: dict[str, Way] = {}
    finished: dict[str, Finished] = {}
    done: Base = Base(0.0, 0.0)
    forgot: Base = Base(0.0, 0.0)
    denied: dict[str, Denied] = {}
    links: dict[str, float] = {}
    said: float = 0.0
    opened: Instant = 0
    routes: dict[str, float] = {}


def sent(state: TakenOver, fact: ProofSent) -> TakenOver:
    """With one more link, by which providers' shares are known."""
    links = state.links
    if fact.proof != "link" or (fact.provider not in links and len(links) >= MOST_PROVIDERS):
        return state
    links = {**links, fact.provider: links.get(fact.provider, 0.0) + 1.0}
    if sum(links.values()) > ENOUGH_SENT:
        links = {name: count / 2 for name, count in links.items()}
    return msgspec.structs.replace(state, links=links)


def shown(state: TakenOver, fact: ProofRedeemed) -> TakenOver:
    """With a proof that a browser showed."""
    way = state.ways.get(fact.recovery, Way())
    link = fact.providers[0] if fact.proof == "link" and len(fact.providers) == 1 else way.link
    strange = way.strange
    if not fact.known_browser and fact.browser not in strange:
        strange = (*strange, fact.browser)[-MOST_BROWSERS:]
    ways = kept(state.ways, fact.recovery, Way(link, strange), MOST_WAYS)
    return msgspec.structs.replace(state, ways=ways)


def finished(state: TakenOver, fact: RecoveryCompleted, now: Instant) -> TakenOver:
    """With a recovery that is over."""
    way = state.ways.get(fact.recovery)
    if way is None:
        return state
    ways = {name: one for name, one in state.ways.items() if name != fact.recovery}
    state = msgspec.structs.replace(state, ways=ways)
    if fact.factor or fact.browser not in way.strange:
        return state
    recent = {name: one for name, one in state.finished.items() if one.at > now - WEEK}
    return msgspec.structs.replace(
        state,
        finished=kept(recent, fact.recovery, Finished(now, way.link), MOST_FINISHED),
        done=state.done.at(now, MONTH).plus(1.0),
    )


def denied(state: TakenOver, fact: RecoveryDenied, recorded: Recorded) -> tuple[TakenOver, bool]:
    """With what an owner says.

    Returns:
        the state, and whether it was said of a recovery that was finished so, within the week.
    """
    now, done = recorded.placed_at, state.finished.get(fact.recovery)
    if not fact.after_completion or done is None or done.at <= now - WEEK:
        return state, False
    old = [name for name, one in state.denied.items() if one.at <= now - WEEK]
    left = {name: one for name, one in state.denied.items() if name not in old}
    if fact.account not in left and len(left) < MOST_DENIED:
        left[fact.account] = Denied(now, recorded.id, done.link)
    forgot = state.forgot.at(now, MONTH).plus(len(old))
    return msgspec.structs.replace(state, denied=left, forgot=forgot), True


def weigh(state: TakenOver, now: Instant) -> float:
    """What the denials of the week say of a campaign, in nats: the likelihood ratio of Poisson
    counts against how many would be denied without a reason, over the span that says most; never
    more than so many owners' word is worth."""
    done, forgot = state.done.at(now, MONTH), state.forgot.at(now, MONTH)
    share = min(FORGET_MOST, max(FORGOT, (forgot.count + 1.0) / (done.count + GUESSED)))
    ratio = 0.0
    for span, looks in SPANS:
        count = sum(one.at > now - span for one in state.denied.values())
        ratio = max(ratio, surprise(count, share * done.expected(span / SECOND)) - looks)
    return min(HIGHEST, FIRST + EACH * (len(state.denied) - 1), ratio)


def to_say(
    state: TakenOver, weight: float, single: float, doubled: bool, now: Instant
) -> tuple[TakenOver, float | None]:
    """What is said of a campaign: what opens by itself once a day, however many are staged, and
    until the next no more than of any denial, so that no staged one mutes the owners of a day; what
    does not open at each doubling, and where it grew.

    Args:
        weight: what all denials of the week say, in nats.
        single: what this one would say alone, in nats.
        doubled: whether they are twice as many in the window as when that was said last.

    Returns:
        the state, and the nats; None where nothing is said.
    """
    if weight >= OPENS:
        if not state.opened or now - state.opened >= DAY:
            return msgspec.structs.replace(state, said=weight, opened=now), weight
        return state, single if doubled else None
    if not doubled and weight < state.said + GREW:
        return state, None
    return msgspec.structs.replace(state, said=weight), weight


def routes(state: TakenOver, now: Instant) -> tuple[TakenOver, Mapping[str, float]]:
    """Providers of which the denials say something else than before, in nats: that their links were
    altered. Of n links k went through one whose share is s: the likelihood ratio of the share that
    fits best, less ½ ln(1 + n) for having looked for it; never more than that there are so many."""
    of = [one.link for one in state.denied.values() if one.link]
    said, news, most = dict(state.routes), dict[str, float](), weigh(state, now)
    for name in sorted({*of, *said}):
        weight = min(most, _of(state, of, name))
        if abs(weight - said.get(name, 0.0)) >= CHANGED or (weight > 0) != (name in said):
            said[name] = news[name] = weight
    said = {name: weight for name, weight in said.items() if weight > 0}
    return msgspec.structs.replace(state, routes=said), news


def share(state: TakenOver, provider: str) -> float:
    """The part of all links that goes through a provider."""
    total = max(1.0, sum(state.links.values()))
    return min(1 - SMALLEST, max(SMALLEST, state.links.get(provider, 0.0) / total))


def _of(state: TakenOver, links: list[str], provider: str) -> float:
    count, of, drawn = links.count(provider), len(links), share(state, provider)
    if count < LEAST or count <= drawn * of:
        return 0.0
    ratio = count * math.log(count / (of * drawn))
    if count < of:
        ratio += (of - count) * math.log((of - count) / (of * (1 - drawn)))
    return max(0.0, min(HIGHEST, EACH_LINK * count, ratio - 0.5 * math.log1p(of)))
