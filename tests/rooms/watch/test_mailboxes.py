"""Canary mailboxes that others keep, read from a real Dovecot; and from servers that mean ill."""

import asyncio
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import msgspec
import pytest
from dovecot import PASSWORD, PROGRAM, Dovecot
from supervised import NAME, keeper, until
from test_canaries import SETTINGS, House, _raw

from mailkeep.app.loops import Pulse
from mailkeep.base.clock import SECOND, SystemClock
from mailkeep.base.keys import KeyRing
from mailkeep.base.secret import Secret
from mailkeep.mail.types import Content
from mailkeep.store.database import Database
from mailkeep.watch import authentication, mailboxes
from mailkeep.watch.events import CanaryArrived
from mailkeep.watch.imap import MAX_LINE, Imap, ImapError
from mailkeep.watch.mailbox_types import CanaryMailbox, ImapSettings, MailboxState, Tls
from mailkeep.watch.mailboxes import Mailboxes
from mailkeep.watch.parts import MAX_RAW, TOO_LARGE

real = pytest.mark.skipif(PROGRAM is None, reason="needs Debian's dovecot-imapd: make deps")


@pytest.fixture(scope="module")
def dovecot() -> Iterator[Dovecot]:
    with TemporaryDirectory(prefix="mailkeep-imap-") as home:
        made = Dovecot(Path(home))
        yield made
        made.stop()


@pytest.fixture(scope="module")
def silent() -> Iterator[Dovecot]:
    """One that never says by itself that mail came."""
    with TemporaryDirectory(prefix="mailkeep-imap-") as home:
        made = Dovecot(Path(home), idle=False)
        yield made
        made.stop()


class Reader:
    """A canary mailbox at a server, and the reading of it."""

    def __init__(self, database: Database, keys: KeyRing, server: Dovecot, **how: object) -> None:
        self.server = server
        self.user = "ann"
        fields = {"host": "localhost", "secret": "env:X", "port": server.tls} | how
        imap = msgspec.convert({"ca": str(server.ca), "trust": "mx.host", **fields}, ImapSettings)
        self.mailbox = CanaryMailbox("ann@host.example", name="host", imap=imap)
        settings = msgspec.structs.replace(SETTINGS, mailbox=(self.mailbox,))
        self.house = House(database, keys, settings)
        self.database = database
        self.secret = Secret(PASSWORD)

    def start(self) -> Mailboxes:
        secrets = {"host": self.secret}
        return Mailboxes(self.database, self.house.canaries, (self.mailbox,), secrets)

    async def canary(self) -> Content:
        """A canary to the mailbox that its provider took."""
        message = await self.house.canaries.send("one", self.mailbox)
        (job,) = [one for one in await self.house.claim() if one.message == message]
        await self.house.accept(job)
        await self.house.note()
        return msgspec.json.decode(job.body, type=Content)

    async def look(self, looks: int = 1) -> int:
        """How many canaries a new session finds in so many looks."""
        return sum([one async for one in _some(self.start(), self.mailbox, looks)])

    async def arrived(self) -> list[CanaryArrived]:
        return [one for one in await self.house.facts() if isinstance(one, CanaryArrived)]

    async def state(self) -> MailboxState:
        async with self.database.read() as tx:
            return (await mailboxes.states(tx))["host"]


async def _some(reading: Mailboxes, mailbox: CanaryMailbox, looks: int) -> AsyncIterator[int]:
    session = reading.session(mailbox)
    try:
        for _ in range(looks):
            yield await anext(session)
    finally:
        await session.aclose()


@pytest.fixture
def clock() -> SystemClock:
    """The server's mails have the time of day; so must ours."""
    return SystemClock()


@pytest.fixture
def reader(database: Database, keys: KeyRing, dovecot: Dovecot) -> Reader:
    return Reader(database, keys, dovecot, user="ann")


@real
async def test_a_canary_is_known_again_where_it_arrived(reader: Reader) -> None:
    content = await reader.canary()
    html = '<a href="https://evil.example/">x</a>'
    results = "mx.host; dkim=fail header.d=example.com; spf=pass"
    raw = _raw(content, html=html, Authentication_Results=results, Reply_To="x@stranger.example")
    reader.server.deliver("ann", raw)
    assert await reader.look() == 1
    (came,) = await reader.arrived()
    assert (came.provider, came.mailbox, came.failed) == ("one", "host", ("dkim",))
    assert came.strangers == ("evil.example", "stranger.example")
    assert 0 <= came.seconds < 600
    state = await reader.state()
    assert state.error is None
    assert state.read_at is not None


@real
async def test_a_session_hears_of_new_mail_and_the_next_goes_on_from_there(reader: Reader) -> None:
    reading = reader.start()
    session = reading.session(reader.mailbox)
    assert await anext(session) == 0
    first = await reader.canary()
    waits = asyncio.create_task(anext(session))
    reader.server.deliver("ann", _raw(first))
    assert await waits == 1
    await session.aclose()
    assert await reader.look() == 0
    second = await reader.canary()
    reader.server.deliver("ann", _raw(second))
    reader.server.deliver("ann", b"Subject: buy now\r\n\r\nsomething else\r\n")
    assert await reader.look() == 1
    assert len(await reader.arrived()) == 2


@real
async def test_names_that_mean_other_mails_lose_none_and_count_none_twice(reader: Reader) -> None:
    content = await reader.canary()
    reader.server.deliver("ann", _raw(content))
    assert await reader.look() == 1
    later = await reader.canary()
    reader.server.deliver("ann", _raw(later))
    reader.server.rename_all("ann")
    assert await reader.look() == 1
    assert await reader.look() == 0


@real
async def test_only_what_was_sent_to_a_mailbox_arrives_there(reader: Reader) -> None:
    """Whoever keeps it must not vouch for canaries to others, though their secret leaked to it."""
    content = await reader.house.canary()
    reader.server.deliver("ann", _raw(content))
    assert await reader.look() == 0
    assert await reader.arrived() == []


@real
async def test_a_mail_that_is_too_large_is_read_as_far_as_we_read(reader: Reader) -> None:
    content = await reader.canary()
    reader.server.deliver("ann", _raw(content) + b"x" * (2 * MAX_RAW))
    assert await reader.look() == 1
    (came,) = await reader.arrived()
    assert TOO_LARGE in came.strangers


@real
async def test_starttls_and_polling_do_as_well(
    database: Database, keys: KeyRing, silent: Dovecot
) -> None:
    how = {"port": silent.plain, "tls": Tls.STARTTLS.value, "user": "ann"}
    reader = Reader(database, keys, silent, **how)
    imap = reader.mailbox.imap
    assert imap is not None
    poll = msgspec.structs.replace(imap, poll=0.01)
    reader.mailbox = msgspec.structs.replace(reader.mailbox, imap=poll)
    session = reader.start().session(reader.mailbox)
    assert await anext(session) == 0
    content = await reader.canary()
    silent.deliver("ann", _raw(content))
    while not await anext(session):
        pass
    await session.aclose()
    assert len(await reader.arrived()) == 1


@real
@pytest.mark.parametrize(
    ("how", "why"),
    [
        ({"user": "nobody"}, "does not let us in"),
        ({"ca": ""}, "certificate is not valid"),
        ({"folder": "Nowhere"}, "no such folder"),
        ({"folder": "N\r\nm9 LOGOUT"}, "not ASCII"),
        ({"host": "127.0.0.1"}, "certificate is not valid"),
    ],
)
async def test_what_cannot_be_read_says_why_and_shows_nothing(
    database: Database, keys: KeyRing, dovecot: Dovecot, how: dict[str, object], why: str
) -> None:
    reader = Reader(database, keys, dovecot, **{"user": "ann", **how})
    with pytest.raises(ImapError, match=why) as refused:
        await reader.look()
    assert PASSWORD not in str(refused.value)


@real
async def test_who_fails_is_noted_and_tried_again(
    reader: Reader, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mailboxes, "AGAIN", (0.01, 0.02))
    reader.secret = Secret("wrong")
    pulse = Pulse()
    failed = (NAME, "outside")
    await until([reader.start().run(keeper(pulse))], lambda: pulse.failures[failed] > 1)
    assert not pulse.well, "no look went well"
    async with reader.database.read() as tx:
        states = await mailboxes.states(tx)
    assert states["host"].error == "it does not let us in"
    assert states["host"].failing_since is not None
    reader.secret = Secret(PASSWORD)
    await reader.look()
    assert (await reader.state()).error is None
    pulse = Pulse()
    await until([reader.start().run(keeper(pulse))], lambda: NAME in pulse.well)
    assert not pulse.failures


Script = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


async def _against(script: Script) -> tuple[asyncio.Server, int]:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await script(reader, writer)
        except OSError:
            pass  # whom it was to deceive has left
        finally:
            writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    return server, server.sockets[0].getsockname()[1]


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        (b"* 1 FETCH (UID 1 BODY[]<0> {4000000000}\r\n", "than was asked for"),
        (b"* 1 FETCH (UID 1 BODY[]<0> {3}\r\nabc {3}\r\nabc)\r\n", "than was asked for"),
        (b"* " + b"x" * (2 * MAX_LINE), "than was asked for"),
        (b"* 1 EXISTS\r\n" * 6000, "than was asked for"),
        (b"* BYE\r\n", "hung up"),
        (b"* 1 FETCH (UID 1", "hung up"),
        (b"m1 NO never\r\n", "does not hand"),
    ],
)
async def test_a_server_that_means_ill_is_left(answer: bytes, why: str) -> None:
    async def script(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readline()
        writer.write(answer)
        await writer.drain()

    server, port = await _against(script)
    async with server:
        session = Imap(*await asyncio.open_connection("127.0.0.1", port, limit=MAX_LINE), 30)
        with pytest.raises(ImapError, match=why):
            await session.fetch(1, 100)
        await session.close()


async def test_a_password_is_quoted_where_only_login_takes_it() -> None:
    heard: list[bytes] = []

    async def script(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for said in (b"* CAPABILITY IMAP4rev1\r\n", b"", b"* CAPABILITY IMAP4rev1 IDLE\r\n"):
            line = await reader.readline()
            heard.append(line)
            writer.write(said + line.split()[0] + b" OK\r\n")
        await reader.read()

    server, port = await _against(script)
    async with server:
        session = Imap(*await asyncio.open_connection("127.0.0.1", port, limit=MAX_LINE), 30)
        await session.sign_in("ann", Secret('a "b\\c'))
        assert session.can_idle
        assert heard[1] == b'm2 LOGIN "ann" "a \\"b\\\\c"\r\n'
        await session.close()


@pytest.mark.parametrize(
    ("greeting", "answer"),
    [
        # What stands behind the answer was put there by who sits on the line.
        (b"* OK\r\n", b"m0 OK begin\r\nm1 OK you are in\r\n* LIST\r\n"),
        (b"* OK\r\n", b"m0 NO not here\r\n"),
        (b"* PREAUTH welcome\r\n", b"m0 OK\r\n"),
        (b"* OK\r\n", b"* x\r\n" * 4000),
    ],
)
async def test_nothing_of_before_starttls_is_believed(greeting: bytes, answer: bytes) -> None:
    heard: list[bytes] = []

    async def script(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(greeting)
        heard.append(await reader.readline())
        writer.write(answer)
        heard.append(await reader.read(2000))

    server, port = await _against(script)
    async with server:
        with pytest.raises(ImapError):
            await Imap.connect(
                "127.0.0.1",
                port,
                starttls=True,
                context=ssl.create_default_context(),
                patience=30,
            )
    assert b"LOGIN" not in b"".join(heard)
    assert b"AUTH" not in b"".join(heard)


FIELD = b"Authentication-Results: "


@pytest.mark.parametrize(
    ("head", "failed"),
    [
        (FIELD + b"mx.host; dkim=fail; spf=pass", ("dkim",)),
        (FIELD.lower() + b"MX.host 1;\r\n dkim=fail (a; spf=fail);\r\n\tspf=softfail", ("dkim",)),
        (FIELD + b"other; dkim=fail", ()),
        (FIELD + b"mx.host; none", ()),
        (FIELD + b"mx.host; dkim=pass; dkim=fail; dmarc=fail", ("dmarc",)),
        # Only the host's own stands on top; the second was in the mail as it came.
        (FIELD + b"mx.host; spf=pass\r\n" + FIELD + b"mx.host; spf=fail", ()),
        (b"Subject: x\r\n\r\n" + FIELD + b"mx.host; spf=fail", ()),
        (FIELD, ()),
        (FIELD + b"((((((mx.host; dkim=fail", ()),
    ],
)
def test_only_the_trusted_host_says_what_failed(head: bytes, failed: tuple[str, ...]) -> None:
    assert authentication.failed(head + b"\r\n\r\nbody", "mx.host") == failed


def test_a_head_that_is_made_to_take_long_does_not() -> None:
    raw = b"Authentication-Results: mx.host;" + b"(" * 100_000 + b"\r\n\r\n"
    assert authentication.failed(raw, "mx.host") == ()


async def test_a_host_cannot_make_a_canary_come_in_the_future(
    database: Database, keys: KeyRing, clock: SystemClock
) -> None:
    mailbox = CanaryMailbox("ann@host.example", name="host", imap=ImapSettings("h", "env:X"))
    house = House(database, keys, msgspec.structs.replace(SETTINGS, mailbox=(mailbox,)))
    for at in (clock.now() + 9000 * SECOND, clock.now() - 9000 * SECOND):
        message = await house.canaries.send("one", mailbox)
        (job,) = [one for one in await house.claim() if one.message == message]
        await house.accept(job)
        content = msgspec.json.decode(job.body, type=Content)
        assert await house.canaries.read_at(mailbox, _raw(content), at) == 1
    await house.note()
    found = [one for one in await house.facts() if isinstance(one, CanaryArrived)]
    assert all(0 <= one.seconds < 9000 for one in found)
