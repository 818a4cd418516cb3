"""What playbooks have used of their limits, and what happens at them.

Attacks met here: somebody has a playbook use up a limit, so that the real thing finds it spent. So
each is counted by itself, for one subject or in one incident: what is done about one provider
leaves the others' limits whole; only what rests on signs that nobody outside could have staged is
counted at all, and what failed is not. A limit that is reached rings.

An account counts once, however often an action comes by: what is done again after a cut for those
that were done before uses nothing up.
"""

from sqlalchemy import func, select
from sqlalchemy.engine import RowMapping

from mailkeep.base.clock import DAY
from mailkeep.base.wording import counted
from mailkeep.events import audit
from mailkeep.events.log import record
from mailkeep.incidents import queries as incidents
from mailkeep.incidents.types import Incident
from mailkeep.store.database import Tx

from .actions.port import Action, Allowance, Case, Means, Progress
from .events import ActionLimited
from .keeping import PLAYBOOK, Keeper
from .paging.types import Why
from .playbooks import Planned, most_accounts
from .tables import playbook_accounts, playbook_runs
from .types import ActionState, ActionView

_t, _r = playbook_accounts, playbook_runs


async def reached(
    tx: Tx, means: Means, incident: Incident, planned: Planned, row: ActionView | None
) -> str:
    """Why a limit keeps a playbook from an action now, in words; empty where none does."""
    most = most_accounts(means.playbooks, planned.name)
    stopped = row is not None and row.partly and row.state is ActionState.PROPOSED
    if stopped and most is not None and await _touched(tx, incident.id, planned.name) >= most:
        return (row.held if row is not None else None) or "its playbook has reached its limit"
    each_day = planned.each_day
    if each_day is not None and await _begun(tx, incident, planned.name) >= each_day:
        times = counted(each_day, "time")
        return f"its playbook has done it {times} within a day about {incident.subject.id}"
    return ""


async def allowance(tx: Tx, means: Means, incident: str, action: Action) -> Allowance | None:
    """The accounts that a playbook's action may touch; None: any."""
    most = most_accounts(means.playbooks, action.name) if action.by_account else None
    if most is None:
        return None
    ours = (_t.c.incident_id == incident, _t.c.name == action.name)
    rows = await tx.all(select(_t.c.account_id).where(*ours))
    known = frozenset(row["account_id"] for row in rows)
    return Allowance(known, max(0, most - len(known)))


async def note(tx: Tx, incident: str, name: str, after: Progress) -> None:
    """Keep which accounts a part touched, in its transaction."""
    for account in after.touched:
        values = {"incident_id": incident, "name": name, "account_id": account}
        await tx.run(tx.upsert(_t).values(**values).on_conflict_do_nothing())


async def stop(tx: Tx, keeper: Keeper, case: Case, action: Action, row: str, beyond: int) -> None:
    """An action has done what it may by itself: the rest is proposed."""
    done = await _touched(tx, case.incident.id, action.name)
    why = f"its playbook has touched {counted(done, 'account')}, its limit; left are {beyond:,}"
    said = {"incident": case.incident.id, "action": action.name, "touched": done, "left": beyond}
    await audit.write(tx, PLAYBOOK, "action_limited", said)
    await keeper.set(tx, row, state=ActionState.PROPOSED.value, cursor="", lease_until=None)
    await _tell(tx, keeper, case, action, row, why, limit=True)


async def hold(
    tx: Tx, keeper: Keeper, case: Case, action: Action, row: ActionView, why: str, *, limit: bool
) -> None:
    """Leave an action to people, and say why, once. ``limit``: a limit is reached, and it rings."""
    if row.held == why:
        return
    proposed = ActionState.PROPOSED.value
    if row.state is ActionState.UNDONE:  # what it took back itself: as new
        await keeper.set(tx, row.id, state=proposed, at=tx.now, result=None, cursor="")
    elif row.state is ActionState.APPLIED:  # for what came since; what it did stays done
        await keeper.set(tx, row.id, state=proposed, cursor="")
    await _tell(tx, keeper, case, action, row.id, why, limit=limit)


async def let_go(
    tx: Tx, keeper: Keeper, case: Case, action: Action, row: RowMapping, why: str
) -> None:
    """Propose what a playbook began, and may not do by itself any more, before anything was
    done."""
    incident = case.incident.id
    await keeper.uncount(tx, incident, action.name, row["at"])
    await audit.write(tx, PLAYBOOK, "action_left", {"incident": incident, "action": action.name})
    await keeper.set(tx, row["id"], state=ActionState.PROPOSED.value, lease_until=None)
    before = row["applied_at"] is not None or await _touched(tx, incident, action.name)
    did = (
        f"; it was begun, and {'what was done before stays done' if before else 'nothing was done'}"
    )
    await _tell(tx, keeper, case, action, row["id"], why, did=did, limit=False)


async def _tell(
    tx: Tx,
    keeper: Keeper,
    case: Case,
    action: Action,
    row: str,
    why: str,
    *,
    limit: bool,
    did: str = "",
) -> None:
    means, incident = keeper.means, case.incident
    await keeper.set(tx, row, held=why)
    words = f"{action.title}: waits for a person; {why}{did}"
    await means.incidents.enter(tx, incident.id, "waits", words, by=PLAYBOOK)
    if limit:
        await record(means.database, tx, ActionLimited(incident=incident.id, action=action.name))
        if means.desk is not None:
            await means.desk.call(tx, incident, Why.LIMIT)


async def _touched(tx: Tx, incident: str, name: str) -> int:
    ours = (_t.c.incident_id == incident, _t.c.name == name)
    return int(await tx.value(select(func.count()).select_from(_t).where(*ours)) or 0)


async def _begun(tx: Tx, incident: Incident, name: str) -> int:
    """How often playbooks began an action about a subject within a day, whichever incident it was
    in."""
    ran = (_r.c.name == name, _r.c.at > tx.now - DAY)
    runs = [row["incident_id"] for row in await tx.all(select(_r.c.incident_id).where(*ran))]
    same = await incidents.about_same(tx, set(runs), incident.subject)
    return sum(one in same for one in runs)
