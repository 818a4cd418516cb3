"""A provider cut off or restored by hand, apart from any incident: what it would do, and doing it.

While an incident about a provider is open, what is done to it is done there: it is on the
timeline, and as many people as its action needs have agreed.
"""

import msgspec

from mailkeep.base.clock import MINUTE
from mailkeep.base.errors import Conflict, Invalid, NotFound
from mailkeep.incidents import queries as incidents
from mailkeep.incidents.types import Incident
from mailkeep.mail import queries as mail
from mailkeep.mail import services
from mailkeep.store.database import Tx

from .actions.port import Means
from .keeping import take_turn
from .standing import say, thin

BACK = 60 * MINUTE  #: what it took since then and nobody else saw arrive is sent again
LONGEST = 200  #: characters of a reason


class Would(msgspec.Struct, frozen=True):
    """What cutting a provider off would do now.

    Attributes:
        again: messages that would be sent again elsewhere.
        warnings: what would be left with too little.
    """

    again: int
    warnings: tuple[str, ...]


async def about(tx: Tx, provider: str) -> Incident | None:
    """The incident about a provider that is not closed."""
    return next(
        (
            one
            for one in await incidents.live(tx)
            if (one.subject.kind, one.subject.id) == ("provider", provider)
        ),
        None,
    )


async def would(tx: Tx, means: Means, provider: str) -> Would:
    """What ``cut`` would do now."""
    out = (await mail.cut(tx)).keys() | (await mail.resting(tx)).keys()
    gone = {one for one in means.house.parties if not means.house.independent(one, provider)}
    left = thin(means.streams.values(), means.house, out, gone | {provider})
    again = await mail.unconfirmed(tx, provider, tx.now - BACK, distrust=True)
    return Would(again, tuple(say(one) for one in left))


async def cut(tx: Tx, means: Means, provider: str, *, by: str, reason: str) -> int:
    """Cut a provider off; how many messages are sent again.

    Raises:
        Conflict: it is cut off already, or an incident is open about it.
        Invalid: no reason.
        NotFound: no such provider.
    """
    reason = await _may(tx, means, provider, reason)
    if provider in await mail.cut(tx):
        raise Conflict(f"{provider} is cut off already")
    return await services.cut_off(
        means.database, tx, provider, by=by, reason=reason, since=tx.now - BACK
    )


async def restore(tx: Tx, means: Means, provider: str, *, by: str, reason: str) -> None:
    """Let a provider that was cut off carry mail again. Raises as ``cut``.

    Not one that an incident cut off, be it closed since: that is taken back where it was done, by
    as many people as it needs. Else one thief of a session would close the incident, and come here.
    """
    reason = await _may(tx, means, provider, reason)
    state = (await mail.states(tx)).get(provider)
    if state is not None and state.cut_at is not None:
        kind, _, incident = state.cut_reason.partition(" ")
        if kind == "incident":
            raise Conflict(f"incident {incident} cut {provider} off: take it back there")
    if not await services.restore(means.database, tx, provider, by=by, reason=reason):
        raise Conflict(f"{provider} is not cut off")


async def _may(tx: Tx, means: Means, provider: str, reason: str) -> str:
    if provider not in means.house.parties:
        raise NotFound("no provider of that name", field="name")
    means.may_act()
    if not reason.strip():
        raise Invalid("say why", field="reason")
    await take_turn(tx)
    if (open_one := await about(tx, provider)) is not None:
        raise Conflict(f"incident {open_one.id} is open about {provider}: act there")
    return reason.strip()[:LONGEST]
