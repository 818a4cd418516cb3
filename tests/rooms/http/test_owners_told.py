"""Which owners were told: at the API and at the console, the same, and for the same eyes."""

from contextlib import aclosing

from sqlalchemy import insert, select, update

from mailkeep.accounts import tables as account_tables
from mailkeep.base.clock import HOUR
from mailkeep.base.ids import new_id
from mailkeep.events.tables import audit
from mailkeep.mail import tables as mail_tables
from mailkeep.recovery import tables as recovery_tables
from mailkeep.response import tables

from .conftest import GOOD
from .test_approvals import House, house, sign_in

__all__ = ["house"]


async def _told(house: House, incident: str) -> list[str]:
    """Three owners: one was told, the mail to the second came back, the third got none."""
    await house.key("app", "send")
    mails = [(await house.ask("app", "POST", "/v1/messages", GOOD)).json()["id"] for _ in range(2)]
    names = []
    async with house.running.database.write() as tx:
        m = mail_tables.messages
        for number in range(3):
            account, recovery = new_id("acc", tx.now, number), new_id("rec", tx.now, number)
            names.append(account)
            await tx.run(
                insert(account_tables.accounts).values(
                    {"id": account, "class": "customer", "created_at": tx.now}
                )
            )
            await tx.run(
                insert(recovery_tables.recoveries).values(
                    id=recovery,
                    state="void",
                    address_key="adr_x",
                    account_id=account,
                    asked_by="browser_x",
                    network="network_x",
                    known_browser=False,
                    asked_at=tx.now,
                    expires_at=tx.now + HOUR,
                    factor_tries=0,
                )
            )
            await tx.run(
                insert(recovery_tables.proofs).values(
                    id=new_id("prf", tx.now, number),
                    recovery_id=recovery,
                    kind="link",
                    message_id="msg_x",
                    provider="one",
                    minted_at=tx.now,
                    expires_at=tx.now + HOUR,
                )
            )
        for account, message, status in zip(names, mails, ("delivered", "bounced"), strict=False):
            await tx.run(update(m).where(m.c.id == message).values(status=status))
            await tx.run(
                insert(tables.notices).values(
                    incident_id=incident,
                    contact_point_id=f"cpt{account}"[:40],
                    account_id=account,
                    message_id=message,
                    what="requested",
                    at=tx.now,
                )
            )
    return names


async def test_the_api_lists_owners_and_first_of_all_who_was_not_told(house: House) -> None:
    incident = await house.incident()
    told, back, none = await _told(house, incident)
    path = f"/v1/incidents/{incident}/notices"
    whole = (await house.ask("ada", "POST", path, {})).json()
    assert (whole["owners"], whole["told"], whole["not_told"], whole["after"]) == (3, 1, 2, None)
    assert [(one["account"], one["told"]) for one in whole["notices"]] == [
        *((told, True), (back, False), (none, False))
    ]
    assert [mail["status"] for one in whole["notices"] for mail in one["mails"]] == [
        *("delivered", "bounced")
    ]
    first = (await house.ask("ada", "POST", path, {"unreached": True, "limit": 1})).json()
    assert ([one["account"] for one in first["notices"]], first["after"]) == ([back], back)
    rest = await house.ask("ada", "POST", path, {"unreached": True, "limit": 1, "after": back})
    assert ([one["account"] for one in rest.json()["notices"]], rest.json()["after"]) == (
        [none],
        None,
    )
    for wrong in ({"limit": 0}, {"limit": 1001}, {"unreached": "perhaps"}, {"who": "all"}):
        assert (await house.ask("ada", "POST", path, wrong)).status_code == 422
    # Who takes a list is written down, and no address of a customer's with it, for good.
    wrong = {"after": "ben@example.net"}
    for door in (path, f"/v1/incidents/{incident}/accounts"):
        assert (await house.ask("ada", "POST", door, wrong)).status_code == 422
    async with house.running.database.read() as tx:
        acts = [row for row in await tx.all(select(audit)) if row["act"] == "list_owners"]
    assert len(acts) == 3
    assert back in acts[-1]["data"]
    # Whoever only looks sees numbers, and no account.
    assert (await house.ask("eve", "POST", path, {})).status_code == 403
    assert told not in (await house.ask("eve", "GET", f"/v1/incidents/{incident}")).text
    nowhere = "/v1/incidents/inc_none/notices"
    assert (await house.ask("ada", "POST", nowhere, {})).status_code == 404


async def test_the_console_lists_them_too(house: House) -> None:
    incident = await house.incident()
    told, back, none = await _told(house, incident)
    path = f"/console/incidents/{incident}"
    async with aclosing(await sign_in(house, "ada")) as ada:
        page = (await ada.get(f"{path}/notices")).text
        assert not any(one in page for one in (told, back, none)), "opened, it has numbers alone"
        page = (await ada.post(f"{path}/notices", data={"who": ""})).text
        assert all(one in page for one in (told, back, none))
        page = (await ada.post(f"{path}/notices", data={"who": "unreached"})).text
        assert told not in page
        assert back in page
        assert "nothing written" in page
        rest = {"who": "unreached", "after": none}
        assert none not in (await ada.post(f"{path}/notices", data=rest)).text
        notify = f"/v1/incidents/{incident}/actions/notify_owners"
        await house.ask("ada", "POST", notify, {"step": "apply"})
        assert f"{path}/notices?who=unreached" in (await ada.get(path)).text
