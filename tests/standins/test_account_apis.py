"""Accounts at all providers, read over real HTTP from their stand-ins, before and after a thief."""

from collections.abc import AsyncIterator, Awaitable, Callable

import aiohttp
import pytest

from mailkeep.base.clock import SystemClock
from mailkeep.base.secret import Secret
from mailkeep.providers.posture import registry
from mailkeep.providers.posture.types import AccountConfig, Item, Kind, Trouble
from mailkeep.watch import drift
from mailkeep.watch.collectors.posture import carrier, collect
from mailkeep.watch.collectors.snapshots import Found
from mailkeep_drill.standins.sendgrid_account import READING, SendGridAccount
from mailkeep_drill.standins.ses_account import SesAccount

Read = Callable[[AccountConfig], Awaitable[Found]]
SES = {"region": "eu-central-1", "access_key_id": "AKIDEXAMPLE"}


@pytest.fixture
async def read() -> AsyncIterator[Read]:
    async with aiohttp.ClientSession() as session:

        async def all_of(config: AccountConfig) -> Found:
            module = registry.get(config.kind)
            return await collect(module, config, carrier(session), clock=SystemClock(), gap=0.0)

        yield all_of


@pytest.fixture
async def sendgrid() -> AsyncIterator[tuple[SendGridAccount, AccountConfig]]:
    account = SendGridAccount("SG.reading")
    base = await account.start()
    yield account, AccountConfig("s", "sendgrid", base, Secret("SG.reading"))
    await account.stop()


@pytest.fixture
async def ses() -> AsyncIterator[tuple[SesAccount, AccountConfig]]:
    account = SesAccount("AKIDEXAMPLE", "wJalrXUtnFEMI")
    base = await account.start()
    yield account, AccountConfig("e", "ses", base, Secret("wJalrXUtnFEMI"), None, SES)
    await account.stop()


def _items(found: Found) -> list[Item]:
    assert not [name for name, one in found.items() if isinstance(one, Trouble)], found
    return [item for one in found.values() for item in one if not isinstance(one, Trouble)]


def _changes(before: Found, after: Found) -> list[tuple[Kind, str, bool]]:
    old, new = _items(before), _items(after)
    found = drift.compare(drift.by_key(old), drift.by_key(new), drift.places(old))
    return sorted((one.kind, one.what, one.strange) for one in found)


async def test_sendgrid_tells_of_a_key_a_person_a_webhook_a_forwarding_and_an_export(
    read: Read, sendgrid: tuple[SendGridAccount, AccountConfig]
) -> None:
    account, config = sendgrid
    account.lists["webhooks"].append({"id": "1", "enabled": True, "url": "https://ours.example/h"})
    account.lists["teammates"] += [{"username": f"u{n}", "email": "x"} for n in range(230)]
    account.lists["templates"] += [{"id": str(n), "generation": "legacy"} for n in range(450)]
    account.make_key("app", "mail.send")
    before = await read(config)
    assert _changes(before, await read(config)) == []
    assert len([one for one in _items(before) if one.kind is Kind.USER]) == 230
    assert len([one for one in _items(before) if one.kind is Kind.TEMPLATE]) == 452
    account.make_key("helper", "mail.send", "api_keys.create")
    account.lists["teammates"].append({"username": "eve", "email": "eve@evil.example"})
    account.lists["webhooks"][0]["url"] = "https://evil.example/h"
    account.single["forward_bounce"] = {"email": "eve@evil.example", "enabled": True}
    account.single["email"] = {"email": "owner@example.info"}  # as in March 2014
    account.lists["exports"].append({"id": "e1", "status": "ready", "export_type": "contacts"})
    assert _changes(before, await read(config)) == [
        (Kind.ACCOUNT, "changed", False),
        (Kind.EXPORT, "added", False),
        (Kind.FORWARD, "changed", False),
        (Kind.KEY, "added", False),
        (Kind.USER, "added", False),
        (Kind.WEBHOOK, "changed", True),
    ]


async def test_a_sendgrid_key_that_may_send_is_known_and_one_that_lacks_a_scope_is_blind_there(
    read: Read, sendgrid: tuple[SendGridAccount, AccountConfig]
) -> None:
    account, config = sendgrid
    module = registry.get("sendgrid")
    for scopes, sends in ((READING, False), ((*READING, "mail.send"), True)):
        account.scopes = scopes
        keys = [one for one in _items(await read(config)) if one.kind is Kind.KEY]
        assert module.can_send(config, {Kind.KEY: keys}) is sends
    account.scopes = tuple(one for one in READING if one != "teammates.read")
    found = await read(config)
    assert {name for name, one in found.items() if one is Trouble.REFUSED} == {
        "teammates",
        "invited",
    }


async def test_more_keys_than_can_be_asked_for_are_said_to_be_too_many(
    read: Read, sendgrid: tuple[SendGridAccount, AccountConfig]
) -> None:
    account, config = sendgrid
    for number in range(200):
        account.make_key(str(number))
    found = await read(config)
    assert found["keys"] is Trouble.TOO_MANY
    assert found["teammates"] == ()


async def test_ses_tells_of_identities_policies_destinations_and_exports(
    read: Read, ses: tuple[SesAccount, AccountConfig]
) -> None:
    account, config = ses

    def topic(owner: str) -> dict[str, object]:
        arn = f"arn:aws:sns:eu-central-1:{owner}:events"
        return {"Name": "all", "Enabled": True, "SnsDestination": {"TopicArn": arn}}

    account.identities += [
        {"IdentityName": f"d{n}.example", "IdentityType": "DOMAIN", "SendingEnabled": True}
        for n in range(40)
    ]
    account.identities.append({"IdentityName": "us+x@d1.example", "IdentityType": "EMAIL_ADDRESS"})
    account.destinations["main set/1"] = [topic("111122223333")]
    account.templates += [{"TemplateName": f"t{n}"} for n in range(230)]
    before = await read(config)
    assert _changes(before, await read(config)) == []
    account.identities.append({"IdentityName": "evil.example", "IdentityType": "DOMAIN"})
    account.policies["us+x@d1.example"] = {"all": '{"Statement": []}'}
    account.destinations["main set/1"] = [topic("444455556666")]
    account.jobs.append({"JobId": "j1", "ExportSourceType": "MESSAGE_INSIGHTS"})
    assert _changes(before, await read(config)) == [
        (Kind.ALLOW, "added", False),
        (Kind.DOMAIN, "added", True),
        (Kind.EXPORT, "added", False),
        (Kind.WEBHOOK, "changed", True),
    ]


async def test_ses_refuses_a_wrong_secret(
    read: Read, ses: tuple[SesAccount, AccountConfig]
) -> None:
    _, config = ses
    wrong = AccountConfig("e", "ses", config.base_url, Secret("another"), None, SES)
    assert set((await read(wrong)).values()) == {Trouble.REFUSED}
