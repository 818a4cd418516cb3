"""Keys at a provider, rotated and revoked against a stand-in: there is always one that works."""

from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest

from mailkeep.base.clock import ManualClock
from mailkeep.base.errors import Conflict, Unavailable
from mailkeep.base.keys import KeyRing
from mailkeep.base.secret import Secret
from mailkeep.events import audit as audit_log
from mailkeep.providers.keys.types import Answer, Holder, Manager
from mailkeep.providers.types import HttpReply, HttpRequest, TransportFailure
from mailkeep.response import keysmith, queries
from mailkeep.response.services import NotShown
from mailkeep.response.types import ActionState, ActionView
from mailkeep.store.database import Database
from mailkeep_drill.standins.sendgrid_account import SendGridAccount

from .conftest import COMPROMISED, Stage

BY = "key_operator"
MANAGES = ("api_keys.create", "api_keys.delete", "api_keys.read", "mail.send")


class Killed(BaseException):
    """The process is gone."""


class Vault:
    """An account with one sending key, and the file in which it stands."""

    def __init__(self, account: SendGridAccount, file: Path) -> None:
        self.account, self.file = account, file
        self.old = account.issue("sends", "mail.send")
        self.manager = account.issue("manages", *MANAGES)
        file.write_text(self.old)

    def works(self, key: str) -> bool:
        return key in self.account.made

    @property
    def now(self) -> str:
        return self.file.read_text().strip()

    def names(self) -> list[str]:
        return [str(one["name"]) for one in self.account.lists["keys"]]


@pytest.fixture
async def vault(tmp_path: Path) -> AsyncIterator[tuple[Vault, str]]:
    account = SendGridAccount("reader")
    url = await account.start()
    yield Vault(account, tmp_path / "sendgrid.key"), url
    await account.stop()


@pytest.fixture
async def stage(
    database: Database, keys: KeyRing, vault: tuple[Vault, str], clock: ManualClock
) -> Stage:
    made = Stage(database, keys, "abcd")
    held, url = vault
    manager = Manager("sendgrid", Secret(held.manager), url)
    holders = {
        "a": Holder("a", "by hand", manager, held.file),
        "b": Holder("b", "go to its pages"),
    }
    made.response.means.keyrings.update(holders)
    await made.signal({COMPROMISED: 8.5})
    return made


async def _apply(stage: Stage, name: str) -> ActionView:
    incident = (await stage.only()).id
    async with stage.database.write() as tx:
        await stage.response.preview(tx, incident, name, by=BY)
    return await stage.response.apply(incident, name, by=BY)


async def _state(stage: Stage, name: str) -> ActionView:
    async with stage.database.read() as tx:
        found = await queries.action(tx, (await stage.only()).id, name)
    assert found is not None
    return found


async def test_the_new_one_works_before_the_old_one_is_revoked(
    stage: Stage, vault: tuple[Vault, str], clock: ManualClock
) -> None:
    held, _ = vault
    incident = (await stage.only()).id
    with pytest.raises(NotShown):
        await stage.response.apply(incident, "rotate_keys", by=BY)
    assert (await _apply(stage, "rotate_keys")).state is ActionState.RUNNING
    assert held.names() == ["sends", "manages"]  # nothing is done in anybody's transaction
    for _ in range(2):
        assert await stage.response.work()
        clock.advance(1)
    assert held.now != held.old
    assert held.works(held.now)
    assert held.works(held.old)
    assert not await stage.response.work()  # every process takes the file up first
    clock.advance(31)
    assert await stage.response.work()
    done = await _state(stage, "rotate_keys")
    assert (done.state, (done.result or {})["revoked"]) == (ActionState.APPLIED, 1)
    assert (held.works(held.now), held.works(held.old)) == (True, False)
    assert held.account.made[held.now][1] == ("mail.send",)
    assert (held.file.stat().st_mode & 0o777) == 0o600
    assert list(held.file.parent.glob("*.new")) == []
    async with stage.database.read() as tx:
        assert await audit_log.verify(tx) is None
    for secret in (held.now, held.old, held.manager):
        assert secret not in str(done.result)


Carry = Callable[[HttpRequest], Awaitable[Answer]]


async def test_killed_after_every_call_and_write_it_ends_with_one_key_all_the_same(
    stage: Stage, vault: tuple[Vault, str], clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It dies when the nth call was answered, and nobody has read the answer."""
    held, _ = vault
    await _apply(stage, "rotate_keys")
    send, left, kills = keysmith.send, 0, 0

    async def mortal(request: HttpRequest) -> Answer:
        nonlocal left
        answer = await send(request)
        left -= 1
        if left < 0:
            raise Killed
        return answer

    monkeypatch.setattr(keysmith, "send", mortal)
    at = 0
    while (await _state(stage, "rotate_keys")).state is ActionState.RUNNING:
        left = at
        try:
            await stage.response.work()
            at = 0  # the next part: killed at its first call again
        except Killed:
            kills, at = kills + 1, at + 1
        assert held.works(held.now), "mail has no key"
        clock.advance(61)
    assert kills > 5
    assert (await _state(stage, "rotate_keys")).state is ActionState.APPLIED
    assert (held.works(held.now), held.works(held.old)) == (True, False)
    # What was made for somebody who died before they had it is gone, too.
    assert len(held.names()) == 2
    assert list(held.file.parent.glob("*.new")) == []


async def test_a_new_key_that_does_not_work_revokes_nothing(
    stage: Stage, vault: tuple[Vault, str], clock: ManualClock
) -> None:
    held, _ = vault
    await _apply(stage, "rotate_keys")
    assert await stage.response.work()
    new = held.file.with_name("sendgrid.key.new").read_text().strip()
    made = held.account.made[new]
    del held.account.made[new]
    assert await stage.response.work()
    failed = await _state(stage, "rotate_keys")
    assert failed.state is ActionState.FAILED
    assert "nothing was revoked" in str(failed.result)
    assert (held.now, held.works(held.old)) == (held.old, True)
    held.account.made[new] = made
    # Applied again it goes on from there.
    await _apply(stage, "rotate_keys")
    for _ in range(3):
        await stage.response.work()
        clock.advance(61)
    assert (held.now, held.works(held.old)) == (new, False)


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (TransportFailure("connect"), Unavailable),
        (HttpReply(503, {}, b""), Unavailable),
        (HttpReply(429, {}, b""), Unavailable),
        (HttpReply(403, {}, b""), Conflict),
        (HttpReply(201, {}, b'{"api_key": "SG.x", "api_key_id": "y"}'), Conflict),
        (HttpReply(200, {}, b"[" * 100_000), Conflict),
    ],
)
async def test_hostile_answers_revoke_nothing(
    vault: tuple[Vault, str], answer: Answer, error: type[Exception]
) -> None:
    held, url = vault
    manager = Manager("sendgrid", Secret(held.manager), url)

    async def says(request: HttpRequest) -> Answer:
        del request
        return answer

    smith = keysmith.Keysmith(Holder("a", "", manager, held.file), says)
    for call in (smith.make("x"), smith.prove(smith.in_use()), smith.revoke("x")):
        if isinstance(answer, HttpReply) and answer.status == 403:
            error = Conflict
        with pytest.raises((error, Conflict)) as found:
            await call
        assert "SG." not in str(found.value)
    assert held.now == held.old


async def test_the_last_key_is_revoked_only_where_no_mail_goes(
    stage: Stage, vault: tuple[Vault, str]
) -> None:
    held, _ = vault
    with pytest.raises(Conflict, match="is not cut off"):
        await _apply(stage, "revoke_keys")
    await stage.response.apply((await stage.only()).id, "cut_provider", by=BY)
    await _apply(stage, "revoke_keys")
    assert await stage.response.work()
    assert (await _state(stage, "revoke_keys")).state is ActionState.APPLIED
    assert not held.works(held.old)
    assert held.names() == ["manages"]


async def test_given_back_meanwhile_it_keeps_its_key(
    stage: Stage, vault: tuple[Vault, str]
) -> None:
    held, _ = vault
    incident = (await stage.only()).id
    await stage.response.apply(incident, "cut_provider", by=BY)
    await _apply(stage, "revoke_keys")
    async with stage.database.write() as tx:
        await stage.response.undo(tx, incident, "cut_provider", by=BY)
    assert await stage.response.work()
    assert (await _state(stage, "revoke_keys")).state is ActionState.FAILED
    assert held.works(held.old)


async def test_where_no_api_does_it_a_person_is_told_how(
    database: Database, keys: KeyRing, vault: tuple[Vault, str]
) -> None:
    stage = Stage(database, keys, "abcd")
    stage.response.means.keyrings.update({"b": Holder("b", "go to its pages")})
    await stage.signal({COMPROMISED: 8.5}, "b")
    for name in ("rotate_keys", "revoke_keys"):
        with pytest.raises(Conflict, match="a person does it"):
            await _apply(stage, name)
        assert (await _state(stage, name)).preview.by_hand == ("go to its pages",)
