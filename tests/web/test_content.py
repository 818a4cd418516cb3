"""Copies and files, from an application's request to the mail that arrives, octet for octet."""

import asyncio
import base64
import random
import smtplib
import sqlite3
from email import message_from_bytes, policy
from email.message import EmailMessage

import pytest

from .conftest import READY_SECONDS, Up

PDF = b"%PDF-1.7\r\n\n\r\0\xff--=_x\n" + random.Random(7).randbytes(300_000)
PNG = b"\x89PNG\r\n\x1a\n" + bytes(range(256))
OTHER = {"mandrill": "postmark", "postmark": "mandrill"}
HTML = '<p>Look: <img src="cid:logo@example.com"></p>'


def encoded(content: bytes) -> str:
    return base64.b64encode(content).decode()


async def caught(up: Up, *recipients: str) -> dict[str, EmailMessage]:
    """What arrived for each of them, once something did."""
    async with asyncio.timeout(READY_SECONDS):
        while True:
            with sqlite3.connect(f"file:{up.home}/mailkeep.db?mode=ro", uri=True) as database:
                rows = dict(database.execute("SELECT recipient, raw FROM caught_mail"))
            if set(recipients) <= set(rows):
                return {
                    to: message_from_bytes(bytes(rows[to]), policy=policy.default)
                    for to in recipients
                }
            await asyncio.sleep(0.1)


def files(mail: EmailMessage) -> dict[str, tuple[str, bytes]]:
    """Type and octets of every part that has a name."""
    return {
        part.get_filename(): (part.get_content_type(), part.get_payload(decode=True))
        for part in mail.walk()
        if part.get_filename() and not part.is_multipart()
    }


def people(mail: EmailMessage, field: str) -> list[tuple[str, str]]:
    header = mail[field]
    return [] if header is None else [(a.addr_spec, a.display_name) for a in header.addresses]


@pytest.mark.parametrize("provider", ["mandrill", "postmark"])
@pytest.mark.parametrize("inline", [True, False])
async def test_what_an_application_sends_arrives_whole(up: Up, provider: str, inline: bool) -> None:
    await up.fault(OTHER[provider], suspend=True)
    picture = {"filename": "logo.png", "content": encoded(PNG), "content_type": "image/png"}
    sent = await up.send(
        to=[{"email": "ada@example.net", "name": "Ada, Countess"}, "bob@example.net"],
        cc="cleo@example.net",
        bcc=[{"email": "dora@example.net"}],
        reply_to={"email": "help@example.com", "name": "Help"},
        html=HTML,
        attachments=[
            {"filename": "Rechnung für März.pdf", "content": encoded(PDF)},
            picture | ({"content_id": "logo@example.com"} if inline else {}),
        ],
    )
    assert sent["http"] == 202, sent
    life = await up.until(sent["id"], "delivered")
    assert life["attempts"][-1]["provider"] == provider
    names = [f"{one}@example.net" for one in ("ada", "bob", "cleo", "dora")]
    for mail in (await caught(up, *names)).values():
        assert people(mail, "To") == [("ada@example.net", "Ada, Countess"), ("bob@example.net", "")]
        assert people(mail, "Cc") == [("cleo@example.net", "")]
        assert mail["Bcc"] is None
        assert people(mail, "Reply-To") == [("help@example.com", "Help")]
        assert files(mail) == {
            "Rechnung für März.pdf": ("application/octet-stream", PDF),
            "logo.png": ("image/png", PNG),
        }
        shown = [part for part in mail.walk() if part["Content-ID"]]
        assert [part["Content-ID"] for part in shown] == ["<logo@example.com>"] * inline
        assert mail.get_body(("plain",)).get_content().strip() == "words"
        assert mail.get_body(("html",)).get_content().strip() == HTML


@pytest.mark.parametrize("provider", ["mandrill", "postmark"])
async def test_what_is_submitted_arrives_whole(up: Up, provider: str) -> None:
    await up.fault(OTHER[provider], suspend=True)
    message = EmailMessage(policy=policy.SMTP)
    message["From"] = "us@example.com"
    message["To"] = "Ada <ada@example.net>, Bob <bob@example.net>"
    message["Cc"] = "Cleo <cleo@elsewhere.example>"
    message["Subject"] = "Minutes"
    message.set_content("words\n")
    message.add_alternative(HTML, subtype="html")
    message.get_payload()[1].add_related(
        PNG, "image", "png", cid="<logo@example.com>", filename="logo.png"
    )
    message.add_attachment(PDF, maintype="application", subtype="pdf", filename="März.pdf")
    inner = EmailMessage(policy=policy.SMTP)
    inner["Subject"] = "The first word"
    inner.set_content("from before\n")
    message.add_attachment(inner)

    def submit() -> str:
        with smtplib.SMTP("127.0.0.1", up.smtp, timeout=20) as client:
            client.login("anyone", up.key)
            client.mail("us@example.com")
            for to in ("ada@example.net", "dora@example.net"):
                client.rcpt(to)
            return client.data(message.as_bytes())[1].decode()

    ids = (await asyncio.to_thread(submit)).split()[1:]
    assert len(ids) == 2
    for one in ids:
        assert (await up.until(one, "delivered"))["attempts"][-1]["provider"] == provider
    found = await caught(up, "ada@example.net", "dora@example.net")
    for to, mail in found.items():
        expected = {"logo.png": ("image/png", PNG), "März.pdf": ("application/pdf", PDF)}
        assert expected.items() <= files(mail).items()
        (forwarded,) = [part for part in mail.walk() if part.get_content_type() == "message/rfc822"]
        assert forwarded.get_content()["Subject"] == "The first word"
        assert forwarded.get_content().get_content().strip() == "from before"
        if provider == "mandrill":
            assert people(mail, "To") == [("ada@example.net", "Ada"), ("bob@example.net", "Bob")]
            assert people(mail, "Cc") == [("cleo@elsewhere.example", "Cleo")]
        else:  # its API shows those only who get the mail
            assert [email for email, _ in people(mail, "To")] == [to]
            assert mail["Cc"] is None


async def test_what_one_provider_cannot_carry_goes_through_the_other(up: Up) -> None:
    big = random.Random(8).randbytes(9 * 1024 * 1024)
    for name, content in (("big.bin2", big), ("setup.exe", b"MZ")):
        for _ in range(3):
            sent = await up.send(attachments=[{"filename": name, "content": encoded(content)}])
            life = await up.until(sent["id"], "delivered")
            assert [one["provider"] for one in life["attempts"]] == ["mandrill"]


async def test_each_problem_names_its_field(up: Up) -> None:
    good = {"filename": "a.txt", "content": encoded(b"a")}
    cases: list[tuple[dict[str, object], str]] = [
        ({"to": []}, "to"),
        ({"to": ["ada@example.net", "nobody"]}, "to[1]"),
        ({"to": ["nobody", "ada@example.net"]}, "to[0]"),
        ({"cc": ["bob@example.net", "ada@exa\r\nBcc: e@example.org"]}, "cc[1]"),
        ({"bcc": {"email": "b@example.net", "name": "B\r\nX: 1"}}, "bcc[0]"),
        ({"cc": [f"u{n}@example.net" for n in range(50)]}, "cc"),
        ({"reply_to": {"email": "x", "name": ""}}, "reply_to"),
        ({"attachments": [good, good | {"filename": "../a"}]}, "attachments[1].filename"),
        ({"attachments": [good | {"filename": "a\u202efdp.exe"}]}, "attachments[0].filename"),
        ({"attachments": [good | {"content_type": "text"}]}, "attachments[0].content_type"),
        (
            {"attachments": [good | {"content_type": "a/b\r\nBcc: e@x.y"}]},
            "attachments[0].content_type",
        ),
        ({"attachments": [good | {"content_id": "a b"}]}, "attachments[0].content_id"),
        ({"attachments": [good | {"content": "%%%"}]}, "attachments[0].content"),
        ({"attachments": [good | {"path": "/etc/passwd"}]}, "attachments[0].path"),
        ({"stream": "recovery", "cc": "bob@example.net"}, "cc"),
        ({"stream": "recovery", "to": ["a@example.net", "b@example.net"]}, "to[1]"),
        (
            {"stream": "recovery", "attachments": [good | {"content": encoded(bytes(200_000))}]},
            "attachments",
        ),
        ({"attachments": [good | {"content": encoded(bytes(26 << 20))}]}, "attachments"),
        ({"send_at": "2199-01-01T00:00:00Z"}, "send_at"),
        (
            {"send_at": "2030-01-02T00:00:00Z", "expires_at": "2030-01-01T00:00:00Z"},
            "send_at",
        ),
    ]
    for fields, field in cases:
        answer = await up.send(**fields)
        assert (answer["http"], answer.get("field")) == (422, field), (field, answer)
    with sqlite3.connect(f"file:{up.home}/mailkeep.db?mode=ro", uri=True) as database:
        (count,) = database.execute("SELECT count(*) FROM messages WHERE NOT ours").fetchone()
    assert count == 0
