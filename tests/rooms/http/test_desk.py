"""A support desk's form at the console: on record, told to nobody, and nothing moves."""

import pytest
from sqlalchemy import func, select

from mailkeep.accounts import applications
from mailkeep.events.tables import events
from mailkeep.events.types import decode
from mailkeep.operators.permissions import Role
from mailkeep.watch import claiming
from mailkeep.watch.events import SupportClaimed
from mailkeep.watch.tables import reports

from .test_console_pages import House, house

__all__ = ["house"]

pytestmark = pytest.mark.parametrize("database", ["sqlite"], indirect=True)


async def _facts(house: House) -> list[SupportClaimed]:
    async with house.running.database.read() as tx:
        rows = await tx.all(
            select(events.c.kind, events.c.data).where(events.c.kind == SupportClaimed.kind)
        )
    return [
        fact for row in rows if isinstance(fact := decode(row["kind"], row["data"]), SupportClaimed)
    ]


async def test_a_claim_by_address_says_nothing_of_who_has_one(house: House) -> None:
    account = house.crowd.account
    async with await house.browser(Role.SUPPORT) as desk:
        page = (await desk.get("/console/claims")).text
        assert "A customer says: that was not me" in page
        said = []
        for who in (f"{account}@example.net", "nobody@example.net"):
            form = {"address": who, "what": "sign_in"}
            answer = await desk.post("/console/claims", data=form)
            said.append((answer.status_code, answer.text))
        assert said[0] == said[1]
        assert "It is on record, if an account has that address." in said[0][1]
        wrong = {"address": "x", "what": "sign_in"}
        assert (await desk.post("/console/claims", data=wrong)).status_code == 422
        wrong = {"address": "ada@example.net", "what": "weather"}
        assert (await desk.post("/console/claims", data=wrong)).status_code == 422
        wrong = {"address": "ada@example.net", "what": "mail", "application": "app_none"}
        assert (await desk.post("/console/claims", data=wrong)).status_code == 404
    async with await house.browser(Role.VIEWER) as viewer:
        assert (await viewer.get("/console/claims")).status_code == 403
    (fact,) = await _facts(house)
    assert (fact.account, fact.what) == (account, "sign_in")
    async with house.running.database.read() as tx:
        assert await tx.value(select(func.count()).select_from(reports)) == 2


async def test_of_an_account_that_is_open_and_of_no_other(house: House) -> None:
    account = house.crowd.account
    path = f"/console/accounts/{account}"
    async with await house.browser(Role.SUPPORT) as desk:
        assert (await desk.post(f"{path}/claim", data={"what": "reset"})).status_code == 403
        await desk.post("/console/accounts/open", data={"who": account, "reason": "ticket 7"})
        assert "that was not me" in (await desk.get(path)).text
        for _ in range(2):
            answer = await desk.post(f"{path}/claim", data={"what": "reset"})
            assert answer.status_code == 303
        assert "is on record" in (await desk.get(answer.headers["Location"])).text
        assert (await desk.post(f"{path}/claim", data={"what": "x"})).status_code == 422
    (fact,) = await _facts(house)
    assert (fact.account, fact.what) == (account, "reset")


async def test_one_desk_brings_so_many_a_day(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(claiming, "PER_DAY", 1)
    async with await house.browser(Role.SUPPORT) as desk:
        form = {"address": "a@example.net", "what": "mail"}
        assert (await desk.post("/console/claims", data=form)).status_code == 200
        form["address"] = "b@example.net"
        assert (await desk.post("/console/claims", data=form)).status_code == 429


async def test_of_a_user_of_an_application(house: House) -> None:
    running = house.running
    async with running.database.write() as tx:
        await applications.add(tx, running.keys, "shop", ["https://shop.test/back"], by="t")
    async with await house.browser(Role.SUPPORT) as desk:
        page = (await desk.get("/console/claims")).text
        assert ">shop</option>" in page
        of = page.split('">shop</option>')[0].rsplit('"', 1)[1]
        form = {"address": f"{house.crowd.account}@example.net", "what": "mail", "application": of}
        assert (await desk.post("/console/claims", data=form)).status_code == 200
    assert await _facts(house) == [], "an account of ours is none of the application's users"
