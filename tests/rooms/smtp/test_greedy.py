"""Slow, greedy and hostile clients on raw sockets: bounded, and nobody else waits for them."""

import asyncio
import socket
import time

import pytest
import structlog

from .conftest import Connect, House, Pair, sign_in
from .test_sessions import MAIL

#: What is tested does not depend on the database; once is enough.
pytestmark = pytest.mark.parametrize("database", ["sqlite"], indirect=True)


async def test_only_crlf_dot_crlf_ends_a_message(house: House, connect: Connect) -> None:
    """SMTP smuggling (CVE-2023-51764): ends that other servers take for one."""
    key = await house.key()
    async with house.open() as running:
        client = await connect(running.ports[0], key)
        for end in (b"\n.\n", b"\n.\r\n", b"\r\n.\n"):
            smuggled = MAIL + b"x" + end + b"MAIL FROM:<eve@example.org>\r\nDATA\r\nFrom: e@x.org"
            assert (await client.send(smuggled)).startswith("250 2.0.0 msg_")
        for end in (b"\r.\r", b"\r.\r\n", b"\r\n.\r", b"\r\r\n"):
            assert (await client.send(MAIL + b"x" + end + b"rest")).startswith("550 5.6.11")
    stored = await house.stored()
    assert len(stored) == 3
    for _, content in stored:
        assert content.sender == "us@example.com"
        assert content.text is not None
        assert "MAIL FROM:<eve@example.org>\nDATA\nFrom: e@x.org" in content.text


async def test_pipelined_commands_are_answered_in_order(house: House, connect: Connect) -> None:
    key = await house.key()
    async with house.open() as running:
        client = await connect(running.ports[0], key)
        await client.say(
            b"MAIL FROM:<us@example.com>\r\n"
            b"RCPT TO:<no address>\r\nRCPT TO:<ada@example.net>\r\nDATA"
        )
        assert [(await client.reply())[:9] for _ in range(4)] == [
            *("250 2.0.0", "553 5.1.3", "250 2.1.5", "354 End d")
        ]
        await client.say(MAIL + b".\r\nNOOP\r\nQUIT")
        assert [(await client.reply())[:9] for _ in range(3)] == [
            *("250 2.0.0", "250 2.0.0", "221 2.0.0")
        ]
        assert await client.gone() == b""


async def test_a_client_that_hangs_up_its_side_still_hears_of_its_message(
    house: House, connect: Connect
) -> None:
    key = await house.key()
    async with house.open() as running:
        client = await connect(running.ports[0], key)
        await client.ask("MAIL FROM:<us@example.com>")
        await client.ask("RCPT TO:<ada@example.net>")
        await client.ask("DATA")
        client.writer.write(MAIL + b".\r\n")
        await asyncio.sleep(0)
        client.writer.write_eof()
        answer = await client.gone()
    assert (answer[:4] == b"250 ") == (len(await house.stored()) == 1)


@pytest.mark.parametrize("stage", ["greeting", "command", "message"])
async def test_a_dribble_gains_no_time(house: House, connect: Connect, stage: str) -> None:
    key = await house.key()
    async with house.open(idle=0.6) as running:
        client = await connect(running.ports[0], None if stage == "greeting" else key)
        if stage == "message":
            await client.ask("MAIL FROM:<us@example.com>")
            await client.ask("RCPT TO:<ada@example.net>")
            await client.ask("DATA")
        began = time.monotonic()

        async def dribble() -> None:
            for _ in range(200):
                client.writer.write(b"a")
                await asyncio.sleep(0.05)

        task = asyncio.create_task(dribble())
        answer = await client.gone()
        task.cancel()
        assert b"421 4.4.2" in answer
        assert time.monotonic() - began < 8
        # A client that keeps at it is not cut off, however long it takes in all.
        other = await connect(running.ports[0], key)
        for _ in range(4):
            assert (await other.ask("NOOP")).startswith("250 2.0.0")
            await asyncio.sleep(0.3)


@pytest.mark.parametrize("line", [b"NOOP " + b"x" * 600, b"x" * 100_000, b"EHLO " + b"y" * 2000])
async def test_an_endless_command_is_no_command(
    house: House, connect: Connect, line: bytes
) -> None:
    async with house.open() as running:
        client = await connect(running.ports[0])
        await client.reply()
        assert (await client.ask(line)).startswith("500 5.5.2")
        assert (await client.ask("NOOP")).startswith("250 2.0.0")


async def test_an_endless_line_and_endless_headers_of_a_message(
    house: House, connect: Connect
) -> None:
    key = await house.key()
    async with house.open(size=300_000) as running:
        client = await connect(running.ports[0], key)
        assert (await client.send(MAIL + b"x" * 998)).startswith("250 ")
        assert (await client.send(MAIL + b"x" * 1000)).startswith("500 5.5.2")
        assert (await client.send(b"X" * 200_000)).startswith("500 5.5.2")
        assert (await client.send(b"X-A: b\r\n" * 40_000)).startswith("552 5.3.4")
        many = b"".join(b"X-%d: b\r\n" % number for number in range(20_000))
        assert (await client.send(many + MAIL)).startswith(("550 5.6.0", "250 "))
        # And one that has no end at all.
        await client.ask("MAIL FROM:<us@example.com>")
        await client.ask("RCPT TO:<ada@example.net>")
        await client.ask("DATA")

        async def pump() -> None:
            for _ in range(2000):
                await client.say(b"x" * 10_000)

        with pytest.raises(ConnectionError):
            await pump()


async def test_messages_under_way_share_one_bound(house: House, connect: Connect) -> None:
    key = await house.key()
    async with house.open(memory=100_000) as running:
        holders = []
        for _ in range(3):
            client = await connect(running.ports[0], key)
            await client.ask("MAIL FROM:<us@example.com>")
            await client.ask("RCPT TO:<ada@example.net>")
            await client.ask("DATA")
            await client.say(MAIL + (b"x" * 70 + b"\r\n") * 800)
            holders.append(client)
            await asyncio.sleep(0.1)
        answers = sorted([await one.ask(b".") for one in holders])
        assert answers[0].startswith("250 ")
        assert answers[-1].startswith("452 4.3.1 too much mail")
        again = await connect(running.ports[0], key)
        assert (await again.send(MAIL)).startswith("250 ")
        assert running._listeners[0].guests.memory == 0


async def test_idle_crowds_leave_room_for_others_and_take_no_more_descriptors(
    house: House, connect: Connect
) -> None:
    key = await house.key()
    async with house.open(connections=60, per_network=40) as running:
        crowd = [await connect(running.ports[0]) for _ in range(200)]
        greetings = [(await one.reply())[:9] for one in crowd]
        assert greetings.count("421 4.7.0") == 160
        assert len(running._listeners[0]._connections) == 40
        other = await connect(running.ports[0], key, local_addr=("127.0.9.2", 0))
        assert (await other.send(MAIL)).startswith("250 ")


async def test_two_crowds_leave_room_for_who_comes_from_elsewhere(
    house: House, connect: Connect
) -> None:
    """The canaries' listener takes anybody: two machines that dawdle kept every provider out."""
    key = await house.key()
    async with house.open(connections=60, per_network=40) as running:
        for network in range(2):
            for _ in range(40):
                await connect(running.ports[0], local_addr=(f"127.0.{network}.2", 0))
        for place in range(3, 12):
            other = await connect(running.ports[0], key, local_addr=(f"127.0.{place}.2", 0))
            assert (await other.send(MAIL)).startswith("250 ")
        listener = running._listeners[0]
        assert listener.guests._here.total() == len(listener._connections) == 60


async def test_a_message_that_never_ends_does_not_take_the_room_of_others(
    house: House, connect: Connect
) -> None:
    key = await house.key()
    async with house.open(memory=100_000) as running:
        dawdler, other = await connect(running.ports[0], key), await connect(running.ports[0], key)
        await dawdler.ask("MAIL FROM:<us@example.com>")
        await dawdler.ask("RCPT TO:<ada@example.net>")
        await dawdler.ask("DATA")
        await dawdler.say(MAIL + (b"x" * 70 + b"\r\n") * 1300)
        async with asyncio.timeout(30):
            while running._listeners[0].guests.memory <= 90_000:  # noqa: ASYNC110
                await asyncio.sleep(0.01)
        for _ in range(3):
            assert (await other.send(MAIL + b"y" * 900 + b"\r\n" * 9000)).startswith("250 ")
        assert (await dawdler.ask(".")).startswith("452 4.3.1 too much mail")
        assert running._listeners[0].guests.memory == 0


async def test_huge_lists_of_recipients(house: House, connect: Connect) -> None:
    key = await house.key()
    async with house.open() as running:
        client = await connect(running.ports[0], key)
        await client.ask("MAIL FROM:<us@example.com>")
        answers = [(await client.ask(f"RCPT TO:<a{one}@example.net>"))[:9] for one in range(110)]
        assert answers == ["250 2.1.5"] * 100 + ["452 4.5.3"] * 10
        await client.ask("DATA")
        assert (await client.ask(MAIL + b".")).startswith("250 ")
        await client.ask("MAIL FROM:<us@example.com>")
        flood = "".join(f"RCPT TO:<b{one}@example.net>\r\n" for one in range(3000))
        await client.say(flood)
        assert b"421 4.7.0 too many commands" in await client.gone()
    assert len(await house.stored()) == 100


async def test_bad_commands_and_wrong_keys_have_an_end(
    house: House, connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mailkeep.smtp.guests.FIRST_DELAY", 0.05)
    key = await house.key()
    async with house.open(bad_commands=4) as running:
        client = await connect(running.ports[0], key)
        answers = [await client.ask("DATA") for _ in range(5)]
        assert [one[:9] for one in answers] == ["503 5.5.1"] * 4 + ["421 4.7.0"]
        assert await client.gone() == b""
        waited = []
        for _ in range(2):
            client = await connect(running.ports[0])
            await client.reply()
            await client.ask("EHLO test")
            for _ in range(3):
                began = time.monotonic()
                assert (await client.ask(sign_in("mk_guess"))).startswith("535 5.7.8")
                waited.append(time.monotonic() - began)
            assert (await client.gone()).startswith(b"421 4.7.0 too many wrong keys")
        assert waited[-1] > 1.5
        # Whoever has a right key from the same network is not held up.
        began = time.monotonic()
        assert (await (await connect(running.ports[0], key)).send(MAIL)).startswith("250 ")
        assert time.monotonic() - began < 10


async def test_a_client_that_never_reads_is_let_go(house: House, connect: Connect) -> None:
    key = await house.key()
    async with house.open(idle=1.0) as running:
        with socket.socket() as deaf:
            deaf.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2048)
            deaf.setblocking(False)
            loop = asyncio.get_running_loop()
            await loop.sock_connect(deaf, ("127.0.0.1", running.ports[0]))
            await loop.sock_sendall(deaf, b"HELP\r\n" * 300)
            # Meanwhile others are served.
            other = await connect(running.ports[0], key)
            assert (await other.send(MAIL)).startswith("250 ")
            await other.ask("QUIT")
            listener = running._listeners[0]
            async with asyncio.timeout(10):
                await listener._empty.wait()
            assert listener.guests._here.total() == 0


async def test_a_flood_of_commands_does_not_hold_others_up(
    house: House, connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mailkeep.smtp.connection.MOST_COMMANDS", 100_000)
    key = await house.key()
    async with house.open() as running:
        flood, other = await connect(running.ports[0], key), await connect(running.ports[0], key)
        flood.writer.write(b"NOOP\r\n" * 40_000)
        worst = 0.0
        for _ in range(10):
            began = time.monotonic()
            assert (await other.ask("NOOP")).startswith("250 ")
            worst = max(worst, time.monotonic() - began)
        assert worst < 1.0


async def test_a_stop_lets_messages_finish_and_sends_others_away(
    house: House, connect: Connect
) -> None:
    key = await house.key()
    async with house.open() as running:
        idle, busy, stuck = [await connect(running.ports[0], key) for _ in range(3)]
        for client in (busy, stuck):
            await client.ask("MAIL FROM:<us@example.com>")
            await client.ask("RCPT TO:<ada@example.net>")
            await client.ask("DATA")
        stopping = asyncio.create_task(running.stop(1.0))
        assert await idle.gone() == b"421 4.3.2 we are closing, try again later\r\n"
        answer = await busy.ask(MAIL + b".")
        assert answer.startswith("250 2.0.0 msg_")
        assert (await busy.gone()).startswith(b"421 4.3.2")
        with pytest.raises(ConnectionRefusedError):
            await connect(running.ports[0])
        began = time.monotonic()
        await stopping
        assert time.monotonic() - began < 20
        assert await stuck.gone() == b""
    assert len(await house.stored()) == 1


async def test_refusals_are_logged_without_anybody_in_them(house: House, connect: Connect) -> None:
    with structlog.testing.capture_logs() as lines:
        async with house.open(bad_commands=1, per_network=1) as running:
            client = await connect(running.ports[0])
            for _ in range(3):
                await connect(running.ports[0])
            await client.reply()
            await client.say("MAIL FROM:<ada@example.net>\r\nFOO ada@example.net\r\nBAR")
            await client.gone()
    assert [(line["event"], line["why"]) for line in lines] == [
        ("smtp.refused", "too_many_connections"),
        ("smtp.refused", "bad_commands"),
    ]
    assert "127.0" not in repr(lines)
    assert "ada" not in repr(lines)


async def test_a_handshake_that_never_comes_is_counted_and_has_an_end(
    house: House, pair: Pair, connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mailkeep.smtp.connection.HANDSHAKE_SECONDS", 0.5)
    settings = {"listen": (), "tls_listen": "127.0.0.1:0", **pair.settings()}
    async with house.open(per_network=3, **settings) as running:
        silent = [await connect(running.ports[0]) for _ in range(5)]
        assert await silent[3].gone() == await silent[4].gone() == b""
        guests = running._listeners[0].guests
        assert guests._here.total() == 3
        for one in silent[:3]:
            await one.gone()
        async with asyncio.timeout(5):
            await running._listeners[0]._empty.wait()
        assert guests._here.total() == 0
