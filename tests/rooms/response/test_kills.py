"""Every action killed at every one of its statements and resumed: applied once, the audit chain
whole; and every undo undoes. On both engines."""

from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import func, select

from mailkeep.accounts import tables as account_tables
from mailkeep.base.clock import SECOND, ManualClock
from mailkeep.base.errors import Conflict
from mailkeep.base.keys import KeyRing
from mailkeep.base.signing import SigningKeys
from mailkeep.events import audit as audit_log
from mailkeep.events.tables import audit as audit_table
from mailkeep.events.tables import events
from mailkeep.mail import queries as mail
from mailkeep.mail import tables as mail_tables
from mailkeep.recovery import orders
from mailkeep.recovery import tables as recovery_tables
from mailkeep.response import queries, tables
from mailkeep.response.actions.catalogue import ACTIONS
from mailkeep.response.paging.types import Pager
from mailkeep.response.types import ActionState, ActionView
from mailkeep.signals import tables as signal_tables
from mailkeep.store.database import Database, Tx

from .conftest import COMPROMISED, Stage
from .test_actions import BY, _accepted, _complete, _through
from .test_approval import Bell
from .test_signals import receiver, tells

PEOPLE = 3
#: Mails that tell an address, over two routes, that an account was opened with it.
OPENED = 2 * (PEOPLE + 1)


class Killed(BaseException):
    """No handler of an error sees it: the process is gone."""


class Kill:
    """Ends the process at its nth statement of a transaction that acts."""

    def __init__(self, patch: pytest.MonkeyPatch) -> None:
        self.left: int | None = None
        self.seen = 0
        run = Tx.run

        async def counted(tx: Tx, *args: Any, **options: Any) -> Any:
            self.seen += 1
            if self.left is not None:
                self.left -= 1
                if self.left < 0:
                    raise Killed
            return await run(tx, *args, **options)

        patch.setattr(Tx, "run", counted)


async def _stage(database: Database, keys: KeyRing, clock: ManualClock, home: Path) -> Stage:
    """Three owners were recovered through the suspect, one more asked for it; mail is under way,
    and another service hears of accounts."""
    pagers = (Pager("duty", "elsewhere", Bell()),)
    stage = Stage(database, keys, "abcd", batch=1, pagers=pagers)
    room = await tells(stage, keys, SigningKeys(home))
    await receiver(stage, room, "shop")
    for number in range(PEOPLE):
        address = f"owner{number}@example.net"
        account = await stage.owner(address)
        clock.advance(1)
        await _complete(stage, await _through(stage, address))
        await _expose(stage, account)
    account = await stage.owner("asked@example.net")
    clock.advance(1)
    await _through(stage, "asked@example.net")
    await _expose(stage, account)
    await _accepted(stage, "a")
    clock.advance(1)
    await stage.signal({COMPROMISED: 8.5})
    clock.advance(1)
    return stage


async def _expose(stage: Stage, account: str) -> None:
    c = account_tables.contact_points
    async with stage.database.write() as tx:
        address = await tx.value(select(c.c.address_key).where(c.c.account_id == account))
        row = {"provider": "a", "stream": "bulk", "day": 1, "count": 1}
        await tx.run(
            mail_tables.exposures.insert().values(
                address_id=address, first_at=tx.now, last_at=tx.now, **row
            )
        )


async def _finish(stage: Stage, clock: ManualClock) -> None:
    while await stage.response.work():
        clock.advance(61)


async def _effects(stage: Stage) -> dict[str, object]:
    """What there is to be done twice, or half."""
    tables_of = {
        "security": select(func.count()).where(mail_tables.messages.c.stream == "security"),
        "notices": select(func.count()).select_from(tables.notices),
        "told": select(func.count()).select_from(signal_tables.sets),
        "advisories": select(func.count()).select_from(tables.advisories),
        "pages": select(func.count()).select_from(tables.pages),
        "voided": select(func.count()).where(recovery_tables.proofs.c.voided_at.is_not(None)),
        "ordered": select(func.count()).where(
            account_tables.factor_demands.c.ordered_at.is_not(None)
        ),
        "orders": select(func.count()).select_from(recovery_tables.hold_orders),
        "frozen": select(func.count()).where(account_tables.accounts.c.frozen_until.is_not(None)),
        "requeued": select(func.count()).where(
            mail_tables.messages.c.stream == "bulk", mail_tables.messages.c.status == "queued"
        ),
    }
    async with stage.database.read() as tx:
        out: dict[str, Any] = {name: await tx.value(of) for name, of in tables_of.items()}
        out["security"] -= OPENED
        out["cut"] = sorted(await mail.cut(tx))
        out["resting"] = sorted(await mail.resting(tx))
        out["distrusted"] = sorted(await mail.distrusted(tx))
        facts = await tx.all(select(events.c.kind, func.count().label("n")).group_by(events.c.kind))
        out["facts"] = {row["kind"]: row["n"] for row in facts}
        acts = await tx.all(select(audit_table.c.act).order_by(audit_table.c.number))
        out["acts"] = [row["act"] for row in acts if row["act"] != "propose_action"]
        assert await audit_log.verify(tx) is None
    return out


async def _state(stage: Stage, name: str) -> ActionView:
    async with stage.database.read() as tx:
        found = await queries.action(tx, (await stage.only()).id, name)
    assert found is not None
    return found


#: What goes outside is killed in ``test_keys``.
FITTING = [
    name for name, one in ACTIONS.items() if "provider" in one.about and one.call_out is None
]


@pytest.mark.parametrize("name", FITTING)
async def test_killed_halfway_it_is_done_once_all_the_same(
    name: str,
    database: Database,
    keys: KeyRing,
    clock: ManualClock,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    """The process dies at the first statement, then at the second, and so on to the end; each time
    another one goes on. What has come of it is what one undisturbed run comes to."""
    stage = await _stage(database, keys, clock, tmp_path)
    incident = (await stage.only()).id
    kill = Kill(monkeypatch)
    before = await _effects(stage)
    async with database.write() as tx:
        await stage.response.preview(tx, incident, name, by=BY)  # who applies has been shown it
    kills, at = 0, 0
    while True:
        kill.left = at
        try:
            if (await _state(stage, name)).state is ActionState.PROPOSED:
                await stage.response.apply(incident, name, by=BY)
            clock.advance(61)  # whoever died held the lease
            while await stage.response.work():
                clock.advance(61)
        except Killed:
            kills, at = kills + 1, at + 1
            clock.advance(61)
            continue
        finally:
            kill.left = None
        break
    done = await _state(stage, name)
    assert done.state is ActionState.APPLIED
    assert kills > 3
    after = await _effects(stage)
    acts = after["acts"]
    assert isinstance(acts, list)
    assert (acts.count("apply_action"), acts.count("action_applied")) == (1, 1)
    kinds = after["facts"]
    assert isinstance(kinds, dict)
    assert (kinds["response.started"], kinds["response.applied"]) == (1, 1)
    changed = {key: value for key, value in after.items() if value != before[key]}
    del changed["acts"], changed["facts"]
    assert changed == EXPECTED[name]


#: What each comes to, whatever happens on its way; of all that ``_effects`` looks at.
EXPECTED: dict[str, dict[str, object]] = {
    "page": {"pages": 2},
    "cut_provider": {"cut": ["a"], "requeued": 1},
    "distrust_events": {"distrusted": ["a"]},
    "revoke_recoveries": {"voided": 1},
    "hold_recoveries": {"orders": 1},
    "secure_accounts": {"frozen": PEOPLE},
    "require_factor": {"ordered": 1},
    "emit_signals": {"told": 2 * PEOPLE},  # that it is in other hands, and must be changed
    "notify_owners": {"notices": PEOPLE + 1, "security": PEOPLE + 1},
    "advise_exposed": {"advisories": PEOPLE + 1, "security": PEOPLE + 1},
    "rest_provider": {"resting": ["a"], "requeued": 1},
}


UNDONE = [name for name in FITTING if ACTIONS[name].undo is not None]


@pytest.mark.parametrize("name", UNDONE)
async def test_every_undo_undoes_and_it_can_be_done_again(
    name: str, database: Database, keys: KeyRing, clock: ManualClock, tmp_path: Path
) -> None:
    stage = await _stage(database, keys, clock, tmp_path)
    incident = (await stage.only()).id
    before = await _effects(stage)
    response = stage.response
    for _ in range(2):
        async with database.write() as tx:
            await response.preview(tx, incident, name, by=BY)
        await response.apply(incident, name, by=BY)
        clock.advance(61)
        await _finish(stage, clock)
        assert (await _state(stage, name)).state is ActionState.APPLIED
        undone = await database.retrying(lambda tx: response.undo(tx, incident, name, by=BY))
        assert undone.state is ActionState.UNDONE
        after = await _effects(stage)
        ours = ("cut", "resting", "distrusted", "orders", "ordered", "frozen")
        assert {key: after[key] for key in ours} == {key: before[key] for key in ours}
    with pytest.raises(Conflict):
        await database.retrying(lambda tx: response.undo(tx, incident, name, by=BY))


async def test_what_is_stopped_on_its_way_goes_on_from_there(
    database: Database, keys: KeyRing, clock: ManualClock, tmp_path: Path
) -> None:
    stage = await _stage(database, keys, clock, tmp_path)
    incident = (await stage.only()).id
    response = stage.response
    async with database.write() as tx:
        await response.preview(tx, incident, "advise_exposed", by=BY)
    begun = await response.apply(incident, "advise_exposed", by=BY)
    assert (begun.state, (begun.result or {})["mails"]) == (ActionState.RUNNING, 1)
    # Paced: the next part waits for its time.
    assert not await response.work()
    clock.advance(0.2)
    assert await response.work()
    stopped = await database.retrying(
        lambda tx: response.stop(tx, incident, "advise_exposed", by="key_other")
    )
    assert stopped.state is ActionState.STOPPED
    clock.advance(3600)
    assert not await response.work()
    assert (await _effects(stage))["advisories"] == 2
    with pytest.raises(Conflict, match="is not running"):
        await database.retrying(
            lambda tx: response.stop(tx, incident, "advise_exposed", by="key_other")
        )
    async with database.write() as tx:
        await response.preview(tx, incident, "advise_exposed", by=BY)
    await response.apply(incident, "advise_exposed", by=BY)
    clock.advance(61)
    await _finish(stage, clock)
    effects = await _effects(stage)
    assert (effects["advisories"], effects["security"]) == (PEOPLE + 1, PEOPLE + 1)
    assert (await _state(stage, "advise_exposed")).state is ActionState.APPLIED


async def test_an_order_to_hold_is_over_by_itself(
    database: Database, keys: KeyRing, clock: ManualClock, tmp_path: Path
) -> None:
    stage = await _stage(database, keys, clock, tmp_path)
    incident = (await stage.only()).id
    await stage.response.apply(incident, "hold_recoveries", by=BY)
    async with database.read() as tx:
        assert await orders.ordered(tx, {"a"}, "acc_any")
        assert not await orders.ordered(tx, {"b"}, "acc_any")
        end = await orders.until(tx, incident)
    assert end is not None
    clock.advance((end - clock.now()) / SECOND + 1)
    async with database.read() as tx:
        assert not await orders.ordered(tx, {"a"}, "acc_any")
