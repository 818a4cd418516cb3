"""What playbooks go on with by themselves: after a failure, after a change."""

from typing import Any

import pytest
from sqlalchemy import update

from mailkeep.base.keys import KeyRing
from mailkeep.mail import queries as mail
from mailkeep.mail import services
from mailkeep.response import queries, tables
from mailkeep.response.types import ActionState, PlaybookSettings
from mailkeep.store.database import Database

from .conftest import COMPROMISED, Stage

BY = "key_operator"
CUTS = (PlaybookSettings(COMPROMISED, ("cut_provider",), ("cut_provider",)),)


async def _out(stage: Stage) -> tuple[set[str], set[str]]:
    """(cut off, at rest)."""
    async with stage.database.read() as tx:
        return set(await mail.cut(tx)), set(await mail.resting(tx))


async def _state(stage: Stage, name: str) -> ActionState:
    """Of the newest incident's action."""
    async with stage.database.read() as tx:
        found = await queries.action(tx, (await stage.all())[0].id, name)
    assert found is not None
    return found.state


async def _work(stage: Stage) -> None:
    while await stage.response.work():
        pass
    await stage.hear()


async def test_what_failed_is_tried_again_on_new_evidence(
    database: Database, keys: KeyRing, monkeypatch: pytest.MonkeyPatch
) -> None:
    stage = Stage(database, keys, playbooks=CUTS)

    async def broken(*_args: Any, **_options: Any) -> int:
        raise RuntimeError("no")

    await stage.signal({COMPROMISED: 8.5})
    with monkeypatch.context() as patch:
        patch.setattr(services, "cut_off", broken)
        await _work(stage)
    assert await _state(stage, "cut_provider") is ActionState.FAILED
    await _work(stage)
    assert await _out(stage) == (set(), set())
    await stage.signal({COMPROMISED: 8.5}, detector="honey")
    await _work(stage)
    assert await _out(stage) == ({"a"}, set())
    assert await _state(stage, "cut_provider") is ActionState.APPLIED


async def test_what_a_person_began_and_failed_is_theirs_to_begin_again(
    database: Database, keys: KeyRing
) -> None:
    stage = Stage(database, keys, playbooks=CUTS)
    await stage.signal({COMPROMISED: 8.5}, own=False)
    async with database.write() as tx:
        await tx.run(update(tables.actions).values(by=BY, state=ActionState.FAILED.value))
    await stage.signal({COMPROMISED: 8.5}, detector="honey")
    await _work(stage)
    assert await _out(stage) == (set(), set())
