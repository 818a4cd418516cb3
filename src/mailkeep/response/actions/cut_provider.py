"""No request to the suspect starts any more; what nobody saw arrive goes another way."""

from mailkeep.base.clock import SECOND
from mailkeep.base.errors import Conflict
from mailkeep.mail import queries as mail
from mailkeep.mail import services
from mailkeep.response.standing import say, thin
from mailkeep.response.types import Preview
from mailkeep.store.database import Tx

from .port import Base, Case, Means, Progress, Undo


class CutProvider(Base):
    """Cut the suspect off."""

    name = "cut_provider"
    title = "Cut the provider off"
    dangerous = True

    async def preview(self, tx: Tx, means: Means, case: Case) -> Preview:
        cut = await mail.cut(tx)
        again = await mail.unconfirmed(tx, case.provider, _since(tx, means, case))
        if case.provider in cut:
            return Preview(f"{case.provider} is cut off already; nothing changes", 0)
        warnings = [say(one) for one in thin(means.streams.values(), means.house, cut.keys(), case.suspects)]
        needs_person = bool(warnings)
        tied = sorted(case.suspects - {case.provider} - cut.keys())
        if tied:
            warnings.append(
                f"{', '.join(tied)} can be read by the same party, and is not cut by this"
            )
        return Preview(
            f"No mail goes to {case.provider} any more. {again} messages that it took and nobody "
            "saw arrive are sent again, elsewhere; some may come twice.",
            again,
            tuple(warnings),
            needs_person,
        )

    async def step(self, tx: Tx, means: Means, case: Case, by: str, before: Progress) -> Progress:
        if case.provider in await mail.cut(tx):
            return Progress(True, {"already": True, "sent_again": 0})
        again = await services.cut_off(
            means.database,
            tx,
            case.provider,
            by=by,
            reason=f"incident {case.incident.id}",
            since=_since(tx, means, case),
        )
        await means.incidents.contain(tx, case.incident.id, by=by)
        return Progress(True, {"already": False, "sent_again": again})

    @property
    def undo(self) -> Undo | None:
        return _restore


async def _restore(tx: Tx, means: Means, case: Case, by: str) -> str:
    changed = await services.restore(
        means.database, tx, case.provider, by=by, reason=f"incident {case.incident.id}"
    )
    if not changed:
        raise Conflict(f"{case.provider} is not cut off")
    await means.incidents.restore(tx, case.incident.id, by=by)
    return f"{case.provider} carries mail again"


def _since(tx: Tx, means: Means, case: Case) -> int:
    """From the first sign on, and not more than the settings allow: old mail is stale mail."""
    return max(case.incident.since, tx.now - round(means.settings.resend * SECOND))
