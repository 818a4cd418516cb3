"""Actions on both engines: previewed, applied once, audited, undone; told over another route."""

import msgspec
import pyotp
import pytest
from sqlalchemy import delete, select, update

from mailkeep.accounts.factors import totp
from mailkeep.accounts.factors.types import Source
from mailkeep.base.clock import HOUR, ManualClock
from mailkeep.base.errors import Conflict, Invalid, NotFound
from mailkeep.base.keys import KeyRing
from mailkeep.events import audit as audit_log
from mailkeep.events.tables import audit as audit_table
from mailkeep.incidents.types import State
from mailkeep.mail import lives
from mailkeep.mail import queries as mail
from mailkeep.mail import tables as mail_tables
from mailkeep.mail.types import Content, NewMessage
from mailkeep.recovery import tables as recovery_tables
from mailkeep.response import queries, report, tables
from mailkeep.response.services import NotShown
from mailkeep.response.types import ActionState, ActionView, CaseView, PlaybookSettings
from mailkeep.store.database import Database
from mailkeep.watch.types import RESETS, Forger

from .conftest import CAMPAIGN, COMPROMISED, SILENT, Stage

BY = "key_operator"
CUTS = (PlaybookSettings(COMPROMISED, ("cut_provider",), ("cut_provider",)),)


async def _case(stage: Stage) -> CaseView:
    (incident,) = await stage.all()
    async with stage.database.read() as tx:
        return await queries.case(tx, stage.response.means, incident.id)


async def _apply(stage: Stage, name: str) -> ActionView:
    incident = (await stage.only()).id
    return await stage.response.apply(incident, name, by=BY)


async def _cut(stage: Stage) -> set[str]:
    async with stage.database.read() as tx:
        return set(await mail.cut(tx))


async def test_a_compromise_proposes_in_order_and_does_nothing(stage: Stage) -> None:
    await stage.signal({COMPROMISED: 8.5})
    case = await _case(stage)
    assert [one.name for one in case.actions] == [
        *("cut_provider", "distrust_events", "revoke_recoveries", "secure_accounts"),
        "notify_owners",
    ]
    assert {one.state for one in case.actions} == {ActionState.PROPOSED}
    assert {one.by for one in case.actions} == {"playbook"}
    assert await _cut(stage) == set()
    assert [act for _, act in await stage.audited()] == ["propose_action"] * len(case.actions)
    await stage.signal({COMPROMISED: 8.5}, detector="honey")
    assert len((await _case(stage)).actions) == len(case.actions)


async def test_a_cut_contains_is_done_once_and_is_undone(stage: Stage, clock: ManualClock) -> None:
    await _accepted(stage, "a")
    clock.advance(1)
    await stage.signal({COMPROMISED: 8.5}, age=600)
    incident = (await stage.only()).id
    async with stage.database.write() as tx:
        shown = await stage.response.preview(tx, incident, "cut_provider", by=BY)
    assert (shown.preview.count, shown.preview.warnings, shown.state.value) == (1, (), "proposed")
    assert await _cut(stage) == set()
    first = await _apply(stage, "cut_provider")
    again = await _apply(stage, "cut_provider")
    assert first.result == again.result == {"sent_again": 1}
    assert (first.unchanged, again.unchanged) == (False, True)
    assert (await stage.only()).state is State.CONTAINED
    await stage.hear()
    acts = [act for who, act in await stage.audited() if who == BY]
    assert acts == ["preview_action", "apply_action", "cut_provider", "action_applied"]
    lines = [text for _, text in await stage.lines(incident)]
    assert len([one for one in lines if "was cut off" in one]) == 1
    async with stage.database.write() as tx:
        undone = await stage.response.undo(tx, incident, "cut_provider", by=BY)
    assert undone.state is ActionState.UNDONE
    assert await _cut(stage) == set()
    await stage.hear()
    assert (await stage.only()).state is State.RESTORED
    assert (await _apply(stage, "cut_provider")).state is ActionState.APPLIED
    assert await _cut(stage) == {"a"}
    async with stage.database.read() as tx:
        assert await audit_log.verify(tx) is None


async def test_below_two_routes_a_person_is_needed_who_has_seen_it(
    database: Database, keys: KeyRing
) -> None:
    stage = Stage(database, keys, "ab", playbooks=(PlaybookSettings(COMPROMISED, ()),))
    await stage.signal({COMPROMISED: 8.5})
    with pytest.raises(NotShown, match="fewer than two independent routes"):
        await _apply(stage, "cut_provider")
    assert await _cut(stage) == set()
    # Now it was said, and is kept: the person may go on.
    (kept,) = (await _case(stage)).actions
    assert kept.preview.needs_person
    assert (await _apply(stage, "cut_provider")).state is ActionState.APPLIED
    assert await _cut(stage) == {"a"}


async def test_a_warning_that_changed_meanwhile_is_said_anew(stage: Stage) -> None:
    await stage.signal({COMPROMISED: 8.5})
    async with stage.database.write() as tx:
        await tx.run(
            mail_tables.provider_states.insert().values(provider="b", cut_at=tx.now, reason="x")
        )
    with pytest.raises(NotShown):
        await stage.response.apply((await stage.only()).id, "cut_provider", by=BY, seen="other")


async def test_an_automatic_cut_needs_our_own_observation_and_two_routes(
    database: Database, keys: KeyRing
) -> None:
    stage = Stage(database, keys, "abcd", playbooks=CUTS)
    await stage.signal({COMPROMISED: 9.0}, own=False)
    await stage.hear()
    while await stage.response.work():
        pass
    assert await _cut(stage) == set()
    await stage.signal({COMPROMISED: 8.5}, detector="honey")
    while await stage.response.work():
        pass
    assert await _cut(stage) == {"a"}
    assert (await stage.only()).state is State.CONTAINED
    assert [act for who, act in await stage.audited() if who == "playbook"] == [
        *("propose_action", "apply_action", "cut_provider", "action_applied")
    ]
    # One more would leave two; the next would leave one.
    await stage.signal({COMPROMISED: 8.5}, "b", detector="honey")
    while await stage.response.work():
        pass
    assert await _cut(stage) == {"a", "b"}
    await stage.signal({COMPROMISED: 8.5}, "c", detector="honey")
    assert not await stage.response.work()
    assert await _cut(stage) == {"a", "b"}
    newest = (await stage.all())[0]
    assert [kind for kind, _ in await stage.lines(newest.id)].count("waits") == 1
    await stage.signal({SILENT: 8.0}, "c")
    waits = [text for kind, text in await stage.lines(newest.id) if kind == "waits"]
    assert [text.split(":")[0] for text in waits] == [
        *("Cut the provider off", "Let the provider rest")
    ]


async def test_a_route_that_is_lost_between_plan_and_act_stops_an_automatic_cut(
    database: Database, keys: KeyRing
) -> None:
    stage = Stage(database, keys, playbooks=CUTS)
    await stage.signal({COMPROMISED: 8.5})
    async with database.write() as tx:
        await tx.run(
            mail_tables.provider_states.insert().values(provider="b", cut_at=tx.now, reason="x")
        )
    assert await stage.response.work()
    assert await _cut(stage) == {"b"}
    (failed,) = (await _case(stage)).actions
    assert failed.state is ActionState.FAILED
    assert "needs a person" in str(failed.result)


async def test_what_outsiders_stage_cuts_nobody(database: Database, keys: KeyRing) -> None:
    stage = Stage(database, keys, playbooks=CUTS)
    for number in range(5):
        await stage.signal({COMPROMISED: 9.0}, detector=f"d{number}", forger=Forger.ANYONE)
    await stage.signal({CAMPAIGN: 6.0}, RESETS, detector="surge")
    assert not await stage.response.work()
    assert await _cut(stage) == set()
    assert [one.subject for one in await stage.all()] == [RESETS]


async def test_providers_of_one_house_fall_together(database: Database, keys: KeyRing) -> None:
    stage = Stage(database, keys, "abcd", owned="ab")
    await stage.signal({COMPROMISED: 8.5})
    case = await _case(stage)
    assert case.suspects == ("a", "b")
    cut = case.actions[0]
    assert not cut.preview.needs_person  # c and d are left
    assert "b: the same party can read it" in cut.preview.warnings[0]


async def _accepted(stage: Stage, provider: str, to: str = "ada@example.net") -> str:
    """A message that a provider took and nobody saw arrive."""
    content = Content("us@example.com", to, "Hello", "words")
    async with stage.database.write() as tx:
        message = await stage.intake.accept(tx, NewMessage("bulk", content))
        await tx.run(
            update(mail_tables.messages)
            .where(mail_tables.messages.c.id == message)
            .values(status="accepted", provider=provider, accepted_at=tx.now)
        )
    return message


async def _through(stage: Stage, address: str, provider: str = "a") -> str:
    """An owner's recovery: its link went through ``provider``, its code through b."""
    p = recovery_tables.proofs
    await stage.ask(address)
    async with stage.database.write() as tx:
        newest = select(p.c.recovery_id).order_by(p.c.recovery_id.desc()).limit(1)
        recovery = await tx.value(newest)
        ours = p.c.recovery_id == recovery
        await tx.run(update(p).where(ours, p.c.kind == "link").values(provider=provider))
        await tx.run(update(p).where(ours, p.c.kind == "code").values(provider="b"))
    return str(recovery)


async def test_revoking_voids_what_went_through_the_suspect_and_mints_anew(
    stage: Stage, clock: ManualClock
) -> None:
    await stage.owner("ada@example.net")
    recovery = await _through(stage, "ada@example.net")
    await stage.signal({COMPROMISED: 8.5})
    await _apply(stage, "cut_provider")
    done = await _apply(stage, "revoke_recoveries")
    assert (done.preview.count, done.result) == (1, {"voided": 1})
    assert (await _apply(stage, "revoke_recoveries")).result == {"voided": 0}
    await stage.recovery.planner.step()
    p = recovery_tables.proofs
    async with stage.database.read() as tx:
        rows = await tx.all(select(p).where(p.c.recovery_id == recovery, p.c.voided_at.is_(None)))
    assert {row["kind"] for row in rows} == {"link", "code"}
    assert "a" not in {row["provider"] for row in rows}
    await stage.hear()
    incident = (await stage.only()).id
    assert ("voided", "proofs that went through the suspect are void") in await stage.lines(
        incident
    )


async def _complete(stage: Stage, recovery: str) -> None:
    r = recovery_tables.recoveries
    async with stage.database.write() as tx:
        await tx.run(update(r).where(r.c.id == recovery).values(state="completed", ended_at=tx.now))


@pytest.mark.check("63B 4.3", "63B 5.3")
async def test_securing_freezes_only_who_was_recovered_through_the_suspect(
    database: Database, keys: KeyRing, clock: ManualClock
) -> None:
    stage = Stage(database, keys, batch=1)
    hit = [await stage.owner(f"hit{n}@example.net") for n in range(3)]
    spared = await stage.owner("spared@example.net")
    for number in range(3):
        clock.advance(1)
        await _complete(stage, await _through(stage, f"hit{number}@example.net"))
    clock.advance(1)
    await _complete(stage, await _through(stage, "spared@example.net", "c"))
    await _bind(stage, hit[0])  # a thief's: the owner could never answer for it
    await stage.signal({COMPROMISED: 8.5})
    begun = await _apply(stage, "secure_accounts")
    assert (begun.state, begun.preview.count) == (ActionState.RUNNING, 3)
    # The process dies here; another one goes on where it stood.
    while await stage.response.work():
        clock.advance(1)
    case = await _case(stage)
    (done,) = [one for one in case.actions if one.name == "secure_accounts"]
    assert done.state is ActionState.APPLIED
    assert done.result is not None
    assert done.result["frozen"] == 3
    from mailkeep.accounts import queries as accounts

    async with database.read() as tx:
        for account in hit:
            assert (await accounts.account(tx, account)).frozen(tx.now)
            assert not await accounts.has_factor(tx, account)
            assert await accounts.password_hash(tx, account) == "!"
        assert not (await accounts.account(tx, spared)).frozen(tx.now)
        assert await accounts.password_hash(tx, spared) != "!"
    assert (case.blast.completed, case.blast.requested) == (3, 3)


@pytest.mark.check("63B 4.6")
async def test_owners_are_told_once_over_a_route_the_suspects_cannot_read(
    database: Database, keys: KeyRing, clock: ManualClock
) -> None:
    stage = Stage(database, keys, "abcd", owned="ad", batch=1)
    for name in ("ada", "bob"):
        account = await stage.owner(f"{name}@example.net")
        clock.advance(1)
    await _bind(stage, account)
    await stage.hear()
    await _complete(stage, await _through(stage, "ada@example.net"))
    clock.advance(1)
    await _through(stage, "bob@example.net")
    await stage.signal({COMPROMISED: 8.5})
    before = len(await stage.messages("security"))
    for _ in range(2):
        await _apply(stage, "notify_owners")
        while await stage.response.work():
            pass
    sent = (await stage.messages("security"))[before:]
    assert len(sent) == 2
    told = report.markdown(report.written(await _case(stage), {}, clock.now()))
    assert "Came of it: owners 2, mails 2, told 0, not told 2." in told, "not what was shown before"
    assert {one["avoid"] for one in sent} == {"a,d"}
    texts = sorted(await _bodies(stage, sent), key=lambda one: one.to)
    assert [one.to for one in texts] == ["ada@example.net", "bob@example.net"]
    assert "was replaced" in (texts[0].text or "")
    assert "Nobody completed it" in (texts[1].text or "")
    # Who has an authenticator is not told to add one.
    assert ["add one" in (one.text or "") for one in texts] == [True, False]
    assert "has a second factor" in (texts[1].text or "")
    for one in texts:
        links = [word for word in (one.text or "").split() if "://" in word]
        assert set(links) <= {"https://example.com/recover", "https://example.com/sign-in"}
        assert stage.intake.check(NewMessage("security", one)).content.to == one.to
    result = await _result(stage)
    assert (result["owners"], result["mails"], result["told"], result["not_told"]) == (2, 2, 0, 2)
    async with database.write() as tx:
        m = mail_tables.messages
        await tx.run(update(m).where(m.c.id == sent[0]["id"]).values(status="delivered"))
    result = await _result(stage)
    assert (result["told"], result["not_told"]) == (1, 1)
    assert "notices" not in result, "who they are stands in pages of its own"
    words = " ".join(item.detail for item in (await _case(stage)).security)
    assert "1 of 2 told" in words


async def _bind(stage: Stage, account: str) -> None:
    """Add a second factor to an account."""
    async with stage.database.write() as tx:
        made = await totp.enrol(tx, stage.keys, account, name="x", issuer="Us")
        code = pyotp.TOTP(made.secret.reveal()).generate_otp(tx.now // totp.STEP)
        await stage.accounts.factors.bind_totp(tx, account, made.factor, code, Source("b", "n"))


async def _result(stage: Stage) -> dict[str, object]:
    case = await _case(stage)
    (notice,) = [one for one in case.actions if one.name == "notify_owners"]
    assert notice.state is ActionState.APPLIED
    assert notice.result is not None
    return notice.result


async def _bodies(stage: Stage, sent: list[dict[str, object]]) -> list[Content]:
    b = mail_tables.message_bodies
    async with stage.database.read() as tx:
        rows = {row["message_id"]: row["data"] for row in await tx.all(select(b))}
    return [msgspec.json.decode(rows[one["id"]], type=Content) for one in sent]


async def test_a_kill_after_the_mail_was_stored_tells_nobody_twice(stage: Stage) -> None:
    """Mail and memory are one transaction; and were the memory lost, the mail's own key holds."""
    await stage.owner("ada@example.net")
    await _through(stage, "ada@example.net")
    await stage.signal({COMPROMISED: 8.5})
    await _apply(stage, "notify_owners")
    count = len(await stage.messages("security"))
    async with stage.database.write() as tx:
        await tx.run(delete(tables.notices))
    await _apply(stage, "notify_owners")
    assert len(await stage.messages("security")) == count


async def test_what_cannot_be_is_refused(stage: Stage) -> None:
    await stage.signal({CAMPAIGN: 6.0}, RESETS, detector="surge")
    incident = (await stage.only()).id
    with pytest.raises(Invalid, match="does not fit"):
        await stage.response.apply(incident, "cut_provider", by=BY)
    with pytest.raises(NotFound, match="no action"):
        await stage.response.apply(incident, "shred_everything", by=BY)
    with pytest.raises(NotFound):
        await stage.response.apply("inc_none", "cut_provider", by=BY)
    async with stage.database.write() as tx:
        with pytest.raises(Conflict):
            await stage.response.undo(tx, incident, "notify_owners", by=BY)
    async with stage.database.write() as tx:
        await stage.incidents.close(tx, incident, "known", by=BY)
    with pytest.raises(Conflict, match="closed"):
        await stage.response.apply(incident, "notify_owners", by=BY)


async def test_the_cut_sends_again_no_more_than_an_hour(stage: Stage, clock: ManualClock) -> None:
    await _accepted(stage, "a", "old@example.net")
    clock.advance(2 * HOUR / 1e6)
    await _accepted(stage, "a", "new@example.net")
    await stage.signal({COMPROMISED: 8.5}, age=3 * 3600)
    assert (await _apply(stage, "cut_provider")).result == {"sent_again": 1}


async def _resting(stage: Stage) -> set[str]:
    async with stage.database.read() as tx:
        return set(await mail.resting(tx))


async def _work(stage: Stage) -> None:
    while await stage.response.work():
        pass
    await stage.hear()


async def test_a_silent_provider_rests_by_itself_and_wakes_when_it_is_over(
    stage: Stage, clock: ManualClock
) -> None:
    message = await _accepted(stage, "a")
    clock.advance(1)
    await stage.signal({SILENT: 8.0}, age=60)
    await _work(stage)
    assert await _resting(stage) == {"a"}
    assert await _cut(stage) == set()
    incident = await stage.only()
    assert incident.state is State.OPEN
    (rested,) = (await _case(stage)).actions
    assert (rested.name, rested.by, rested.state.value) == ("rest_provider", "playbook", "applied")
    assert rested.result == {"sent_again": 1}
    async with stage.database.read() as tx:
        assert (await lives.one(tx, message)).status == "queued"
    clock.advance(5 * 3600)
    await stage.incidents.tick()
    await stage.hear()
    assert await _resting(stage) == set()
    assert (await _case(stage)).actions[0].state is ActionState.UNDONE
    # The signs come back in the same incident: so does the rest.
    await stage.signal({SILENT: 8.0})
    await _work(stage)
    assert await _resting(stage) == {"a"}
    assert [kind for kind, _ in await stage.lines(incident.id)].count("rest") == 0


async def test_what_a_person_rested_is_theirs_to_end(stage: Stage, clock: ManualClock) -> None:
    await stage.signal({COMPROMISED: 8.5, SILENT: 8.0}, own=False, forger=Forger.NOBODY)
    await _work(stage)
    assert await _resting(stage) == set()  # the provider's word alone moves nobody by itself
    await _apply(stage, "rest_provider")
    clock.advance(9 * 3600)
    await stage.incidents.tick()
    await stage.hear()
    assert await _resting(stage) == {"a"}


async def test_no_rest_by_itself_where_a_reset_would_lose_its_second_route(
    database: Database, keys: KeyRing
) -> None:
    stage = Stage(database, keys, "ab")
    await stage.signal({SILENT: 8.0})
    await _work(stage)
    assert await _resting(stage) == set()
    (waits,) = (await _case(stage)).actions
    assert waits.preview.needs_person
    assert (await _apply(stage, "rest_provider")).state is ActionState.APPLIED


async def test_what_is_cut_off_is_not_left_alone_as_well(database: Database, keys: KeyRing) -> None:
    stage = Stage(database, keys, "ab")
    await stage.signal({SILENT: 8.0, COMPROMISED: 8.5})
    await _work(stage)
    await _apply(stage, "cut_provider")
    await stage.hear()
    await _work(stage)
    assert (await _cut(stage), await _resting(stage)) == ({"a"}, set())
    (rest,) = [one for one in (await _case(stage)).actions if one.name == "rest_provider"]
    assert (rest.state, rest.preview.idle) == (ActionState.PROPOSED, True)


async def test_silence_cuts_nobody_whatever_the_playbook_says(
    database: Database, keys: KeyRing
) -> None:
    book = PlaybookSettings(SILENT, ("cut_provider",), ("cut_provider",))
    stage = Stage(database, keys, playbooks=(book,))
    await stage.signal({SILENT: 9.0})
    await _work(stage)
    assert await _cut(stage) == set()


async def test_owners_who_come_up_before_the_cut_are_told_by_the_playbook_too(
    database: Database, keys: KeyRing, clock: ManualClock
) -> None:
    book = PlaybookSettings(COMPROMISED, ("cut_provider", "notify_owners"), ("notify_owners",))
    stage = Stage(database, keys, playbooks=(book,))
    for name in ("ada", "bob"):
        await stage.owner(f"{name}@example.net")
        clock.advance(1)
    await _through(stage, "ada@example.net")
    await stage.signal({COMPROMISED: 8.5})
    await _work(stage)
    assert (await _result(stage))["mails"] == 1
    clock.advance(60)
    await _through(stage, "bob@example.net")
    clock.advance(60)
    await _apply(stage, "cut_provider")
    await stage.hear()
    await _work(stage)
    result = await _result(stage)
    assert (result["owners"], result["mails"]) == (2, 2)


async def test_a_playbook_acts_in_its_order(database: Database, keys: KeyRing) -> None:
    names = ("cut_provider", "revoke_recoveries", "notify_owners")
    stage = Stage(database, keys, playbooks=(PlaybookSettings(COMPROMISED, names, names),))
    await stage.signal({COMPROMISED: 8.5})
    while await stage.response.work():
        pass
    async with database.read() as tx:
        rows = await tx.all(select(audit_table).where(audit_table.c.act == "action_applied"))
    done = [msgspec.json.decode(row["data"])["action"] for row in rows]
    assert done == list(names)
