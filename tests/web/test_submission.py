"""SMTP submission with the standard library's client, as an application would."""

import asyncio
import smtplib
from email.message import EmailMessage

import pytest

from .conftest import Up


def _mail(**headers: str) -> EmailMessage:
    message = EmailMessage()
    message["From"] = "Example <us@example.com>"
    message["To"] = "ada@example.net"
    message["Subject"] = headers.pop("Subject", "By SMTP: grüße")
    for name, value in headers.items():
        message[name.replace("_", "-")] = value
    message.set_content("Schöne Grüße\n")
    message.add_alternative("<p>Schöne Grüße</p>", subtype="html")
    return message


def _submit(up: Up, message: EmailMessage, password: str, to: list[str]) -> str:
    with smtplib.SMTP("127.0.0.1", up.smtp, timeout=20) as client:
        client.login("anyone", password)
        client.mail("us@example.com")
        for recipient in to:
            client.rcpt(recipient)
        code, answer = client.data(message.as_bytes())
    return f"{code} {answer.decode()}"


async def test_mail_to_two_recipients_arrives_twice(up: Up) -> None:
    answer = await asyncio.to_thread(
        _submit, up, _mail(), up.key, ["ada@example.net", "bob@example.net"]
    )
    assert answer.startswith("250 ")
    for message in answer.split()[2:]:
        assert (await up.until(message, "delivered"))["stream"] == "alert"
    async with up.session.get(f"{up.url}/mailbox") as page:
        html = await page.text()
    assert html.count("By SMTP: grüße") == 2


async def test_the_stream_is_named_by_a_header(up: Up) -> None:
    answer = await asyncio.to_thread(
        _submit, up, _mail(X_Mailkeep_Stream="recovery"), up.key, ["ada@example.net"]
    )
    assert (await up.until(answer.split()[2], "delivered"))["stream"] == "recovery"


async def test_what_is_refused_and_why(up: Up) -> None:
    with pytest.raises(smtplib.SMTPAuthenticationError):
        await asyncio.to_thread(_submit, up, _mail(), "mk_guess", ["ada@example.net"])
    signed = _mail()
    signed.set_type("multipart/signed")
    for message, words in (
        (signed, "could not be delivered unchanged (multipart/signed)"),
        (_mail(X_Mailkeep_Stream="nosuch"), "no such stream"),
    ):
        answer = await asyncio.to_thread(_submit, up, message, up.key, ["ada@example.net"])
        assert answer.startswith("550 "), answer
        assert words in answer
    secret = _mail(X_Mailkeep_Stream="recovery")
    answer = await asyncio.to_thread(
        _submit, up, secret, up.key, ["ada@example.net", "bob@example.net"]
    )
    assert answer.startswith("550 ")
    assert "goes to one person only" in answer


async def test_nobody_sends_without_signing_in(up: Up) -> None:
    def attempt() -> int:
        with smtplib.SMTP("127.0.0.1", up.smtp, timeout=20) as client:
            client.ehlo()
            return client.mail("us@example.com")[0]

    assert await asyncio.to_thread(attempt) == 530
