"""Whom owners hear from, in which language, and what is said of those who were not reached."""

import json

import msgspec
import pytest
from sqlalchemy import delete, select, update

from mailkeep.accounts import applications, language
from mailkeep.accounts.registration import check
from mailkeep.base.clock import ManualClock
from mailkeep.base.errors import Invalid
from mailkeep.base.keys import KeyRing
from mailkeep.mail import tables as mail_tables
from mailkeep.mail.types import Content
from mailkeep.recovery import tables as recovery_tables
from mailkeep.response import evidence, queries, report, telling
from mailkeep.response.types import ActionState, CaseView
from mailkeep.store.database import Database
from mailkeep.watch.types import Hypothesis, Subject

from .conftest import COMPROMISED, PASSWORD, Stage

BY = "key_operator"


async def through(stage: Stage, address: str, application: str = "") -> str:
    """A recovery whose link went through a."""
    r, p = recovery_tables.recoveries, recovery_tables.proofs
    await stage.recovery.ask(address, browser="b", network="n", application=application)
    await stage.recovery.planner.step()
    async with stage.database.write() as tx:
        newest = await tx.value(select(r.c.id).order_by(r.c.id.desc()).limit(1))
        ours = p.c.recovery_id == newest
        await tx.run(update(p).where(ours, p.c.kind == "link").values(provider="a"))
        await tx.run(update(p).where(ours, p.c.kind == "code").values(provider="b"))
    return str(newest)


async def complete(stage: Stage, recovery: str) -> None:
    r = recovery_tables.recoveries
    async with stage.database.write() as tx:
        await tx.run(update(r).where(r.c.id == recovery).values(state="completed", ended_at=tx.now))


async def tell(stage: Stage, name: str = "notify_owners") -> None:
    await stage.response.apply((await stage.only()).id, name, by=BY)
    while await stage.response.work():
        pass


async def notices(stage: Stage, to: str) -> list[Content]:
    """What was written to an address past the suspects."""
    m, b = mail_tables.messages, mail_tables.message_bodies
    async with stage.database.read() as tx:
        rows = await tx.all(
            select(b.c.data)
            .join(m, m.c.id == b.c.message_id)
            .where(m.c.stream == "security", m.c.avoid != "")
            .order_by(m.c.id)
        )
    found = [msgspec.json.decode(row["data"], type=Content) for row in rows]
    return [one for one in found if one.to == to]


async def join(stage: Stage, address: str, locale: str) -> str:
    made = await stage.accounts.sign_up(address, PASSWORD, "network_a", locale=locale)
    assert made.code is not None
    return await stage.accounts.confirm(made.confirmation, made.code.reveal(), "n")


async def shop(stage: Stage, factor: str, locale: str, home: str = "") -> str:
    """An application with one user, Ada; returns its id."""
    async with stage.database.write() as tx:
        back = ["https://shop.example/back"]
        made, _ = await applications.add(tx, stage.keys, "Shop", back, home=home, by="test")
        wanted = check(["ada@example.net"], "customer", factor, locale, stage.accounts.classes)
        subjects = stage.recovery._context.subjects
        await subjects.register(tx, made.id, "key_1", [("41", wanted)])
    return made.id


async def test_owners_are_told_in_their_language(stage: Stage, clock: ManualClock) -> None:
    ada = await join(stage, "ada@example.net", "de")
    await join(stage, "bob@example.net", "")
    for name in ("ada", "bob"):
        clock.advance(1)
        await through(stage, f"{name}@example.net")
    await stage.signal({COMPROMISED: 8.5})
    await tell(stage)
    (german,) = await notices(stage, "ada@example.net")
    assert german.subject == "Jemand wollte Ihr Passwort zurücksetzen"
    assert "fügen Sie einen hinzu: https://example.com/sign-in" in (german.text or "")
    (english,) = await notices(stage, "bob@example.net")
    assert english.subject == "Somebody asked to reset your password"
    # Ada chooses another one, and the warning to the exposed is in it as well.
    async with stage.database.write() as tx:
        assert await language.locale(tx, ada) == "de"
        await language.choose(stage.database, tx, ada, "fr", language.shipped())
        assert await language.locale(tx, ada) == "fr"
        for wrong in ("tlh", "", "fr-CA"):
            with pytest.raises(Invalid, match="choose one of English"):
                await language.choose(stage.database, tx, ada, wrong, language.shipped())


async def test_a_user_of_an_application_is_told_what_is_true_there(
    database: Database, keys: KeyRing, clock: ManualClock
) -> None:
    stage = Stage(database, keys)
    application = await shop(stage, "kept_there", "en-GB", "https://shop.example/forgot")
    clock.advance(1)
    await complete(stage, await through(stage, "ada@example.net", application))
    await stage.signal({COMPROMISED: 8.5})
    await tell(stage)
    (told,) = await notices(stage, "ada@example.net")
    text = told.text or ""
    assert told.subject == "Your password at Shop was reset, perhaps not by you"
    assert "was let set a new password at Shop" in text
    assert "https://shop.example/forgot" in text
    assert "Shop has a second factor of this account" in text
    for untrue in ("example.com", "add one", "closed the account"):
        assert untrue not in text
    # Their language is the application's to say.
    r = recovery_tables.recoveries
    async with database.write() as tx:
        account = str(await tx.value(select(r.c.account_id)))
        await language.choose(stage.database, tx, account, "de", language.shipped())
        assert await language.locale(tx, account) == "en-GB"


async def test_nothing_is_said_of_a_factor_that_nobody_told_of(stage: Stage) -> None:
    application = await shop(stage, "none", "es")
    await through(stage, "ada@example.net", application)
    await stage.signal({COMPROMISED: 8.5})
    await tell(stage)
    (told,) = await notices(stage, "ada@example.net")
    assert told.subject == "Alguien pidió restablecer su contraseña en Shop"
    assert "factor" not in (told.text or "")
    assert "://" not in (told.text or "")


async def _page(stage: Stage, **how: object) -> telling.Page:
    means = stage.response.means
    async with stage.database.read() as tx:
        case = queries.case_of(tx, means, (await stage.all())[0])
        return await telling.page(tx, means, case, **how)


async def _case(stage: Stage) -> CaseView:
    async with stage.database.read() as tx:
        return await queries.case(tx, stage.response.means, (await stage.all())[0].id)


async def _status(stage: Stage, message: str, status: str) -> None:
    m = mail_tables.messages
    async with stage.database.write() as tx:
        await tx.run(update(m).where(m.c.id == message).values(status=status))


async def test_who_was_not_told_is_listed_however_many_there_are(
    stage: Stage, clock: ManualClock
) -> None:
    owners = []
    for number in range(5):
        clock.advance(1)
        owners.append(await stage.owner(f"one{number}@example.net"))
        await through(stage, f"one{number}@example.net")
    await stage.signal({COMPROMISED: 8.5})
    before = await _page(stage)
    assert [(one.account, one.mails) for one in before.owners] == [(one, ()) for one in owners]
    await tell(stage)
    mails = {one.account: one.mails for one in (await _page(stage)).owners}
    assert {one.status for each in mails.values() for one in each} == {"queued"}
    for number, status in enumerate(("delivered", "bounced", "delivered", "given_up")):
        await _status(stage, mails[owners[number]][0].message, status)
    # In pages, those who were not told alone, and all of them.
    first = await _page(stage, unreached=True, limit=2)
    assert [(one.account, one.told) for one in first.owners] == [
        (owners[1], False),
        (owners[3], False),
    ]
    rest = await _page(stage, unreached=True, limit=2, after=first.after)
    assert ([one.account for one in rest.owners], rest.after) == ([owners[4]], "")
    whole = await _page(stage)
    assert [one.told for one in whole.owners] == [True, False, True, False, False]
    # What is no longer kept says so, and is no proof.
    async with stage.database.write() as tx:
        m = mail_tables.messages
        await tx.run(delete(m).where(m.c.id == mails[owners[0]][0].message))
    (gone, *_) = (await _page(stage, limit=1)).owners
    assert (gone.told, gone.mails[0].status) == (False, "forgotten")


async def test_it_is_said_while_it_goes_on_and_when_it_was_stopped(
    database: Database, keys: KeyRing, clock: ManualClock
) -> None:
    stage = Stage(database, keys, batch=1)
    for number in range(3):
        clock.advance(1)
        await stage.owner(f"one{number}@example.net")
        await through(stage, f"one{number}@example.net")
    await stage.signal({COMPROMISED: 8.5})
    incident = (await stage.only()).id
    begun = await stage.response.apply(incident, "notify_owners", by=BY)
    assert begun.state is ActionState.RUNNING
    (first, *_) = (await _page(stage)).owners
    await _status(stage, first.mails[0].message, "delivered")

    def said(case: CaseView) -> tuple[str, bool | None]:
        return case.security[-1].detail, case.security[-1].done

    assert said(await _case(stage)) == ("1 of 3 told", False)
    async with database.write() as tx:
        await stage.response.stop(tx, incident, "notify_owners", by=BY)
    case = await _case(stage)
    assert said(case) == ("1 of 3 told", False)
    text = report.markdown(report.written(case, {}, clock.now()))
    assert (
        "Stopped. Owners: 3; told, as a mail to them was delivered: 1; not told, or not yet: 2."
        in text
    )
    assert f"mailkeep incidents notices {incident}".replace("_", "\\_") in text


async def test_the_evidence_has_each_owner_and_every_mail(stage: Stage, clock: ManualClock) -> None:
    await stage.owner("ada@example.net")
    await through(stage, "ada@example.net")
    await stage.signal({COMPROMISED: 8.5})
    incident = (await stage.only()).id

    async def lines() -> list[dict[str, object]]:
        async with stage.database.write() as tx:
            files = await evidence.gather(tx, stage.response.means, incident, by=BY)
        return [json.loads(one) for one in files["notices.jsonl"].splitlines()]

    assert await lines() == []
    await tell(stage)
    (one,) = await lines()
    ((mail,), told) = (one["mails"], one["told"])
    assert (told, mail["status"], mail["what"]) == (False, "queued", "requested")
    assert "example.net" not in json.dumps(one)
    await _status(stage, mail["message"], "delivered")
    assert (await lines())[0]["told"] is True


async def test_nobody_is_listed_of_what_touches_no_recovery(stage: Stage) -> None:
    await stage.owner("ada@example.net")
    await through(stage, "ada@example.net")
    await stage.signal({Hypothesis.DOMAIN_ABUSED: 9.0}, Subject("domain", "example.com"))
    (incident,) = await stage.all()
    assert incident.subject.kind == "domain"
    assert (await _page(stage)).owners == []
