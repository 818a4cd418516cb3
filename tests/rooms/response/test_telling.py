"""Whom owners hear from, in which language, and what is said of those who were not reached."""

import msgspec
import pytest
from sqlalchemy import select, update

from mailkeep.accounts import applications, language
from mailkeep.accounts.registration import check
from mailkeep.base.clock import ManualClock
from mailkeep.base.errors import Invalid
from mailkeep.base.keys import KeyRing
from mailkeep.mail import tables as mail_tables
from mailkeep.mail.types import Content
from mailkeep.recovery import tables as recovery_tables
from mailkeep.store.database import Database

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
    """What was written to an address over the stream of notices."""
    m, b = mail_tables.messages, mail_tables.message_bodies
    async with stage.database.read() as tx:
        rows = await tx.all(
            select(b.c.data)
            .join(m, m.c.id == b.c.message_id)
            .where(m.c.stream == "security")
            .order_by(m.c.id)
        )
    found = [msgspec.json.decode(row["data"], type=Content) for row in rows]
    return [one for one in found if one.to == to]


async def join(stage: Stage, address: str, locale: str) -> str:
    made = await stage.accounts.sign_up(address, PASSWORD, "network_a", locale=locale)
    assert made.code is not None
    return await stage.accounts.confirm(made.confirmation, made.code.reveal())


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
    *_, german = await notices(stage, "ada@example.net")
    assert german.subject == "Jemand wollte Ihr Passwort zurücksetzen"
    assert "fügen Sie einen hinzu: https://example.com/sign-in" in (german.text or "")
    *_, english = await notices(stage, "bob@example.net")
    assert english.subject == "Somebody asked to reset your password"
    # Ada chooses another one, and the warning to the exposed is in it as well.
    async with stage.database.write() as tx:
        assert await language.locale(tx, ada) == "de"
        await language.choose(tx, ada, "fr")
        assert await language.locale(tx, ada) == "fr"
        for wrong in ("tlh", "", "fr-CA"):
            with pytest.raises(Invalid, match="choose one of English"):
                await language.choose(tx, ada, wrong)


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
        await language.choose(tx, account, "de")
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
