"""The development mailbox over HTTP: list, search, views, downloads, hostile mail, clearing."""

import re
import sqlite3
from email.message import EmailMessage

import pytest

from .conftest import Up
from .mailbox import deliver, listed, page

SCRIPT = "<script>document.title='run'</script>"

HOSTILE = {
    "script": f"Subject: {SCRIPT}\r\nFrom: {SCRIPT}\r\nContent-Type: text/html\r\n\r\n{SCRIPT}",
    "headers": f'Subject: h\r\nX-"><b>: "><img src=x onerror=1>\r\nTo: {SCRIPT}\r\n\r\n{SCRIPT}',
    "broken": "Content-Type: multipart/mixed; boundary\r\n\r\n--",
    "nested": "".join(
        f"Content-Type: multipart/mixed; boundary=b{n}\r\n\r\n--b{n}\r\n" for n in range(500)
    ),
    "forwarded": "Content-Type: message/rfc822\r\n\r\n" * 50 + "Subject: inner\r\n\r\nhi",
    "charset": "Content-Type: text/html; charset=punycode\r\n\r\n<p>words",
    "unknown": "Subject: =?x-none?q?=ff?=\r\nContent-Type: text/plain; charset=x-none\r\n\r\nw",
    "empty": "\r\n",
}


async def test_a_mail_has_every_view_and_hostile_ones_change_nothing(up: Up) -> None:
    for number, raw in enumerate(HOSTILE.values()):
        await deliver(up, raw.encode(), f"h{number}@example.net")
    mails = await listed(up, count=len(HOSTILE))
    assert SCRIPT not in await page(up, "/mailbox")
    for mail in mails:
        for part in (
            "",
            "?part=html",
            "?part=text",
            "?part=headers",
            "?part=source",
            "?part=files",
        ):
            shown = await page(up, mail + part)
            assert SCRIPT not in shown
            assert "<b>" not in shown
            assert "onerror=1>" not in shown
        await page(up, f"{mail}/html")


async def test_what_a_mail_holds_may_do_nothing_when_it_is_opened(up: Up) -> None:
    mail = EmailMessage()
    mail["Subject"] = "files"
    mail.set_content("<b>text</b>")
    mail.add_alternative("<link rel=preconnect href=//e.example><p>hi", subtype="html")
    mail.add_attachment(b"<script>", maintype="text", subtype="html", filename='../a"\u202eb.html')
    await deliver(up, mail.as_bytes())
    (path,) = await listed(up)
    wanted = {"html": "sandbox allow-popups", "source": "sandbox;", "files/1": "sandbox;"}
    for name, policy in {**wanted, "download": "sandbox;"}.items():
        async with up.session.get(f"{up.url}{path}/{name}") as reply:
            said = reply.headers["Content-Security-Policy"]
            assert said.startswith(policy)
            assert "default-src 'none'" in said
            assert "script" not in said.replace("sandbox", "")
            assert reply.headers["X-Content-Type-Options"] == "nosniff"
            body = await reply.read()
            if name in {"files/1", "download"}:
                assert reply.headers["Content-Type"] == "application/octet-stream"
                assert reply.headers["Content-Disposition"].startswith("attachment;")
            if name == "files/1":
                assert body == b"<script>"
                assert re.search(r'filename="[\w.]+\.html"$', reply.headers["Content-Disposition"])
            if name == "html":
                assert b"<link" not in body
    for missing in ("files/2", "files/0"):
        async with up.session.get(f"{up.url}{path}/{missing}") as reply:
            assert reply.status == 404
    async with up.session.get(f"{up.url}/mailbox/cm_nobody") as reply:
        assert reply.status == 404
        assert "no such mail" in await reply.text()


async def test_a_mail_tells_how_it_came_and_a_stranger_is_named(up: Up) -> None:
    await up.fault("mandrill", suspend=True)
    sent = [await up.send(to=f"u{n}@example.net", stream="recovery") for n in range(4)]
    for one in sent:
        await up.until(one["id"], "delivered")
    await deliver(up, b"From: us@example.com\r\nSubject: stranger\r\n\r\nhttps://evil.example/x")
    mails = await listed(up, "to:u", 4)
    lives = [await page(up, mail) for mail in mails]
    for shown in lives:
        assert "stream recovery" in shown
        assert "secret stream" in shown
        assert "postmark" in shown
    rerouted = next(one for one in lives if "suspended" in one)
    message = re.findall(r"/mailbox/messages/(msg_\w+)", rerouted)[0]
    life = await page(up, f"/mailbox/messages/{message}")
    assert life.index("ours to deliver") < life.index("suspended") < life.index("from mandrill to")
    assert re.search(r"/mailbox/cm_\w+", life)
    (strange,) = await listed(up, "is:unknown")
    shown = await page(up, strange)
    assert "Mailkeep knows no message" in shown
    assert "another host than the sender" in shown
    assert "evil.example" in shown


async def test_a_thousand_mails_are_paged_and_searched(up: Up) -> None:
    raw = "From: us@example.com\r\nSubject: mail {n}\r\n\r\n" + "words of the body " * 200
    with sqlite3.connect(up.home / "mailkeep.db", timeout=30) as database:
        database.executemany(
            "INSERT INTO caught_mail VALUES (?, ?, ?, ?)",
            [
                (f"cm_{n:026}", n * 1_000_000, f"user{n}@example.net", f"{raw}{n}.".encode())
                for n in range(1000)
            ],
        )
    first = await page(up, "/mailbox")
    assert "Page 1 of 20" in first
    assert "user999@" in first
    last = await page(up, "/mailbox?page=20")
    assert "user0@" in last
    assert "Older" not in last
    assert "Page 20 of 20" in await page(up, "/mailbox?page=99")
    for query, hits in (("body 777.", 1), ("to:user1@", 1), ("words -mail", 0), ("from:us@", 50)):
        shown = await page(up, f"/mailbox?q={query}")
        assert len(re.findall(r'href="/mailbox/cm_\w+"', shown)) == hits, query
    assert "?q=from%3Aus%40&amp;page=2" in shown


async def test_clearing_is_asked_and_takes_what_was_found(up: Up) -> None:
    for name in ("ada", "ada", "grace"):
        await deliver(up, b"Subject: s\r\n\r\nx", f"{name}@example.net")
    await listed(up, count=3)
    asked = await page(up, "/mailbox/clear?q=to:ada")
    assert "Delete 2 mails" in asked
    assert len(await listed(up, count=3)) == 3  # asking deletes nothing
    newest = re.findall(r'name="newest" value="(\w+)"', asked)[0]
    await deliver(up, b"Subject: later\r\n\r\nx")
    await listed(up, count=4)
    form = {"q": "to:ada", "newest": newest}
    evil = {"Origin": "https://evil.example"}
    for headers in (evil, {"Sec-Fetch-Site": "cross-site"}):
        async with up.session.post(f"{up.url}/mailbox/clear", data=form, headers=headers) as reply:
            assert reply.status == 403
    async with up.session.post(f"{up.url}/mailbox/clear", data=form) as reply:
        assert reply.status == 200
    left = await page(up, "/mailbox")
    assert re.findall(r"to (\w+)@example.net", left) == ["ada", "grace"]
    assert "later" in left


@pytest.mark.parametrize("path", ["", "/clear", "/send"])
async def test_faults_are_switched_from_our_own_page_only(up: Up, path: str) -> None:
    form = {"standin": "mandrill", "fault": "leak", "do": "on", "choice": "on", "count": "1"}
    url = f"{up.url}/mailbox/faults{path}"
    for headers in ({"Origin": "https://evil.example"}, {"Sec-Fetch-Site": "same-site"}):
        async with up.session.post(url, data=form, headers=headers) as reply:
            assert reply.status == 403
    async with up.session.post(url, data=form, headers={"Host": "evil.example"}) as reply:
        assert reply.status == 400
    assert "no fault" in await page(up, "/mailbox/faults")


async def test_a_fault_that_does_not_exist_is_an_error_in_words(up: Up) -> None:
    good = {"standin": "mandrill", "fault": "slow", "do": "on", "choice": "3 seconds"}
    bad = [
        ("standin", "sendgrid", 404),
        ("fault", "x", 404),
        ("choice", "x", 422),
        ("do", "x", 422),
    ]
    for name, value, status in bad:
        async with up.session.post(f"{up.url}/mailbox/faults", data=good | {name: value}) as reply:
            assert reply.status == status, name
            assert "That did not work" in await reply.text()
    for form in ({"stream": "alert", "count": "7"}, {"stream": "nowhere", "count": "1"}):
        async with up.session.post(f"{up.url}/mailbox/faults/send", data=form) as reply:
            assert reply.status == 422
    async with up.session.post(f"{up.url}/mailbox/faults", data=good) as reply:
        assert "mandrill</strong>: slow (3 seconds) since" in await reply.text()
    assert "slow (3 seconds) since" in await page(up, "/mailbox")
