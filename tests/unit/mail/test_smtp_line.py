"""One relay's connection, against relays that say their lines whatever comes."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Literal

import msgspec
import pytest

from mailkeep.base.secret import Secret
from mailkeep.mail import lane, leases, smtp_client
from mailkeep.mail.transport import Transport
from mailkeep.providers.smtp import Smtp
from mailkeep.providers.types import (
    OutcomeKind,
    Reply,
    SmtpReply,
    SmtpRequest,
    TransportFailure,
)

GREETING = b"220 relay ESMTP\r\n"
MANY_AT_ONCE = b"250-relay\r\n250 PIPELINING\r\n"
ONE_BY_ONE = b"250 relay\r\n"
OK, GO_ON = b"250 2.1.0 ok\r\n", b"354 go on\r\n"
WITH_TLS = b"250-relay\r\n250-AUTH PLAIN\r\n250 STARTTLS\r\n"
HANG_UP, SILENCE = b"", b"..."


class Relay:
    """Says ``lines`` in turn, one for each command and one for each mail.

    Attributes:
        heard: all that came, connection by connection.
        reads: how many commands came in one piece, each time that something came.
    """

    def __init__(
        self,
        lines: list[bytes],
        greeted: bytes,
        *,
        slowly: bool = False,
        greeting: bytes = GREETING,
    ) -> None:
        self._greeting = greeting
        self._lines = iter(lines)
        self._greeted = greeted
        self._slowly = slowly
        self.heard: list[bytearray] = []
        self.reads: list[int] = []
        self.writers: list[asyncio.StreamWriter] = []

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        heard = bytearray()
        self.heard.append(heard)
        self.writers.append(writer)
        writer.write(self._greeting)
        in_data, pending = False, b""
        while piece := await reader.read(2**20):
            heard += piece
            pending += piece
            if not in_data:
                self.reads.append(piece.count(b"\r\n"))
            while True:
                end = b"\r\n.\r\n" if in_data else b"\r\n"
                one, found, rest = pending.partition(end)
                if not found:
                    break
                pending = rest
                line = self._greeted if one.startswith(b"EHLO") else next(self._lines)
                if line == HANG_UP:
                    writer.close()
                    return
                if line == SILENCE:
                    continue
                in_data = line.startswith(b"354")
                for part in [line[i : i + 1] for i in range(len(line))] if self._slowly else [line]:
                    writer.write(part)
                    await asyncio.sleep(0)
        writer.close()


@contextlib.asynccontextmanager
async def talking(relay: Relay) -> AsyncIterator[tuple[Transport, int]]:
    server = await asyncio.start_server(relay.serve, "127.0.0.1", 0)
    transport = Transport()
    try:
        yield transport, server.sockets[0].getsockname()[1]
    finally:
        transport.close()
        server.close()
        for writer in relay.writers:
            writer.close()
            with contextlib.suppress(OSError):
                await writer.wait_closed()


def mail(port: int, data: bytes = b"Subject: x\r\n\r\nx\r\n", *also: str) -> SmtpRequest:
    return SmtpRequest(
        "127.0.0.1", port, "none", None, None, "a@example.com", "b@example.net", data, also
    )


@pytest.mark.parametrize("tls", ["starttls", "implicit"])
async def test_a_relay_that_speaks_in_clear_only_gets_nothing(
    tls: Literal["starttls", "implicit"],
) -> None:
    relay = Relay([OK], ONE_BY_ONE)
    async with talking(relay) as (transport, port):
        reply = await transport.carry(msgspec.structs.replace(mail(port), tls=tls))
    assert reply == TransportFailure("tls")
    assert b"MAIL FROM" not in b"".join(relay.heard)


@pytest.mark.parametrize("tls", ["starttls", "none"])
@pytest.mark.parametrize(
    ("greeting", "greeted", "lines"),
    [
        (b"250 2.0.0 well done\r\n", WITH_TLS, []),
        (b"HTTP/1.1 400 Bad Request\r\n", WITH_TLS, []),
        (b"-1 what\r\n", WITH_TLS, []),
        (GREETING, b"299 what\r\n", [b"299 what\r\n"]),
        (GREETING, WITH_TLS, [b"250 2.0.0 well done\r\n"]),  # to STARTTLS, or to AUTH
        (GREETING, WITH_TLS, [b"354 go on\r\n"]),
        (GREETING, WITH_TLS, [b"221 2.0.0 goodbye\r\n"]),
    ],
)
async def test_no_word_from_before_the_mail_is_one_about_it(
    tls: Literal["starttls", "none"], greeting: bytes, greeted: bytes, lines: list[bytes]
) -> None:
    """Whoever is in the way, with neither certificate nor key, said that a mail was taken which
    nobody had been handed; and a secret of which nobody knows is never tried elsewhere."""
    relay = Relay(lines, greeted, greeting=greeting)
    async with talking(relay) as (transport, port):
        signing = msgspec.structs.replace(mail(port), tls=tls, username="u", password=Secret("p"))
        reply = await transport.carry(signing)
    assert reply == TransportFailure("connect")
    assert Smtp().read(reply, ("b@example.net",)).kind is OutcomeKind.UNAVAILABLE
    assert b"Subject" not in b"".join(relay.heard)


@pytest.mark.parametrize(
    ("said", "tls", "kind"),
    [
        (b"550 5.1.1 no such user\r\n", "starttls", OutcomeKind.UNAVAILABLE),
        (b"525 5.7.13 account disabled\r\n", "starttls", OutcomeKind.UNAVAILABLE),
        (b"421 4.7.0 too many connections\r\n", "starttls", OutcomeKind.THROTTLED),
        (b"550 5.1.1 no such user\r\n", "none", OutcomeKind.UNAVAILABLE),
        (b"550 5.7.1 refused by policy\r\n", "none", OutcomeKind.UNAVAILABLE),
        (b"451 4.3.0 not now\r\n", "none", OutcomeKind.UNAVAILABLE),
        (b"525 5.7.13 account disabled\r\n", "none", OutcomeKind.SUSPENDED),
    ],
)
async def test_a_refusal_from_before_the_mail_ends_no_mail(
    said: bytes, tls: Literal["starttls", "none"], kind: OutcomeKind
) -> None:
    """And of our account there it counts once it is known who says so."""
    relay = Relay([], ONE_BY_ONE, greeting=said)
    async with talking(relay) as (transport, port):
        reply = await transport.carry(msgspec.structs.replace(mail(port), tls=tls))
    assert Smtp().read(reply, ("b@example.net",)).kind is kind


@pytest.mark.parametrize(
    ("said", "kind"),
    [
        (b"535 5.7.8 no\r\n", OutcomeKind.UNAUTHORISED),
        (b"550 5.1.1 no such user\r\n", OutcomeKind.UNAVAILABLE),
        (b"454 4.7.0 not now\r\n", OutcomeKind.UNAVAILABLE),
    ],
)
async def test_a_refused_sign_in_ends_no_mail(said: bytes, kind: OutcomeKind) -> None:
    relay = Relay([said, said], b"250-relay\r\n250 AUTH PLAIN\r\n")
    async with talking(relay) as (transport, port):
        signing = msgspec.structs.replace(mail(port), username="u", password=Secret("p"))
        reply = await transport.carry(signing)
    assert Smtp().read(reply, ("b@example.net",)).kind is kind


async def carried(relay: Relay, times: int = 1, *also: str) -> list[Reply]:
    async with talking(relay) as (transport, port):
        return [
            await transport.carry(mail(port, b"Subject: x\r\n\r\nx\r\n", *also))
            for _ in range(times)
        ]


@pytest.mark.parametrize("slowly", [False, True])
async def test_what_may_go_together_does(slowly: bool) -> None:
    relay = Relay([OK, OK, GO_ON, b"250-2.0.0 well\r\n250 done\r\n"], MANY_AT_ONCE, slowly=slowly)
    assert await carried(relay) == [SmtpReply(250, "2.0.0", "well\ndone")]
    assert relay.reads == [1, 3]


async def test_what_may_not_goes_one_by_one() -> None:
    relay = Relay([OK, OK, GO_ON, OK], ONE_BY_ONE)
    (reply,) = await carried(relay)
    assert isinstance(reply, SmtpReply)
    assert reply.code == 250
    assert relay.reads == [1, 1, 1, 1]


@pytest.mark.parametrize(
    ("lines", "code"),
    [
        ([b"451 4.3.0 no\r\n", b"503 5.5.1 no\r\n", b"503 5.5.1 no\r\n"], 451),
        ([OK, b"550 5.1.1 no\r\n", b"554 5.5.1 no\r\n"], 550),
        ([OK, OK, b"452 4.3.1 no\r\n"], 452),
        ([OK, OK, GO_ON, b"552 5.3.4 no\r\n"], 552),
    ],
)
async def test_after_a_refusal_the_line_serves_again(lines: list[bytes], code: int) -> None:
    """It is the first refusal that says why; those that follow are of its making."""
    relay = Relay([*lines, OK, OK, OK, GO_ON, OK], MANY_AT_ONCE)
    first, second = await carried(relay, 2)
    assert isinstance(first, SmtpReply)
    assert isinstance(second, SmtpReply)
    assert (first.code, second.code) == (code, 250)
    assert len(relay.heard) == 1
    assert relay.heard[0].count(b"RSET") == 1


async def test_a_mail_whose_recipient_was_refused_is_never_written() -> None:
    """RFC 2920 section 3.1: a relay may wait for the mail all the same."""
    relay = Relay([OK, b"550 5.1.1 no\r\n", GO_ON], MANY_AT_ONCE)
    assert await carried(relay) == [SmtpReply(550, "5.1.1", "no")]
    assert b"Subject" not in relay.heard[0]


async def test_copies_are_named_one_by_one() -> None:
    """All at once, the relay would wait for a mail that only those who get copies may have."""
    relay = Relay([OK, b"550 5.1.1 no\r\n", OK], MANY_AT_ONCE)
    assert await carried(relay, 1, "c@example.net") == [SmtpReply(550, "5.1.1", "no")]
    assert b"c@example.net" not in relay.heard[0]


async def test_who_says_goodbye_is_heard() -> None:
    relay = Relay([b"421 4.3.2 going down\r\n", HANG_UP], MANY_AT_ONCE)
    assert await carried(relay) == [SmtpReply(421, "4.3.2", "going down")]


@pytest.mark.parametrize(
    ("lines", "kind"),
    [
        ([HANG_UP], "connect"),
        ([OK, OK, HANG_UP], "connect"),
        ([OK, OK, GO_ON, HANG_UP], "reset_after_send"),
    ],
)
async def test_where_it_breaks_is_told(lines: list[bytes], kind: str) -> None:
    """Before the mail nothing was lost; after it nobody knows."""
    assert await carried(Relay(lines, MANY_AT_ONCE)) == [TransportFailure(kind)]


async def test_a_kept_line_that_was_hung_up_costs_no_mail() -> None:
    relay = Relay([OK, OK, GO_ON, OK, HANG_UP, OK, OK, GO_ON, OK], MANY_AT_ONCE)
    first, second = await carried(relay, 2)
    assert isinstance(first, SmtpReply)
    assert isinstance(second, SmtpReply)
    assert (first.code, second.code) == (250, 250)
    assert len(relay.heard) == 2


@pytest.mark.parametrize("greeted", [MANY_AT_ONCE, ONE_BY_ONE])
@pytest.mark.parametrize("answer", [OK, b"251 ok\r\n", b"221 bye\r\n", b"hello\r\n"])
async def test_who_answers_out_of_step_has_not_taken_the_mail(
    answer: bytes, greeted: bytes
) -> None:
    """Each of its answers belongs to the command before: a 250 to DATA was the recipient's."""
    relay = Relay([OK, OK, answer], greeted)
    assert await carried(relay) == [TransportFailure("connect")]


async def test_an_answer_too_many_costs_no_mail() -> None:
    """It comes once the next mail has begun, on a line that seemed to be at rest."""
    lines = [OK, OK, GO_ON, OK, OK, OK, OK, OK, OK, GO_ON, OK]
    relay = Relay(lines, MANY_AT_ONCE)
    replies = await carried(relay, 2)
    assert [one.code for one in replies if isinstance(one, SmtpReply)] == [250, 250]
    assert [bytes(heard).count(b"Subject") for heard in relay.heard] == [1, 1]


async def test_who_answers_for_the_mail_before_it_came_is_not_given_it() -> None:
    relay = Relay([OK, OK, GO_ON + OK], MANY_AT_ONCE)
    assert await carried(relay) == [TransportFailure("connect")]


@pytest.mark.parametrize("line", [b"220 hello\r\n", b"hello\r\n", GO_ON])
async def test_a_copy_that_is_answered_out_of_step_is_not_refused(line: bytes) -> None:
    relay = Relay([OK, OK, line], ONE_BY_ONE)
    assert await carried(relay, 1, "c@example.net") == [TransportFailure("connect")]


async def test_a_goodbye_to_the_next_mail_costs_it_nothing() -> None:
    """A relay that has had enough of a connection says so when one begins another mail."""
    goodbye = b"421 4.7.0 too many mails\r\n"
    relay = Relay([OK, OK, GO_ON, OK, goodbye, HANG_UP, OK, OK, GO_ON, OK], MANY_AT_ONCE)
    replies = await carried(relay, 2)
    assert [one.code for one in replies if isinstance(one, SmtpReply)] == [250, 250]


@pytest.mark.parametrize(
    "answer",
    [
        *(b"hello\r\n", b"\r\n", b"25\r\n", b"250-" + b"x" * 70_000),
        b"250-\n" * 20_000,  # no word in any of its lines, and no end
    ],
)
async def test_what_is_no_reply_says_nothing_of_the_mail(answer: bytes) -> None:
    relay = Relay([OK, OK, GO_ON, answer], MANY_AT_ONCE)
    (reply,) = await carried(relay)
    assert isinstance(reply, SmtpReply)
    assert reply.code == 0


@pytest.mark.parametrize(
    ("data", "written"),
    [
        (b".x\r\n..\r\nx\r\n.\r\n", b"..x\r\n...\r\nx\r\n..\r\n.\r\n"),
        (b"x", b"x\r\n.\r\n"),
        (b"x\r\n", b"x\r\n.\r\n"),
    ],
)
async def test_no_line_ends_the_mail_but_the_last(data: bytes, written: bytes) -> None:
    """RFC 5321 section 4.5.2: else what follows it would be read as commands."""
    relay = Relay([OK, OK, GO_ON, OK], MANY_AT_ONCE)
    async with talking(relay) as (transport, port):
        await transport.carry(mail(port, data))
    assert bytes(relay.heard[0]).endswith(b"DATA\r\n" + written)


@pytest.mark.parametrize(
    ("lines", "kind"),
    [
        ([], "timeout_before_send"),
        ([OK, OK], "timeout_before_send"),
        ([OK, OK, GO_ON], "timeout_after_send"),
    ],
)
async def test_a_slow_relay_is_left_while_its_lease_is_renewed(
    lines: list[bytes], kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each of its answers may take long, and all of them together would: meanwhile the lease would
    be renewed no more, and somebody else would have the mail."""
    assert smtp_client.LONGEST_SECONDS + lane.STUCK_SECONDS < leases.LONGEST_SECONDS
    monkeypatch.setattr(smtp_client, "LONGEST_SECONDS", 0.2)
    assert await carried(Relay([*lines, SILENCE, SILENCE, SILENCE], MANY_AT_ONCE)) == [
        TransportFailure(kind)
    ]
