"""Decoys on both engines: like any link mail, worth nothing, and told of when they are shown."""

import re
from collections.abc import Awaitable, Callable

import pytest

from mailkeep.base.errors import Conflict
from mailkeep.mail.types import Content

from .conftest import PASSWORD, Room

_SECRET = re.compile(r"[0-9A-Za-z]{20,}|(?:[0-9A-Za-z]{3,5}-){3,}[0-9A-Za-z]{1,5}")


async def _plant(room: Room, provider: str = "a") -> tuple[Content, str]:
    async with room.database.write() as tx:
        return await room.recovery.decoy(tx, provider, "vera.novak31@post.example")


async def _shown(room: Room) -> list[dict[str, object]]:
    return [one for kind, one in await room.facts() if kind == "decoy_shown"]


async def test_a_decoy_is_written_as_any_other_link_mail(
    room: Room, owner: Callable[[], Awaitable[str]]
) -> None:
    await owner()
    await room.ask()
    real, _ = await room.proofs()
    content, secret = await _plant(room)
    assert content.subject == real["subject"]
    assert _SECRET.sub("…", content.text or "") == _SECRET.sub("…", str(real["text"]))
    assert f"/recover/proof#{secret}" in (content.text or "")


async def test_who_shows_one_is_told_nothing_and_told_of(room: Room) -> None:
    _, secret = await _plant(room, "b")
    words = set()
    for link in (secret, "0" * len(secret), secret):
        with pytest.raises(Conflict) as refused:
            await room.recovery.proving.link("thief", "network_9", link)
        words.add((str(refused.value), refused.value.field))
    assert len(words) == 1
    (one,) = await _shown(room)  # once an hour, however often it is tried
    assert (one["provider"], one["browser"], one["network"]) == ("b", "thief", "network_9")
    room.database.clock.advance(2 * 3600)
    with pytest.raises(Conflict):
        await room.recovery.proving.link("other", "network_9", secret)
    assert len(await _shown(room)) == 2
    assert not (await room.recovery.proving.progress("thief")).link


async def test_one_of_long_ago_is_forgotten(room: Room) -> None:
    _, secret = await _plant(room)
    room.database.clock.advance(31 * 86_400)
    await _plant(room)
    with pytest.raises(Conflict):
        await room.recovery.proving.link("thief", "network_9", secret)
    assert await _shown(room) == []


async def test_a_decoy_is_in_a_language_that_owners_read(room: Room) -> None:
    """English among German mail would tell which is worth no try."""
    for name in ("ada", "bob"):
        made = await room.accounts.sign_up(f"{name}@example.net", PASSWORD, "n", locale="de-CH")
        assert made.code is not None
        await room.accounts.confirm(made.confirmation, made.code.reveal(), "n")
    room.database.clock.advance(4 * 86_400)
    # Who signs up by the dozen, and confirms nothing, does not make them all French.
    for number in range(60):
        await room.accounts.sign_up(
            f"thief{number}@example.net", PASSWORD, f"n{number}", locale="fr"
        )
    await room.ask(address="ada@example.net")
    real, _ = await room.proofs()
    content, _ = await _plant(room)
    assert content.subject == real["subject"] == "Passwort zurücksetzen: der Link"
    assert content.headers == (("Content-Language", "de"),)
