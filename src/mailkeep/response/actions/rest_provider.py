"""Action: rest a silent provider: it carries no ordinary mail while another route stands; nothing
is distrusted.

Nothing is lost by it: the mail goes another way, and canaries go on and show when the provider is
back. So it may be done without a person, and what a playbook began ends when the silence does. But
a resting provider carries no proofs, so where fewer than two independent routes would be left for
them a person decides.
"""

from mailkeep.base.errors import Conflict
from mailkeep.mail import queries as mail
from mailkeep.mail import services
from mailkeep.response.standing import say, thin
from mailkeep.response.types import Preview
from mailkeep.watch.types import Hypothesis

from .port import Action, At, Progress
from .resend import since


async def preview(at: At) -> Preview:
    name = at.case.provider
    out = (await mail.cut(at.tx)).keys() | (await mail.resting(at.tx)).keys()
    if name in out:
        return Preview(f"{name} rests or is cut off already; nothing changes.", 0, idle=True)
    again = await mail.unconfirmed(at.tx, name, since(at))
    left = [
        one
        for one in thin(at.means.streams.values(), at.means.house, out, {name})
        if one.secret  # other mail goes to a provider at rest when nothing else stands
    ]
    return Preview(
        f"Mail goes to {name} only where nothing else stands. Messages that it took and nobody saw "
        f"arrive are sent again elsewhere: {again}; some may come twice.",
        again,
        tuple(say(one) for one in left),
        needs_person=bool(left),
    )


async def step(at: At) -> Progress:
    incident = at.case.incident.id
    again = await services.rest_provider(
        at.means.database,
        at.tx,
        at.case.provider,
        by=at.by,
        reason=f"incident {incident}",
        since=since(at),
        within=incident,
    )
    return Progress(True, {"sent_again": again})


async def holds(at: At) -> bool:
    return at.case.provider in await mail.resting(at.tx)


async def undo(at: At) -> str:
    name, reason = at.case.provider, f"incident {at.case.incident.id}"
    if not await services.unrest_provider(at.means.database, at.tx, name, by=at.by, reason=reason):
        raise Conflict(f"{name} does not rest")
    return await mail.carries(at.tx, name)


ACTION = Action(
    "rest_provider",
    "Let the provider rest",
    preview,
    step,
    holds=holds,
    undo=undo,
    alone_for=frozenset({Hypothesis.PROVIDER_SILENT}),
    says="It gets ordinary mail only where no other route stands; nothing of it is distrusted.",
)
