"""Sessions as real clients hold them: TLS, signing in, streams, what is stored and what is said."""

import asyncio
import os
import smtplib
import ssl
from email.message import EmailMessage

import aiosmtplib
import msgspec
import pytest

from mailkeep.base.errors import Unavailable
from mailkeep.mail import api_keys
from mailkeep.smtp import tls

from .conftest import Connect, House, Pair, sign_in

MAIL = (
    b"From: Example <us@example.com>\r\nTo: ada@example.net\r\nSubject: Hello\r\n"
    b"Bcc: eve@example.org\r\nReturn-Path: <x@example.org>\r\n\r\nwords\r\n"
)


def _mail(**headers: str) -> EmailMessage:
    message = EmailMessage()
    message["From"] = "Example <us@example.com>"
    message["To"] = "ada@example.net"
    message["Subject"] = "Grüße"
    for name, value in headers.items():
        message[name.replace("_", "-")] = value
    message.set_content("Schöne Grüße\n.\n..\n")
    return message


async def test_smtplib_signs_in_after_starttls(house: House, pair: Pair) -> None:
    key = await house.key()
    context = ssl.create_default_context(cafile=pair.certificate)

    def session(port: int) -> None:
        with smtplib.SMTP("127.0.0.1", port, timeout=20) as client:
            client.ehlo()
            assert client.has_extn("starttls")
            client.starttls(context=context)
            client.ehlo()
            assert not client.has_extn("starttls")
            for extension in ("pipelining", "enhancedstatuscodes", "8bitmime", "smtputf8"):
                assert client.has_extn(extension)
            assert not client.has_extn("chunking")
            assert client.esmtp_features["size"] == "37748736"
            client.login("anyone", key)
            client.send_message(_mail())
            # Its octets go out with lone LFs: they are lines of text.
            client.sendmail("us@example.com", ["bob@example.net"], _mail().as_bytes())

    async with house.open(**pair.settings()) as running:
        await asyncio.to_thread(session, running.ports[0])
    stored = await house.stored()
    assert sorted(one.to for _, one in stored) == ["ada@example.net", "bob@example.net"]
    # (The client adds a line of its own to octets that do not end in CRLF.)
    assert {(one.text or "").rstrip() for _, one in stored} == {"Schöne Grüße\n.\n.."}
    assert {content.subject for _, content in stored} == {"Grüße"}
    assert house.woken == ["due alert", "due alert"]


@pytest.mark.parametrize("method", ["auth_login", "auth_plain"])
async def test_aiosmtplib_over_tls_from_the_first_octet(
    house: House, pair: Pair, method: str
) -> None:
    key = await house.key()
    context = ssl.create_default_context(cafile=pair.certificate)
    async with house.open(listen=(), tls_listen="127.0.0.1:0", **pair.settings()) as running:
        client = aiosmtplib.SMTP(
            hostname="127.0.0.1", port=running.ports[0], use_tls=True, tls_context=context
        )
        async with client:
            await client.ehlo()
            assert not client.supports_extension("starttls")
            assert (await getattr(client, method)("anyone", key)).code == 235
            await client.send_message(_mail())
    assert len(await house.stored()) == 1


async def test_a_new_certificate_is_served_without_a_restart(
    house: House, pair: Pair, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tls, "LOOK_SECONDS", 0.0)

    async def served(port: int) -> bytes | None:
        context = ssl.create_default_context()
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        _, writer = await asyncio.open_connection("127.0.0.1", port, ssl=context)
        found = writer.get_extra_info("ssl_object").getpeercert(binary_form=True)
        writer.close()
        await writer.wait_closed()
        return found if found is None else bytes(found)

    async with house.open(listen=(), tls_listen="127.0.0.1:0", **pair.settings()) as running:
        first = await served(running.ports[0])
        chain = pair.certificate.read_bytes()
        pair.make()
        new = pair.certificate.read_bytes()
        # Half of it is there: the old one goes on.
        pair.certificate.write_bytes(chain)
        os.utime(pair.certificate, (1, 1))
        assert await served(running.ports[0]) == first
        pair.certificate.write_bytes(new)
        assert await served(running.ports[0]) == ssl.PEM_cert_to_DER_cert(new.decode()) != first


async def test_what_follows_starttls_in_clear_is_never_obeyed(
    house: House, pair: Pair, connect: Connect
) -> None:
    """CVE-2011-0411, CVE-2021-33515: commands of whoever sits between, run in the session."""
    key = await house.key()
    async with house.open(**pair.settings()) as running:
        client = await connect(running.ports[0])
        await client.reply()
        await client.ask("EHLO test")
        await client.say(b"STARTTLS\r\nEHLO injected\r\n" + sign_in(key).encode())
        assert (await client.reply()).startswith("554 5.5.1")
        assert await client.gone() == b""


async def test_starttls_forgets_what_was_said_before(
    house: House, pair: Pair, connect: Connect
) -> None:
    key = await house.key()
    async with house.open(**pair.settings()) as running:
        client = await connect(running.ports[0], key)
        assert (await client.ask("MAIL FROM:<us@example.com>")).startswith("250 2.0.0")
        assert (await client.ask("STARTTLS")).startswith("220 2.0.0")
        context = ssl.create_default_context(cafile=pair.certificate)
        await client.writer.start_tls(context, server_hostname="localhost")
        assert (await client.ask("MAIL FROM:<us@example.com>")).startswith("503 5.5.1")
        await client.ask("EHLO again")
        assert (await client.ask("MAIL FROM:<us@example.com>")).startswith("530 5.7.0")
        assert (await client.ask("STARTTLS")).startswith("503 5.5.1")
        assert (await client.ask(sign_in(key))).startswith("235 2.7.0")
        assert (await client.send(MAIL)).startswith("250 2.0.0 msg_")


async def test_a_failed_handshake_leaves_nothing_behind(
    house: House, pair: Pair, connect: Connect
) -> None:
    async with house.open(per_network=1, **pair.settings()) as running:
        for _ in range(3):
            client = await connect(running.ports[0])
            assert (await client.reply()).startswith("220 "), "the one before still counts"
            await client.ask("EHLO test")
            assert (await client.ask("STARTTLS")).startswith("220 ")
            await client.say("this is no handshake")
            await client.gone()
            client.writer.close()


async def test_keys_do_not_cross_a_network_in_clear(
    house: House, connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    key = await house.key()
    monkeypatch.setattr("mailkeep.smtp.connection.is_loopback", lambda _host: False)
    async with house.open() as running:
        client = await connect(running.ports[0])
        await client.reply()
        assert "AUTH" not in await client.ask("EHLO test")
        assert (await client.ask(sign_in(key))).startswith("538 5.7.11")
    async with house.open(cleartext="accepted") as running:
        client = await connect(running.ports[0], key)
        monkeypatch.setattr("mailkeep.smtp.connection.is_private", lambda _host: False)
        client = await connect(running.ports[0])
        await client.reply()
        assert "AUTH" not in await client.ask("EHLO test")


async def test_the_stream_of_a_message(house: House, connect: Connect) -> None:
    every, one, two = await house.key(), await house.key("bulk"), await house.key("bulk", "billing")
    named = b"X-Mailkeep-Stream: billing\r\n" + MAIL
    async with house.open() as running:
        for key, data, answer in (
            (every, MAIL, "250 2.0.0 msg_"),
            (every, named, "250 2.0.0 msg_"),
            (one, MAIL, "250 2.0.0 msg_"),
            (two, named, "250 2.0.0 msg_"),
            (two, MAIL, "550 5.7.1 this key may not use that stream"),
            (one, named, "550 5.7.1 this key may not use that stream"),
        ):
            client = await connect(running.ports[0], key)
            assert (await client.send(data)).startswith(answer)
    streams = sorted(stream for stream, _ in await house.stored())
    assert streams == ["alert", "billing", "billing", "bulk"]


async def test_hidden_recipients_and_traces_are_left_behind(house: House, connect: Connect) -> None:
    key = await house.key()
    async with house.open() as running:
        client = await connect(running.ports[0], key)
        assert (await client.send(MAIL)).startswith("250 2.0.0 msg_")
    ((_, content),) = await house.stored()
    assert content.headers == ()
    assert "eve@" not in repr(msgspec.to_builtins(content))


async def test_a_message_that_is_sent_again_is_stored_once(house: House, connect: Connect) -> None:
    key, other = await house.key(), await house.key()
    keyed = b"X-Mailkeep-Idempotency-Key: order-7\r\n" + MAIL
    async with house.open() as running:
        client = await connect(running.ports[0], key)
        first = await client.send(keyed, "ada@example.net", "bob@example.net")
        assert first.startswith("250 2.0.0 msg_")
        # Another try says its date anew, and hears the same ids.
        again = b"Date: Mon, 1 Jan 2029 00:00:00 +0000\r\nMessage-ID: <x@y.example>\r\n" + keyed
        assert await client.send(again, "ada@example.net", "bob@example.net") == first
        # Whoever it did not reach yet gets it.
        assert await client.send(keyed, "carl@example.net") != first
        changed = await client.send(keyed.replace(b"words", b"other words"))
        assert changed.startswith("550 5.6.0 this idempotency key was used for another message")
        for bad in (b"", b"x" * 256, "é".encode(), b"a\r\n b", b"a\r\n" + keyed[:34]):
            refused = await client.send(b"X-Mailkeep-Idempotency-Key: " + bad + b"\r\n" + MAIL)
            assert refused.startswith("550 5.6.0"), bad
            assert "X-Mailkeep-Idempotency-Key" in refused
        stranger = await connect(running.ports[0], other)
        assert (await stranger.send(keyed)) not in {first, changed}
    assert len(await house.stored()) == 4


async def test_all_recipients_or_none(house: House, connect: Connect) -> None:
    key = await house.key()
    keyed = b"X-Mailkeep-Idempotency-Key: k\r\n" + MAIL
    async with house.open() as running:
        client = await connect(running.ports[0], key)
        await client.send(keyed, "bob@example.net")
        other = keyed.replace(b"words", b"other words")
        # The second one is refused: of the first one nothing stays.
        assert (await client.send(other, "ada@example.net", "bob@example.net")).startswith("550 ")
    assert [content.to for _, content in await house.stored()] == ["bob@example.net"]


async def test_a_revoked_key_stores_nothing_more(house: House, connect: Connect) -> None:
    key = await house.key()
    async with house.open() as running:
        client = await connect(running.ports[0], key)
        assert (await client.send(MAIL)).startswith("250 ")
        async with house.database.write() as tx:
            await api_keys.revoke(tx, "test", by="test")
        assert (await client.send(MAIL)).startswith("421 4.7.0")
        assert await client.gone() == b""
    assert len(await house.stored()) == 1


async def test_what_cannot_be_stored_now_is_asked_for_again(
    house: House, connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    key = await house.key()

    async def full(*_args: object, **_more: object) -> None:
        raise Unavailable("the database cannot take this now")

    async with house.open() as running:
        client = await connect(running.ports[0], key)
        with monkeypatch.context() as patch:
            patch.setattr(house.shared, "each", full)
            assert (await client.send(MAIL)).startswith("452 4.3.1")
        assert (await client.send(MAIL)).startswith("250 ")
        monkeypatch.setattr(house.grants, "find", full)
        late = await connect(running.ports[0])
        await late.reply()
        await late.ask("EHLO test")
        assert (await late.ask(sign_in(key))).startswith("454 4.7.0")


async def test_names_in_every_script_and_addresses_in_one(house: House, connect: Connect) -> None:
    key = await house.key()
    raw = (
        "From: 山田 <us@example.com>\r\nSubject: Привет, 世界\r\nX-Note: ναί\r\n\r\nहाँ\r\n".encode()
    )
    async with house.open() as running:
        client = await connect(running.ports[0], key)
        for line in ("MAIL FROM:<ünser@example.com> SMTPUTF8", b"MAIL FROM:<\xff@example.com>"):
            assert (await client.ask(line)).startswith("553 5.6.7")
        assert (await client.ask("MAIL FROM:<us@example.com> SMTPUTF8 BODY=8BITMIME")).startswith(
            "250 "
        )
        for address in ("ádá@example.net", "ada@exämple.net"):
            assert (await client.ask(f"RCPT TO:<{address}>")).startswith("553 5.6.7")
        assert (await client.ask("RCPT TO:<ada@example.net>")).startswith("250 ")
        await client.ask("DATA")
        assert (await client.ask(raw + b".")).startswith("250 ")
        other = raw.replace(b"<us@", "<ünser@".encode())
        assert (await client.send(other)).startswith("550 5.1.7 not a mail address (from)")
        assert (await client.send(raw.replace("山".encode(), b"\xff"))).startswith("550 5.6.0")
    ((_, content),) = await house.stored()
    assert (content.sender_name, content.subject) == ("山田", "Привет, 世界")
    assert content.headers == (("X-Note", "ναί"),)
    assert content.text == "हाँ\n"


async def test_a_size_that_is_declared_is_refused_at_once(house: House, connect: Connect) -> None:
    key = await house.key()
    async with house.open(size=2000) as running:
        client = await connect(running.ports[0], key)
        assert (await client.ask("MAIL FROM:<us@example.com> SIZE=2001")).startswith("552 5.3.4")
        assert (await client.ask("MAIL FROM:<us@example.com> SIZE=2000")).startswith("250 ")
        await client.ask("RSET")
        assert (await client.send(MAIL + b"x" * 980 + b"\r\n" + b"y" * 980)).startswith("552 5.3.4")
        assert (await client.send(MAIL)).startswith("250 ")
