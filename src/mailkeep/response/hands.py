"""Cuts a provider off, or restores it, by hand and outside of any incident: preview, and act.

While an incident about a provider is open, actions on it are taken there: they are on the timeline,
and as many people as each needs have approved.

Without an incident there may be no time for a second person, and a cut is the safe side. So one
person can cut off at once, as long as every stream keeps a route, and a secret one keeps two that
no party can read both of, since a recovery's two proofs need them. Providers that another single
person's cut removed count as gone, with whatever is tied to them. Everybody is told, and a second
person has to confirm the cut in time, or it is flagged (``crying``).

A cut that would stop a stream's mail, and any restore, is only requested, and the second person
carries it out: a thief of one session stops no mail and restores nothing. Whoever cut off by
mistake can undo that alone, until another person has confirmed it, and once for each provider in a
day; and two cuts by hand do not send the same mail again twice.
"""

from collections.abc import Mapping

import msgspec
from sqlalchemy import insert, select, update
from sqlalchemy.engine import RowMapping

from mailkeep.base import reasons
from mailkeep.base.clock import DAY, MINUTE, SECOND, Instant
from mailkeep.base.errors import Conflict, Invalid, NotAllowed, NotFound
from mailkeep.base.ids import new_id
from mailkeep.cutover import offboarding
from mailkeep.events import audit
from mailkeep.incidents import queries as incidents
from mailkeep.incidents.suspects import ProviderParties
from mailkeep.incidents.types import Incident
from mailkeep.mail import queries as mail
from mailkeep.mail import services
from mailkeep.mail.types import StreamSettings
from mailkeep.operators import people
from mailkeep.store.database import Tx
from mailkeep.watch.types import provider_subject

from .actions.catalogue import ACTIONS
from .actions.port import Means
from .keeping import take_turn
from .refusing import once
from .standing import say, thin
from .tables import hand_cuts
from .types import HandCutState, ResponseSettings

BACK = 60 * MINUTE  #: what it took since then and nobody else saw arrive is sent again

CONFIRMABLE = (HandCutState.ASKED, HandCutState.WAITING, HandCutState.FLAGGED)
CHANGED = "this has changed since it was shown: look again, and repeat it for what is there now"

_h = hand_cuts


class Would(msgspec.Struct, frozen=True):
    """The effects of cutting a provider off now.

    Attributes:
        again: messages that would be sent again elsewhere.
        warnings: what would be left with too little.
        stops: streams whose mail would stop: no route would be left, or, where it is secret, no two
            that nobody reads both of. That takes two people.
    """

    again: int
    warnings: tuple[str, ...]
    stops: tuple[str, ...] = ()


class HandCut(msgspec.Struct, frozen=True):
    """A cut by hand that stands, or that is asked for.

    Attributes:
        by, at, reason: who, when, why.
        due_at: until when a second person is to confirm it, or, where it is only asked for, can.
        cut_at: when it was done; None: it is only asked for.
        back_by, back_reason: somebody wants to give the provider back, and a second person has not
            agreed.
    """

    id: str
    provider: str
    by: str
    at: Instant
    reason: str
    due_at: Instant
    cut_at: Instant | None
    confirmed_by: str | None
    confirmed_at: Instant | None
    flagged_at: Instant | None
    back_by: str | None
    back_reason: str

    @property
    def state(self) -> HandCutState:
        if self.cut_at is None:
            return HandCutState.ASKED
        if self.back_by is not None:
            return HandCutState.RESTORING
        if self.confirmed_by is not None:
            return HandCutState.CONFIRMED
        return HandCutState.WAITING if self.flagged_at is None else HandCutState.FLAGGED


async def about(tx: Tx, provider: str) -> Incident | None:
    """The incident about a provider in which what is done to it is done: one that is not closed,
    and that more than a person's word holds. Else that word would forbid the cut that one person
    may do at once."""
    found = await incidents.about(tx, provider_subject(provider))
    only_said = found is not None and found.said is not None and not found.signed
    return None if only_said else found


async def current(tx: Tx) -> dict[str, HandCut]:
    """The cuts by hand that stand or are asked for, by provider."""
    states = await mail.cut(tx)
    rows = await tx.all(select(_h).where(_h.c.ended_at.is_(None)).order_by(_h.c.id))
    found = [_view(row) for row in rows]
    return {
        one.provider: one
        for one in found
        # It was restored at the shell, or cut off anew by an incident: it is a different cut by
        # then.
        if (states.get(one.provider) == one.cut_at if one.cut_at else tx.now < one.due_at)
    }


async def would(tx: Tx, means: Means, provider: str) -> Would:
    """The effects that ``cut`` would have now."""
    return await would_leave(tx, means.house, means.streams, provider)


async def would_leave(
    tx: Tx, house: ProviderParties, streams: Mapping[str, StreamSettings], provider: str
) -> Would:
    """The same, for a caller that has only the settings: the shell."""
    out = (await mail.cut(tx)).keys() | (await mail.resting(tx)).keys()
    # A cut or request by one person may be a thief's: providers tied to it do not count as
    # standing.
    doubtful = {provider, *await mail.unsure(tx)}
    gone = {
        one for one in house.parties if any(not house.independent(one, other) for other in doubtful)
    }
    left = thin(streams.values(), house, out, gone | doubtful)
    again = await mail.unconfirmed(tx, provider, tx.now - BACK, distrust=True, once=True)
    carries = {
        name
        for name, stream in streams.items()
        if provider in {route.provider for route in stream.routes}
    }
    stops = tuple(
        one.stream for one in left if one.stream in carries and (one.secret or not one.left)
    )
    return Would(again, tuple(say(one) for one in left), stops)


async def cut(tx: Tx, means: Means, provider: str, *, by: str, reason: str) -> int | None:
    """Cut a provider off; how many messages are sent again. None: mail of some stream would stop,
    so it is only asked for. Where somebody asked for it back, it stays cut off.

    Raises:
        Conflict: it is cut off already, or asked for, or an incident is open about it.
        Invalid: no reason, or one that is too long.
        NotAllowed: a key of which it is not known whose it is, where two people are wanted.
        NotFound: no such provider.
    """
    reason = await may(tx, means, provider, by, reason)
    standing = (await current(tx)).get(provider)
    if standing is not None and standing.back_by is not None:
        return await _keep(tx, standing, by)
    if provider in await mail.cut(tx):
        raise Conflict(f"{provider} is cut off already")
    if standing is not None:
        raise Conflict(f"{standing.by} asked for it already: a second person has to confirm it")
    if not is_for_two(means.settings):
        return await _cut(tx, means, provider, by, reason, new_id("hct", tx.now, tx.order.next()))
    stops = (await would(tx, means, provider)).stops
    life = means.settings.approval_life if stops else means.settings.confirm_within
    made = await _enter(tx, provider, by, reason, life, done=not stops)
    if stops:
        await audit.write(tx, by, "ask_cut", {"provider": provider, "reason": reason, "cut": made})
        return None
    again = await _cut(tx, means, provider, by, reason, made)
    await services.doubt_cut(tx, provider, unsure=True)
    return again


async def confirm(tx: Tx, means: Means, provider: str, *, by: str, cut: str, state: str) -> None:
    """A second person confirms a cut by hand, or does one that was asked for. That it was right to
    cut it off can be said while an incident is open about it as well; to do it cannot.

    Args:
        cut: its id, as it was shown.
        state: what was shown of it, of ``CONFIRMABLE``; ``flagged`` is ``waiting``, later.

    Raises:
        Conflict: it is another cut by now, or something else waits, or an incident is open
            about it.
        Invalid: nothing of that state is confirmed.
        NotAllowed: it is one's own, or it is not known whose key it is.
        NotFound: no such provider.
    """
    if state not in CONFIRMABLE:
        raise Invalid(
            f"only a cut in the state {' or '.join(CONFIRMABLE)} can be confirmed", field="state"
        )
    done = state != HandCutState.ASKED
    found = await _shown(tx, means, provider, by=by, cut=cut, asked_by=None, beside=done)
    if done == (found.cut_at is None):
        raise Conflict(CHANGED)
    values: dict[str, object] = {"confirmed_by": by, "confirmed_at": tx.now, "ring_at": None}
    if found.cut_at is None:
        values["cut_at"] = tx.now
        await _cut(tx, means, provider, found.by, found.reason, found.id)
    await services.doubt_cut(tx, provider, unsure=False)
    await tx.run(update(_h).where(_h.c.id == found.id).values(**values))


async def give_back(
    tx: Tx, means: Means, provider: str, *, by: str, cut: str, asked_by: str
) -> None:
    """A second person lets a provider carry mail again that another one asked for. Raises as
    ``confirm``.

    Args:
        cut: the id of the cut, as it was shown.
        asked_by: who wants it back, as it was shown.
    """
    found = await _shown(tx, means, provider, by=by, cut=cut, asked_by=asked_by)
    await _end(tx, found.id)
    await services.restore(means.database, tx, provider, by=asked_by, reason=found.back_reason)


async def restore(tx: Tx, means: Means, provider: str, *, by: str, reason: str) -> bool:
    """Let a provider that was cut off carry mail again; False: it is only asked for, and a second
    person has to confirm it. Raises as ``cut``.

    Not one that an incident cut off, be it closed since: that is taken back where it was done, by
    as many people as it needs. Else one thief of a session would close the incident, and come here.
    """
    reason = await may(tx, means, provider, by, reason)
    state = (await mail.states(tx)).get(provider)
    found = (await current(tx)).get(provider)
    if found is not None and found.cut_at is None:  # it was only asked for: no
        await once(tx, "refuse_cut", provider, by=by, asked_by=found.by)
        said = {"provider": provider, "cut": found.id, "asked_by": found.by}
        await audit.write(tx, by, "refuse_cut", said)
        await _end(tx, found.id)
        return True
    if state is None or state.cut_at is None:
        raise Conflict(f"{provider} is not cut off")
    if state.cut_in:
        raise Conflict(f"incident {state.cut_in} cut {provider} off: take it back there")
    own = found is not None and found.by == by and found.confirmed_by is None
    if own and (await _taken_back(tx, provider) or await offboarding.is_hostile(tx, provider)):
        # One that cuts off and restores in turn disturbs the mail. And whoever had it left as
        # hostile took its word away, which stays so: a second person hears of that.
        own = False
    if is_for_two(means.settings) and not own:
        await _ask_back(tx, provider, found, state.cut_at, by, reason)
        return False
    if found is not None:
        await tx.run(update(_h).where(_h.c.id == found.id).values(taken_back_at=tx.now))
        await _end(tx, found.id)
    await services.restore(means.database, tx, provider, by=by, reason=reason)
    return True


async def cut_here(tx: Tx, settings: ResponseSettings, provider: str, *, by: str, why: str) -> None:
    """Record that somebody at the server's own shell has cut a provider off, in this transaction:
    it is announced and confirmed as any other cut by hand."""
    if is_for_two(settings):
        await _enter(tx, provider, by, why[: reasons.LONGEST], settings.confirm_within, done=True)
        await services.doubt_cut(tx, provider, unsure=True)


async def _shown(
    tx: Tx,
    means: Means,
    provider: str,
    *,
    by: str,
    cut: str,
    asked_by: str | None,
    beside: bool = False,
) -> HandCut:
    """The cut or request that waits for a second person, if it is the one that was shown to them.
    Otherwise a thief could swap it meanwhile, and be given the approval that was meant for it."""
    await may(tx, means, provider, by, "a second person's word", beside=beside)
    found = (await current(tx)).get(provider)
    if found is None or found.state is HandCutState.CONFIRMED:
        raise Conflict(f"nothing about {provider} waits for a second person")
    if (found.id, found.back_by) != (cut, asked_by):
        raise Conflict(CHANGED)
    asked = found.back_by or found.by
    if await people.named(tx, by) == await people.person(tx, asked):
        raise NotAllowed("who asked for it cannot confirm it: a second person must")
    said = {"provider": provider, "cut": found.id, "asked_by": asked, "what": found.state.value}
    await audit.write(tx, by, "confirm_by_hand", said)
    return found


async def _enter(tx: Tx, provider: str, by: str, reason: str, life: float, *, done: bool) -> str:
    before = (_h.c.provider == provider, _h.c.ended_at.is_(None))
    await tx.run(update(_h).where(*before).values(ended_at=tx.now, ring_at=None))
    made = new_id("hct", tx.now, tx.order.next())
    await tx.run(
        insert(_h).values(
            id=made,
            provider=provider,
            by=by,
            at=tx.now,
            reason=reason,
            due_at=tx.now + round(life * SECOND),
            cut_at=tx.now if done else None,
            back_reason="",
            ring_at=tx.now,
            rings=0,
        )
    )
    return made


async def _keep(tx: Tx, found: HandCut, by: str) -> int:
    """A second person refuses to restore the provider: it stays cut off."""
    await once(tx, "refuse_restore", found.provider, by=by, asked_by=found.back_by or "")
    said = {"provider": found.provider, "cut": found.id, "asked_by": found.back_by}
    await audit.write(tx, by, "refuse_restore", said)
    values = {"back_by": None, "back_reason": "", "ring_at": None}
    await tx.run(update(_h).where(_h.c.id == found.id).values(**values))
    return 0


async def _ask_back(
    tx: Tx, provider: str, found: HandCut | None, cut_at: Instant, by: str, reason: str
) -> None:
    if found is not None and found.back_by is not None:
        raise Conflict(f"{found.back_by} asked for it already: a second person has to confirm it")
    asked = {"back_by": by, "back_reason": reason, "ring_at": tx.now, "rings": 0}
    await audit.write(tx, by, "ask_restore", {"provider": provider, "reason": reason})
    if found is not None:
        await tx.run(update(_h).where(_h.c.id == found.id).values(**asked))
        return
    # Cut off at the shell: no second person has to confirm it.
    whole = {"id": new_id("hct", tx.now, tx.order.next()), "provider": provider, "by": "shell"}
    times = dict.fromkeys(("at", "due_at", "cut_at", "confirmed_at"), cut_at)
    await tx.run(insert(_h).values(**whole, **times, reason="", confirmed_by="shell", **asked))


async def _cut(tx: Tx, means: Means, provider: str, by: str, reason: str, cut: str) -> int:
    """``cut``: its id. What a cut by hand has sent again once is not sent again by another."""
    return await services.cut_off(
        means.database, tx, provider, by=by, reason=reason, since=tx.now - BACK, once=cut
    )


async def _taken_back(tx: Tx, provider: str) -> bool:
    """Whether somebody has undone a cut of this provider alone within a day."""
    late = (_h.c.provider == provider, _h.c.taken_back_at > tx.now - DAY)
    return await tx.value(select(_h.c.id).where(*late).limit(1)) is not None


async def _end(tx: Tx, cut: str) -> None:
    await tx.run(update(_h).where(_h.c.id == cut).values(ended_at=tx.now, ring_at=None))


def is_for_two(settings: ResponseSettings) -> bool:
    """Whether this installation requires two people to cut a provider off."""
    named = settings.two_people
    action = ACTIONS["cut_provider"]
    return action.dangerous if named is None else action.name in named


async def may(
    tx: Tx, means: Means, provider: str, by: str, reason: str, *, beside: bool = False
) -> str:
    """Whether somebody may act on a provider by hand; the reason, cut short.

    Args:
        beside: it changes nothing that is done about an incident, so one may be open.
    """
    if provider not in means.house.parties:
        raise NotFound("no provider of that name", field="name")
    means.may_act()
    reason = reasons.given(reason)
    if is_for_two(means.settings):
        await people.named(tx, by)  # else nobody could answer what this key asked for
    await take_turn(tx)
    if not beside and (open_one := await about(tx, provider)) is not None:
        raise Conflict(f"incident {open_one.id} is open about {provider}: act there")
    return reason


def _view(row: RowMapping) -> HandCut:
    return HandCut(**{name: row[name] for name in HandCut.__struct_fields__})
