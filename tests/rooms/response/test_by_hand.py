"""An incident that a person opens, on both engines: it counts, wakes and is reported as any other,
and what is done on a person's word wants two."""

import pytest
from sqlalchemy import insert, select

from mailkeep.base.clock import DAY, HOUR, ManualClock
from mailkeep.base.errors import Conflict, Invalid, NotFound, TooMany
from mailkeep.base.keys import KeyRing
from mailkeep.incidents.by_hand import EACH_DAY, Saying
from mailkeep.incidents.types import State
from mailkeep.mail import services as mail
from mailkeep.mail import tables as mail_tables
from mailkeep.recovery import tables as recovery_tables
from mailkeep.response import hands, queries
from mailkeep.response.actions.catalogue import ACTIONS
from mailkeep.response.paging.types import Pager
from mailkeep.response.types import ActionState, CaseView, PlaybookSettings
from mailkeep.store.database import Database
from mailkeep.watch.types import OUR_HOUSE, Hypothesis

from .conftest import COMPROMISED, SILENT, Stage

WHY = "their support telephoned: case 4711"


class Bell:
    """A pager that only counts."""

    def __init__(self) -> None:
        self.rung: list[tuple[str, str]] = []

    async def ring(self, title: str, body: str) -> bool:
        self.rung.append((title, body))
        return True


async def _open(
    stage: Stage,
    subject: str = "a",
    hypothesis: Hypothesis = COMPROMISED,
    *,
    days: float | None = None,
    until: float | None = None,
    by: str = "opr_1",
    reason: str = WHY,
) -> tuple[str, bool]:
    async with stage.database.write() as tx:
        begun = None if days is None else tx.now - round(days * DAY)
        ended = None if until is None else tx.now - round(until * DAY)
        saying = Saying(hypothesis, subject, reason, begun, ended)
        found = await stage.incidents.by_hand.open(tx, saying, by=by)
    await stage.hear()
    return found


async def _case(stage: Stage, incident: str) -> CaseView:
    async with stage.database.read() as tx:
        return await queries.case(tx, stage.response.means, incident)


async def _went(stage: Stage) -> list[str]:
    """Over whom the two proofs went."""
    p = recovery_tables.proofs
    async with stage.database.read() as tx:
        rows = await tx.all(select(p.c.provider).distinct().order_by(p.c.provider))
    return [row["provider"] for row in rows]


async def test_who_was_touched_days_before_any_sign_is_counted(
    stage: Stage, clock: ManualClock
) -> None:
    """The provider telephones of a week that nothing of ours has seen."""
    await stage.owner("ada@example.net")
    await stage.ask("ada@example.net")
    one, other = await _went(stage)
    clock.advance(9 * 86_400)
    incident, new = await _open(stage, one, days=9.5)
    assert new
    case = await _case(stage, incident)
    assert (case.incident.subject.id, case.blast.requested) == (one, 1)
    assert case.deadline is not None
    later, new = await _open(stage, other)
    assert new
    assert (await _case(stage, later)).blast.requested == 0, "it reaches back an hour by itself"
    lines = await stage.lines(incident)
    assert lines[0] == ("opened", f"opened by a person: {WHY}")
    assert ("opr_1", "open_incident") in await stage.audited()


async def test_it_rings_and_what_it_calls_for_is_proposed_and_not_begun(
    database: Database, keys: KeyRing
) -> None:
    bell = Bell()
    book = PlaybookSettings(COMPROMISED, ("cut_provider",), ("cut_provider",))
    pagers = (Pager("one", "elsewhere", bell),)
    stage = Stage(database, keys, playbooks=(book,), pagers=pagers, two_people=None)
    incident, _ = await _open(stage)
    await stage.response.desk.step()
    assert [title for title, _ in bell.rung] == ["Mailkeep: an incident opened"]
    assert "so a person says" in bell.rung[0][1]
    case = await _case(stage, incident)
    assert [(one.name, one.state) for one in case.actions] == [
        ("cut_provider", ActionState.PROPOSED)
    ]


async def test_what_is_done_on_a_persons_word_wants_two(database: Database, keys: KeyRing) -> None:
    """The thief of one key would open a window of two years, and frighten everybody in it."""
    stage = Stage(database, keys, two_people=None)
    needed = stage.response.approvals.needed
    incident, _ = await _open(stage, days=700)
    said = (await _case(stage, incident)).incident
    assert all(needed(one, said) for one in ACTIONS.values())
    await stage.signal({COMPROMISED: 9.0}, "b")
    signs = (await stage.all())[0]
    assert not needed(ACTIONS["notify_owners"], signs)
    async with database.write() as tx:
        await stage.incidents.by_hand.window(
            tx, signs.id, tx.now - 90 * DAY, None, "their log", by="opr_1"
        )
    widened = (await _case(stage, signs.id)).incident
    assert needed(ACTIONS["notify_owners"], widened)
    nobody = Stage(database, keys, two_people=()).response.approvals
    assert not nobody.needed(ACTIONS["notify_owners"], widened), "where nothing wants two"


async def test_one_person_may_still_cut_off_by_hand_at_once(
    stage: Stage, database: Database
) -> None:
    incident, _ = await _open(stage)
    async with database.write() as tx:
        assert await hands.about(tx, "a") is None
        await hands.cut(tx, stage.response.means, "a", by="opr_1", reason="now")
    await stage.hear()
    assert (await _case(stage, incident)).incident.state is State.CONTAINED
    await stage.signal({COMPROMISED: 9.0})
    async with database.read() as tx:
        assert await hands.about(tx, "a") is not None


async def test_of_one_that_was_cut_off_the_window_ends_with_the_cut(
    stage: Stage, database: Database, clock: ManualClock
) -> None:
    async with database.write() as tx:
        await mail.cut_off(database, tx, "a", by="uid:7", reason="x", since=tx.now)
        cut_at = tx.now
    await stage.hear()
    clock.advance(3600)
    incident, _ = await _open(stage, days=5)
    case = await _case(stage, incident)
    assert (case.incident.state, case.incident.contained_at) == (State.CONTAINED, cut_at)
    assert case.blast.until == cut_at
    async with database.write() as tx:
        await mail.restore(database, tx, "a", by="uid:7", reason="x")
    await stage.hear()
    assert (await _case(stage, incident)).incident.state is State.RESTORED


async def test_said_of_one_that_is_open_the_window_only_grows(
    stage: Stage, clock: ManualClock
) -> None:
    await stage.signal({SILENT: 8.0})
    signs = await stage.only()
    assert await _open(stage, days=3) == (signs.id, False)
    assert await _open(stage, days=1, hypothesis=SILENT, reason="not so long") == (signs.id, False)
    case = await _case(stage, signs.id)
    assert case.incident.since == clock.now() - 3 * DAY
    assert case.incident.held == {SILENT, COMPROMISED}
    assert case.incident.word is not None
    assert case.incident.word.hypothesis is COMPROMISED, "the graver stands"
    assert [text for kind, text in await stage.lines(signs.id) if kind == "said"] == [
        f"compromised, as a person says: {WHY}",
        "silent, as a person says: not so long",
    ]
    await stage.signal({SILENT: 8.0}, detector="gap", age=7200)
    assert (await stage.only()).since == clock.now() - 3 * DAY, "what signs say does not undo it"
    # Long after the signs are gone it is open still: a person said it, and a person ends it.
    clock.advance(40 * 86_400)
    await stage.incidents.tick()
    clock.advance(40 * 86_400)
    await stage.incidents.tick()
    assert (await stage.only()).state is State.OPEN


async def test_a_window_is_set_with_a_reason_and_hides_nothing(
    stage: Stage, database: Database, clock: ManualClock
) -> None:
    incident, _ = await _open(stage, days=9)

    async def set_it(since: float | None, until: float | None, why: str = "their log") -> None:
        async with database.write() as tx:
            await stage.incidents.by_hand.window(
                tx,
                incident,
                None if since is None else tx.now - round(since * DAY),
                None if until is None else tx.now - round(until * DAY),
                why,
                by="opr_2",
            )

    await set_it(8, 3)
    case = await _case(stage, incident)
    assert (case.blast.since, case.blast.until) == (
        *(clock.now() - 8 * DAY - HOUR, clock.now() - 3 * DAY),
    )
    assert ("opr_2", "set_window") in await stage.audited()
    assert ("said", "the window is set: their log") in await stage.lines(incident)
    assert "incidents.updated" in await stage.kinds()
    for since, until, why in ((8, 3, " "), (3, 8, "x"), (-1, None, "x"), (800, None, "x")):
        with pytest.raises(Invalid):
            await set_it(since, until, why)
    await set_it(None, None)
    assert (await _case(stage, incident)).incident.since == case.incident.opened_at
    # As soon as signs hold something, they say how long it lasts.
    await set_it(8, 3)
    await stage.signal({COMPROMISED: 9.0}, age=600)
    assert (await _case(stage, incident)).blast.until == clock.now()
    with pytest.raises(Invalid):
        await set_it(8, 3)
    with pytest.raises(Invalid):
        await set_it(1 / 1440, None)  # later than the first sign
    async with database.write() as tx:
        await stage.incidents.close(tx, incident, "over", by="opr_1")
    with pytest.raises(Conflict):
        await set_it(8, None)


async def test_it_is_about_what_there_is_and_bounded(stage: Stage) -> None:
    for subject, hypothesis in (("nobody", COMPROMISED), ("acc_0", Hypothesis.ACCOUNT_TARGETED)):
        with pytest.raises(NotFound):
            await _open(stage, subject, hypothesis)
    for subject, hypothesis in (("x", Hypothesis.LEAKED_HERE), ("A b", Hypothesis.DOMAIN_ABUSED)):
        with pytest.raises(Invalid):
            await _open(stage, subject, hypothesis)
    account = await stage.owner("ada@example.net")
    await _open(stage, account, Hypothesis.ACCOUNT_TARGETED)
    await _open(stage, "", Hypothesis.LEAKED_HERE)
    await _open(stage, "", Hypothesis.CAMPAIGN)
    assert {one.subject.kind for one in await stage.all()} == {"account", "house", "campaign"}
    assert OUR_HOUSE in {one.subject for one in await stage.all()}
    for number in range(EACH_DAY - 3):
        await _open(stage, f"m{number}.example", Hypothesis.DOMAIN_ABUSED)
    with pytest.raises(TooMany):
        await _open(stage)
    assert (await _open(stage, by="opr_2"))[1]


async def test_a_provider_that_was_left_is_spoken_of_as_well(
    database: Database, keys: KeyRing
) -> None:
    """Years later it is broken into: it carries nothing, and knows whom we wrote to."""
    stage = Stage(database, keys, left={"gone": "house_a"})
    async with database.write() as tx:
        given = {"stream": "alert", "day": 1, "first_at": 1, "last_at": 1, "count": 1}
        for who in ("adr_1", "adr_2"):
            row = {"address_id": who, "provider": "gone", **given}
            await tx.run(insert(mail_tables.exposures).values(**row))
    incident, new = await _open(stage, "gone", days=3)
    assert new
    case = await _case(stage, incident)
    assert case.blast.exposed == 2
    assert "gone" in case.suspects
    for name, action in ACTIONS.items():
        if "provider" in action.about:
            async with database.write() as tx:
                await stage.response.preview(tx, incident, name, by="opr_1")
    with pytest.raises(NotFound):
        await _open(stage, "never")
