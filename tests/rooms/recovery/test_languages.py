"""Owners are told in their language what happens to their accounts, on both engines."""

import re

import pytest

from mailkeep.accounts import applications, language
from mailkeep.accounts.events import FactorBound, LanguageChosen
from mailkeep.accounts.factors.types import Kind
from mailkeep.accounts.registration import check
from mailkeep.base.errors import Invalid, TooMany
from mailkeep.events.types import Recorded

from .conftest import ADDRESS, PASSWORD, Room
from .test_recovery import finish, give


async def _join(room: Room, locale: str) -> str:
    made = await room.accounts.sign_up(ADDRESS, PASSWORD, "network_a", locale=locale)
    assert made.code is not None
    return await room.accounts.confirm(made.confirmation, made.code.reveal(), "n")


async def test_a_recovery_speaks_one_language_to_its_end(room: Room) -> None:
    account = await _join(room, "fr-CA")
    await room.ask("laptop")
    mails = await room.mails()
    assert {str(one["subject"]).partition(" :")[0] for one in mails} == {
        "Réinitialiser votre mot de passe"
    }
    code = re.search(r"^Code : (\S+)", str(mails[1]["text"]) + str(mails[0]["text"]), re.MULTILINE)
    assert code is not None
    (link,) = [one["link"] for one in mails if one["link"]]
    await give(room, "laptop", link=link, code=code[1])
    await finish(room, "laptop")
    told = await room.mails("security")
    assert {one["subject"] for one in told} == {"Votre mot de passe a été changé"}
    assert all("Vous recevez ce message deux fois" in str(one["text"]) for one in told)
    # What they choose holds from the next mail on.
    async with room.database.write() as tx:
        await language.choose(room.database, tx, account, "es", room.accounts.languages)
    await room.ask("phone")
    assert str((await room.mails())[-1]["subject"]).startswith("Restablecer su contraseña")


async def test_an_application_says_what_its_users_read(room: Room) -> None:
    async with room.database.write() as tx:
        back = ["https://shop.example/back"]
        made, _ = await applications.add(tx, room.keys, "Shop", back, home="", by="test")
        wanted = check([ADDRESS], "customer", "none", "de", room.accounts.classes)
        await room.context.subjects.register(tx, made.id, "key_1", [("41", wanted)])
        account = (await room.context.subjects.get(tx, made.id, "41")).account
        house = await room.context.house_of(tx, account)
    assert (house.words.tag, house.at) == ("de", " bei Shop")


async def test_of_an_account_that_is_gone_nobody_is_told(room: Room) -> None:
    fact = FactorBound(
        account="acc_gone", factor="fac_1", factor_kind=Kind.PASSKEY, browser="b", network="n"
    )
    async with room.database.write() as tx:
        await room.recovery.notices.on_credential(tx, Recorded(1, tx.now, tx.now, "evt_1", fact))
    assert await room.mails("security") == []


async def test_who_has_a_stolen_session_cannot_hide_behind_a_language(room: Room) -> None:
    """The owner is told in the language that they read so far, and each change costs a share."""
    account, languages = await _join(room, "de"), room.accounts.languages
    async with room.database.write() as tx:
        await language.choose(room.database, tx, account, "de", languages)  # nothing new
        await language.choose(room.database, tx, account, "fr", languages)
        fact = LanguageChosen(account=account, before="de", chosen="Français")
        await room.recovery.notices.on_credential(tx, Recorded(1, tx.now, tx.now, "evt_1", fact))
    assert [one for kind, one in await room.facts("accounts.") if kind == "language_chosen"] == [
        {"account": account, "before": "de", "chosen": "Français"}
    ]
    for told in await room.mails("security"):
        assert told["subject"] == "Ihr Konto wurde geändert"
        assert "in dieser Sprache: Français" in str(told["text"])
        assert "Das waren Sie nicht?" in str(told["text"])
    async with room.database.write() as tx:
        for one in ("es", "fr", "es", "fr"):
            await language.choose(room.database, tx, account, one, languages)
        with pytest.raises(TooMany):
            await language.choose(room.database, tx, account, "es", languages)


async def test_only_a_language_that_is_written_here_is_chosen(room: Room) -> None:
    account = await _join(room, "de")
    async with room.database.write() as tx:
        with pytest.raises(Invalid, match="choose one of"):
            await language.choose(room.database, tx, account, "tlh", room.accounts.languages)
