"""The accounts behind the counts, one by one, on both engines."""

import pytest
from sqlalchemy import insert, select, update

from mailkeep.accounts import tables as account_tables
from mailkeep.base.clock import ManualClock
from mailkeep.base.ids import new_id
from mailkeep.incidents import queries as incident_queries
from mailkeep.incidents import touched
from mailkeep.incidents.answers import Answers
from mailkeep.incidents.harm import By, Harm
from mailkeep.incidents.touched import Asked, Page
from mailkeep.incidents.types import IncidentSettings
from mailkeep.recovery import tables as recovery_tables
from mailkeep.response import looking
from mailkeep.watch.types import Hypothesis, Subject

from .conftest import COMPROMISED, Stage
from .test_telling import complete, through

BY = "key_operator"
_p, _d, _s = recovery_tables.proofs, recovery_tables.redemptions, account_tables.sessions


async def _look(stage: Stage, asked: Asked, **how: object) -> Page:
    (incident,) = await stage.all()
    return await looking.look(stage.response.means, incident.id, asked, by=BY, **how)


async def _sign_in(stage: Stage, account: str, browser: str) -> None:
    async with stage.database.write() as tx:
        row = {"id": new_id("ses", tx.now), "account_id": account, "hash": new_id("h", tx.now)}
        more = {"stage": "full", "browser": browser, "network": "n"}
        at = {"created_at": tx.now, "seen_at": tx.now}
        await tx.run(insert(_s).values(row | more | at))


async def _show(stage: Stage, recovery: str, browser: str, *kinds: str) -> None:
    async with stage.database.write() as tx:
        proofs = select(_p.c.id).where(_p.c.recovery_id == recovery, _p.c.kind.in_(kinds))
        for row in await tx.all(proofs):
            values = {"proof_id": row["id"], "browser": browser, "at": tx.now}
            await tx.run(insert(_d).values(values))


async def _house(stage: Stage, clock: ManualClock) -> dict[str, str]:
    """Six owners, each of whom came another way; by what happened to them."""
    found = {}
    for what in ("asked", "half", "stopped", "own", "taken", "denied"):
        clock.advance(1)
        found[what] = await stage.owner(f"{what}@example.net")
        await _sign_in(stage, found[what], "home")
        clock.advance(1)
        recovery = await through(stage, f"{what}@example.net")
        browser = "home" if what == "own" else "thief"
        kinds = {"asked": (), "half": ("link",)}.get(what, ("link", "code"))
        await _show(stage, recovery, browser, *kinds)
        r = recovery_tables.recoveries
        async with stage.database.write() as tx:
            mine = update(r).where(r.c.id == recovery)
            if what == "stopped":
                await tx.run(mine.values(stopped_at=tx.now))
            if what == "denied":
                await tx.run(mine.values(denied_at=tx.now + 1, why="denied"))
        if what in {"own", "taken", "denied"}:
            await complete(stage, recovery)
    clock.advance(1)
    await _sign_in(stage, found["taken"], "thief")
    clock.advance(1)
    async with stage.database.write() as tx:
        await tx.run(
            insert(account_tables.changes).values(
                id=new_id("chg", tx.now),
                account_id=found["taken"],
                what="factor",
                state="held",
                factor=False,
                at=tx.now,
                until=tx.now + 1,
            )
        )
    await stage.signal({COMPROMISED: 8.5})
    return found


def _names(of: dict[str, str], page: Page) -> list[str]:
    words = {account: what for what, account in of.items()}
    return [words[one.account] for one in page.accounts]


async def test_each_count_has_its_accounts(stage: Stage, clock: ManualClock) -> None:
    of = await _house(stage, clock)
    for asked, expected in (
        (Asked.REQUESTED, ["asked", "half", "stopped", "own", "taken", "denied"]),
        (Asked.HALF, ["half", "stopped", "own", "taken", "denied"]),
        (Asked.STOPPED, ["stopped"]),
        (Asked.COMPLETED, ["own", "taken", "denied"]),
        (Asked.DENIED, ["denied"]),
        (Asked.LOST, ["taken", "denied"]),
        (Asked.SIGNED_IN, ["taken"]),
        (Asked.CHANGED, ["taken"]),
    ):
        found = await _look(stage, asked)
        assert (_names(of, found), found.after) == (expected, ""), asked
    by = {one.account: one for one in (await _look(stage, Asked.REQUESTED)).accounts}
    said = {what: by[account].reached.value for what, account in of.items()}
    assert said == {
        "asked": "requested",
        "half": "half_proven",
        "stopped": "stopped_by_factor",
        "own": "completed",
        "taken": "lost",
        "denied": "lost",
    }
    taken: Harm = by[of["taken"]]
    assert (taken.why, taken.sessions, taken.strange) == (("strange_browser",), 1, 1)
    ((change,), denied) = (taken.changes, by[of["denied"]].why)
    # The owner's session of before still stands.
    assert (change.what, change.state, change.by) == ("factor", "held", By.EITHER)
    assert denied == ("denied", "strange_browser")


async def test_they_come_in_pages_and_each_look_is_audited(
    stage: Stage, clock: ManualClock
) -> None:
    of = await _house(stage, clock)
    first = await _look(stage, Asked.LOST, limit=1)
    assert (_names(of, first), first.after) == (["taken"], of["taken"])
    rest = await _look(stage, Asked.LOST, limit=1, after=first.after)
    assert (_names(of, rest), rest.after) == (["denied"], "")
    pages, after = [], ""
    for _ in range(3):
        page = await _look(stage, Asked.REQUESTED, limit=2, after=after)
        pages += _names(of, page)
        after = page.after
    assert (pages, after) == (list(of), "")
    assert [act for who, act in await stage.audited() if who == BY] == ["list_touched"] * 5


async def test_so_many_are_looked_at_and_no_more(
    stage: Stage, clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    of = await _house(stage, clock)
    monkeypatch.setattr(touched, "LOOKED", 1)
    monkeypatch.setattr(touched, "COUNTED", 1)
    none = await _look(stage, Asked.LOST)
    assert (none.accounts, none.after) == ([], of["own"])
    assert _names(of, await _look(stage, Asked.LOST, after=none.after)) == ["taken"]
    async with stage.database.read() as tx:
        ((incident,), _) = await incident_queries.page(tx)
        how = (stage.incidents.house, incident, IncidentSettings())
        assert await touched.lost(tx, *how) is None, "too many to look at"


async def test_lost_accounts_are_counted_behind_the_answer(
    stage: Stage, clock: ManualClock
) -> None:
    await _house(stage, clock)
    house, settings = stage.incidents.house, IncidentSettings()
    (incident,) = await stage.all()

    async def radius() -> object:
        async with stage.database.read() as tx:
            return await incident_queries.blast_radius(tx, house, incident, settings)

    assert (await radius()).lost is None
    await Answers(stage.database, house, settings).step()
    found = await radius()
    assert (found.completed, found.lost) == (3, 2)
    async with stage.database.write() as tx:
        await stage.incidents.close(tx, incident.id, "over", by=BY)
    assert (await radius()).lost == 2


async def test_what_touches_no_recovery_has_no_accounts(stage: Stage, clock: ManualClock) -> None:
    await stage.owner("ada@example.net")
    await through(stage, "ada@example.net")
    await stage.signal({Hypothesis.DOMAIN_ABUSED: 9.0}, Subject("domain", "example.com"))
    assert (await _look(stage, Asked.REQUESTED)).accounts == []
