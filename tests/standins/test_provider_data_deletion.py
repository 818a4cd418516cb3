"""Accounts are emptied over real HTTP at their stand-ins, as far as an API lets anybody."""

from collections.abc import AsyncIterator

import aiohttp
import pytest

from mailkeep.app import provider_data_deletion
from mailkeep.app.provider_data_deletion import Held
from mailkeep.base.clock import SystemClock
from mailkeep.base.secret import Secret
from mailkeep.providers.posture.types import AccountConfig, Kind, Trouble
from mailkeep.watch.collectors.posture import Carry, carrier
from mailkeep_drill.standins.sendgrid_account import DELETING, READING, SendGridAccount

from .conftest import KEY, Hooks, World

ALL = frozenset(provider_data_deletion.ITEMS.values())


@pytest.fixture
async def carry() -> AsyncIterator[Carry]:
    async with aiohttp.ClientSession() as session:
        yield carrier(session)


@pytest.fixture(autouse=True)
def _at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(provider_data_deletion, "GAP", 0.0)


async def _look(config: AccountConfig, carry: Carry, items: frozenset[str] = ALL) -> Held:
    return await provider_data_deletion.look(config, carry, SystemClock(), items)


async def _empty(config: AccountConfig, carry: Carry) -> dict[Trouble, int]:
    held = await _look(config, carry)
    told: list[tuple[int, int]] = []
    failed = await provider_data_deletion.empty(
        config, held, carry, lambda n, of: told.append((n, of))
    )
    assert failed or told == [(n, len(held.goes)) for n in range(1, len(held.goes) + 1)]
    return failed


async def test_mandrill_loses_webhooks_templates_subaccounts_and_allowed(
    world: World, hooks: Hooks, carry: Carry
) -> None:
    config = AccountConfig("old", "mandrill", world.at["mandrill"]["api"], Secret(KEY))
    for name, entry in (
        ("templates", {"slug": "welcome"}),
        ("subaccounts", {"id": "team-eu"}),
        ("allowed", {"email": "boss@example.com"}),
        ("webhooks", {"url": "https://elsewhere.example/hook"}),
    ):
        await world.control("mandrill", "POST", "/account", {"list": name, "entry": entry})
    held = await _look(config, carry)
    counted = held.counted()
    assert counted.keys() == {"webhooks", "templates", "users", "contacts"}
    assert counted["webhooks"] >= 2  # the one that reports to us as well
    assert held.unread == {}
    # Only what is asked for goes.
    assert set((await _look(config, carry, frozenset({"templates"}))).counted()) == {"templates"}
    assert await _empty(config, carry) == {}
    left = await _look(config, carry)
    assert left.goes == ()
    assert all(left.is_empty(one) for one in ("webhooks", "templates", "users", "contacts"))
    # What is gone already is as good: who died on the way begins anew.
    assert await provider_data_deletion.empty(config, held, carry, lambda _n, _of: None) == {}


async def test_postmark_loses_both_sorts_of_webhooks_and_templates(
    world: World, hooks: Hooks, carry: Carry
) -> None:
    config = AccountConfig("old", "postmark", world.at["postmark"]["api"], Secret(KEY))
    for name, entry in (
        ("templates", {"Name": "Welcome"}),
        ("webhooks", {"Url": "https://x.example/h"}),
    ):
        await world.control("postmark", "POST", "/account", {"list": name, "entry": entry})
    held = await _look(config, carry)
    ids = {one.id.rpartition(" ")[2] for one in held.goes if one.kind is Kind.WEBHOOK}
    assert {"BounceHookUrl", "DeliveryHookUrl", "999"} <= ids
    assert await _empty(config, carry) == {}
    left = await _look(config, carry)
    assert left.is_empty("webhooks")
    assert left.is_empty("templates")
    assert await provider_data_deletion.empty(config, held, carry, lambda _n, _of: None) == {}


async def test_sendgrid_loses_what_its_key_may_delete_and_says_what_not(carry: Carry) -> None:
    account = SendGridAccount("SG.all", (*READING, *DELETING))
    base = await account.start()
    config = AccountConfig("old", "sendgrid", base, Secret("SG.all"))
    account.lists["webhooks"].append({"id": "w1", "enabled": True, "url": "https://o.example"})
    account.lists["parse"].append({"hostname": "in.example.com", "url": "https://o.example"})
    account.lists["templates"] += [{"id": f"t{n}", "generation": "legacy"} for n in range(3)]
    account.lists["subusers"].append({"id": 7, "username": "eu", "email": "x", "disabled": False})
    held = await _look(config, carry)
    assert held.counted() == {"webhooks": 2, "templates": 3}
    assert held.stays == {"users": 1}  # its API wants a name that is not read
    account.scopes = READING  # a key that only reads does nothing
    assert await provider_data_deletion.empty(config, held, carry, lambda _n, _of: None) == {
        Trouble.REFUSED: 1
    }
    assert len(account.lists["templates"]) == 3
    account.scopes = (*READING, *DELETING)
    assert await _empty(config, carry) == {}
    left = await _look(config, carry)
    assert left.is_empty("templates")
    assert left.is_empty("webhooks")
    assert not left.is_empty("users")
    await account.stop()


async def test_what_cannot_be_read_is_not_said_to_be_empty(carry: Carry) -> None:
    account = SendGridAccount("SG.some", tuple(one for one in READING if "templates" not in one))
    base = await account.start()
    config = AccountConfig("old", "sendgrid", base, Secret("SG.some"))
    held = await _look(config, carry)
    assert held.unread == {"templates": Trouble.REFUSED}
    assert not held.is_empty("templates")
    assert held.is_empty("webhooks")
    await account.stop()
    away = await _look(config, carry)
    assert not any(away.is_empty(one) for one in ALL)
