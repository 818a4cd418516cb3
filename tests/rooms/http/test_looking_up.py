"""Looking mail up over the API, on both engines: pages that hold still, lives in order."""

from typing import Any

import pytest
from sqlalchemy import insert, update

from mailkeep.base.clock import HOUR, SECOND, ManualClock, iso
from mailkeep.base.ids import new_id
from mailkeep.mail import lives, services, tables
from mailkeep.providers.types import ClaimKind

from .conftest import GOOD, Api


async def _list(api: Api, key: str | None = None, **words: object) -> list[dict[str, Any]]:
    """Every page of a list."""
    out: list[dict[str, Any]] = []
    cursor: dict[str, str] = {}
    while True:
        query = "&".join(f"{name}={value}" for name, value in (words | cursor).items())
        answer = await api.ask("GET", f"/v1/messages?{query}", key=key)
        assert answer.status_code == 200, answer.text
        page = answer.json()
        assert len(page["messages"]) <= int(str(words.get("limit", 50)))
        out += page["messages"]
        if page["next"] is None:
            return out
        cursor = {"cursor": page["next"]}


async def test_a_list_is_narrowed_by_each_word(api: Api, clock: ManualClock) -> None:
    sent = []
    for stream, to in (("alert", "ada"), ("bulk", "bob"), ("alert", "bob"), ("recovery", "ada")):
        sent.append(await api.send(stream=stream, to=f"{to}@example.net"))
        clock.advance(10)
    ids = list(reversed(sent))
    whole = await _list(api)
    assert [one["id"] for one in whole] == ids
    assert "example.net" not in str(whole)
    assert whole[0]["recipient"] is None  # it tells who has an account
    why = {"recipient": "ada@example.net", "reason": "ticket 7"}
    opened = (await api.ask("POST", "/v1/messages/search", why)).json()["messages"]
    recipient = opened[0]["recipient"]
    start = clock.now() - 40 * SECOND
    for words, wanted in (
        ({"stream": "alert"}, [1, 3]),
        ({"status": "queued"}, [0, 1, 2, 3]),
        ({"status": "bounced"}, []),
        ({"recipient": recipient}, [3]),
        ({"recipient": recipient, "stream": "alert"}, [3]),
        ({"after": iso(start + 10 * SECOND)}, [0, 1, 2]),
        ({"before": iso(start + 10 * SECOND)}, [3]),
        ({"after": iso(start + 10 * SECOND), "before": iso(start + 30 * SECOND)}, [1, 2]),
        ({"limit": 1}, [0, 1, 2, 3]),
        ({"limit": 1, "stream": "alert"}, [1, 3]),
    ):
        found = [one["id"] for one in await _list(api, **words)]
        assert found == [ids[index] for index in wanted], words
    body = {"recipient": "Ada@Example.NET", "limit": 1, "reason": "ticket 7"}
    first = (await api.ask("POST", "/v1/messages/search", body)).json()
    second = (await api.ask("POST", "/v1/messages/search", body | {"cursor": first["next"]})).json()
    assert [first["messages"][0]["id"], second["messages"][0]["id"]] == [ids[0], ids[3]]
    assert second["next"] is None


async def test_a_tag_is_found_whole_and_no_pattern(
    api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    tagged = [("order", "a,b"), ("orders",), ("50%_off",), ()]
    sent = [await api.send(tags=list(tags)) for tags in tagged]
    for words, wanted in (
        ("order", [0]),
        ("a,b", [0]),
        ("a", []),
        ("orders", [1]),
        ("50%25_off", [2]),
        ("%25", []),
        ("_rder", []),
        ("%0A", []),
    ):
        found = [one["id"] for one in await _list(api, tag=words)]
        assert found == [sent[index] for index in wanted], words
    listed = {one["id"]: one["tags"] for one in await _list(api)}
    assert listed == {one: list(tags) for one, tags in zip(sent, tagged, strict=True)}
    answer = await api.ask("POST", "/v1/messages/search", {"recipient": GOOD["to"], "tag": "order"})
    assert [one["id"] for one in answer.json()["messages"]] == [sent[0]]
    assert (await api.ask("GET", "/v1/messages?tag=")).status_code == 422
    monkeypatch.setattr(lives, "SCAN", 2)
    assert [one["id"] for one in await _list(api, tag="order")] == [sent[0]]


async def test_pages_hold_still_while_mail_comes_in(api: Api, clock: ManualClock) -> None:
    before = [await api.send() for _ in range(5)]
    page = (await api.ask("GET", "/v1/messages?limit=2")).json()
    seen = [one["id"] for one in page["messages"]]
    while page["next"] is not None:
        clock.advance(1)
        await api.send()
        page = (await api.ask("GET", f"/v1/messages?limit=2&cursor={page['next']}")).json()
        seen += [one["id"] for one in page["messages"]]
    assert seen == sorted(before, reverse=True)


async def test_the_few_among_many_are_found_page_by_page(
    api: Api, clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lives, "SCAN", 3)
    old = await api.send(stream="alert")
    for _ in range(10):
        clock.advance(1)
        await api.send(stream="bulk")
    page = (await api.ask("GET", "/v1/messages?stream=alert")).json()
    assert page["messages"] == []
    assert page["next"] is not None
    assert [one["id"] for one in await _list(api, stream="alert")] == [old]
    assert len(await _list(api, stream="bulk")) == 10
    # A recipient's are found by their index, however many others there are.
    body = {"recipient": GOOD["to"], "stream": "alert"}
    assert len((await api.ask("POST", "/v1/messages/search", body)).json()["messages"]) == 1


async def test_a_key_sees_the_mail_of_its_streams_only(api: Api) -> None:
    seen, hidden = await api.send(stream="alert"), await api.send(stream="recovery")
    key = await api.new_key("read", streams=("alert", "bulk"))
    assert [one["id"] for one in await _list(api, key)] == [seen]
    assert (await api.ask("GET", f"/v1/messages/{seen}", key=key)).status_code == 200
    unknown = await api.ask("GET", "/v1/messages/" + new_id("msg", 0), key=key)
    denied = await api.ask("GET", f"/v1/messages/{hidden}", key=key)
    assert denied.status_code == 404
    assert denied.json() == unknown.json()
    answer = await api.ask("GET", "/v1/messages?stream=recovery", key=key)
    assert (answer.status_code, answer.json()["field"]) == (403, "stream")
    body = {"recipient": GOOD["to"]}
    found = (await api.ask("POST", "/v1/messages/search", body, key=key)).json()["messages"]
    assert [one["id"] for one in found] == [seen]


async def test_mail_to_mailboxes_of_our_own_is_not_listed(api: Api) -> None:
    canary, seen = await api.send(), await api.send()
    async with api.running.database.write() as tx:
        m = tables.messages
        await tx.run(update(m).where(m.c.id == canary).values(ours=True))
    assert [one["id"] for one in await _list(api)] == [seen]


BAD_WORDS = [
    ("recipient=ada@example.net", "recipient"),
    ("recipient=address_x", "recipient"),
    ("recipient=", "recipient"),
    ("stream=nosuch", "stream"),
    ("stream=%00", "stream"),
    ("status=lost", "status"),
    ("after=yesterday", "after"),
    ("after=2030-01-31T12:00:00", "after"),
    ("before=", "before"),
    ("limit=0", "limit"),
    ("limit=201", "limit"),
    ("limit=1.5", "limit"),
    ("limit=99999999999999999999999", "limit"),
    ("limit=ten", "limit"),
    ("cursor=", "cursor"),
    ("cursor=msg_1", "cursor"),
    ("cursor=YWZ0ZXIgbXNnXzA", "cursor"),
    ("cursor=%ff%00", "cursor"),
    ("limit=5&limit=6", "limit"),
    ("tags=x", "tags"),
    ("tag=a%00b", "tag"),
    ("q%00=x", "q\0"),
]


async def test_a_word_of_the_query_that_is_not_right_is_named(api: Api) -> None:
    for query, field in BAD_WORDS:
        answer = await api.ask("GET", f"/v1/messages?{query}")
        assert (answer.status_code, answer.json()["field"]) == (422, field), query
    for body, field in (
        ({}, "recipient"),
        ({"recipient": "nobody"}, "recipient"),
        ({"recipient": None}, "recipient"),
        ({"recipient": GOOD["to"], "limit": "5"}, "limit"),
        ({"recipient": GOOD["to"], "status": "lost"}, "status"),
        ({"recipient": GOOD["to"], "x": 1}, "x"),
    ):
        answer = await api.ask("POST", "/v1/messages/search", body)
        assert (answer.status_code, answer.json()["field"]) == (422, field), body


async def test_a_name_that_names_nothing(api: Api) -> None:
    real = await api.send()
    for name in ("msg_1", "%00", "msg_" + "%00" * 26, real.upper(), real + "x", "x" * 5000, "%ff"):
        answer = await api.ask("GET", f"/v1/messages/{name}")
        assert (answer.status_code, answer.json()["status"]) == (404, 404), name


async def test_a_life_has_its_attempts_and_events_in_order(api: Api, clock: ManualClock) -> None:
    message = await api.send(stream="recovery", text="PLANTED", subject="PLANTED")
    heard = [
        (ClaimKind.SENT, clock.now() + 9 * SECOND, None),
        (ClaimKind.DELIVERED, clock.now() + 10 * SECOND, clock.now() + SECOND),
        (ClaimKind.DEFERRED, clock.now() + 11 * SECOND, clock.now()),  # late, and told as such
    ]
    async with api.running.database.write() as tx:
        for number, (outcome, detail) in enumerate((("unavailable", "503"), ("accepted", ""))):
            await tx.run(
                insert(tables.attempts).values(
                    id=new_id("att", tx.now + number * SECOND),
                    message_id=message,
                    provider="one",
                    started_at=tx.now + number * SECOND,
                    outcome=outcome,
                    detail=detail,
                )
            )
        for number, (kind, received, at) in enumerate(heard):
            await tx.run(
                insert(tables.claims).values(
                    provider="one",
                    claim_id=f"c{9 - number}",
                    received_at=received,
                    message_id=message,
                    event=kind.value,
                    at_provider=at,
                )
            )
        m = tables.messages
        await tx.run(update(m).where(m.c.id == message).values(status="delivered", tries=2))
    answer = await api.ask("GET", f"/v1/messages/{message}")
    life = answer.json()
    assert [one["outcome"] for one in life["attempts"]] == ["unavailable", "accepted"]
    assert [one["event"] for one in life["events"]] == ["sent", "delivered", "deferred"]
    assert [one["at_provider"] for one in life["events"]] == [
        None if at is None else iso(at) for _, _, at in heard
    ]
    assert (life["status"], life["tries"]) == ("delivered", 2)
    assert (life["waits_for"], life["next_at"]) == (None, None)
    assert "PLANTED" not in answer.text
    assert "example.net" not in answer.text


async def test_why_a_message_waits(api: Api, clock: ManualClock) -> None:
    async def why(message: str) -> tuple[object, object]:
        life = (await api.ask("GET", f"/v1/messages/{message}")).json()
        return life["waits_for"], life["next_at"]

    later = clock.now() + 2 * HOUR
    due, scheduled = await api.send(), await api.send(send_at=iso(later))
    tried = await api.send()
    async with api.running.database.write() as tx:
        m = tables.messages
        again = {"tries": 1, "next_at": tx.now + SECOND}
        await tx.run(update(m).where(m.c.id == tried).values(**again))
    assert await why(due) == ("due", iso(clock.now()))
    assert await why(scheduled) == ("scheduled", iso(later))
    assert await why(tried) == ("retry", iso(clock.now() + SECOND))
    async with api.running.database.write() as tx:
        database = api.running.database
        await services.cut_off(database, tx, "one", by="test", reason="test", since=tx.now)
    assert await why(due) == ("no_route", iso(clock.now()))
    assert await why(tried) == ("no_route", iso(clock.now() + SECOND))
    assert await why(scheduled) == ("scheduled", iso(later))
