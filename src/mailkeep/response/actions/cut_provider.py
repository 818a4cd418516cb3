"""Action: cut a provider off: no request to it starts any more, and mail that was not seen to
arrive is sent another way."""

from mailkeep.base.errors import Conflict
from mailkeep.mail import queries as mail
from mailkeep.mail import services
from mailkeep.response.standing import say, thin
from mailkeep.response.types import Preview

from .port import Action, At, Progress
from .resend import since


async def preview(at: At) -> Preview:
    name, cut = at.case.provider, await mail.cut(at.tx)
    if name in cut:
        return Preview(f"{name} is cut off already; nothing changes.", 0, idle=True)
    again = await mail.unconfirmed(at.tx, name, since(at), distrust=True)
    means = at.means
    out = cut.keys() | (await mail.resting(at.tx)).keys()
    left = thin(means.streams.values(), means.house, out, at.case.suspects)
    warnings = [say(one) for one in left]
    tied = sorted(at.case.suspects - {name} - cut.keys())
    if tied:
        warnings.append(f"{', '.join(tied)}: the same party can read it, and this does not cut it")
    return Preview(
        f"No mail goes to {name} any more. Messages that it took and nobody but itself saw arrive "
        f"are sent again elsewhere: {again}; some may come twice.",
        again,
        tuple(warnings),
        needs_person=bool(left),
        by_hand=tuple(one for name in sorted(at.case.suspects) for one in published(at, name)),
    )


def published(at: At, name: str) -> tuple[str, ...]:
    """DNS records to withdraw: while they stand, whoever has the provider goes on as us, signed and
    aligned (DMARC, RFC 7489 section 3.1)."""
    return at.means.published.get(name, ())


async def step(at: At) -> Progress:
    name = at.case.provider
    if await holds(at):
        return Progress(True, {"sent_again": 0})
    incident = at.case.incident.id
    again = await services.cut_off(
        at.means.database,
        at.tx,
        name,
        by=at.by,
        reason=f"incident {incident}",
        since=since(at),
        within=incident,
    )
    await at.means.incidents.contain(at.tx, at.case.incident.id, by=at.by)
    return Progress(True, {"sent_again": again})


async def holds(at: At) -> bool:
    return at.case.provider in await mail.cut(at.tx)


async def undo(at: At) -> str:
    name, reason = at.case.provider, f"incident {at.case.incident.id}"
    if not await services.restore(at.means.database, at.tx, name, by=at.by, reason=reason):
        raise Conflict(f"{name} is not cut off")
    await at.means.incidents.restore(at.tx, at.case.incident.id, by=at.by)
    return await mail.carries(at.tx, name)


ACTION = Action(
    "cut_provider",
    "Cut the provider off",
    preview,
    step,
    dangerous=True,
    holds=holds,
    undo=undo,
    says="No mail goes to it any more; what nobody saw arrive is sent again another way.",
)
