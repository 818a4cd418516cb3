"""Dialogues that no client would hold, against a real listener: it never crashes, each reply is
well-formed, and what was stored is what got its 250."""

import asyncio
import re
from pathlib import Path

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mailkeep.base.clock import ManualClock
from mailkeep.base.keys import KeyRing
from mailkeep.mail.intake import Intake
from mailkeep.smtp import submission
from mailkeep.smtp.types import SubmissionSettings
from mailkeep.store.database import Database
from mailkeep.store.migrate import upgrade
from mailkeep.store.shared import SharedCommit

from .conftest import STREAMS, House, sign_in

WELL_FORMED = re.compile(
    rb"(?:220 mailkeep Mailkeep|250[- ][A-Z0-9= -]+|250[- ]mailkeep|354 [ -~]+|334 [ -~]*"
    rb"|[245]\d\d [245]\.\d{1,3}\.\d{1,3}(?: [ -~]*)?)\r\n"
)
GREETS = re.compile(rb"250[- ](?:mailkeep|SIZE|8BITMIME|SMTPUTF8|AUTH|PIPELINING|ENHANCED|HELP)")

commands = st.sampled_from(
    [
        *("EHLO x", "HELO x", "EHLO", "NOOP", "RSET", "QUIT now", "HELP", "HELP MAIL", "VRFY a@b"),
        *("EXPN x", "STARTTLS", "AUTH", "AUTH PLAIN", "AUTH LOGIN", "AUTH NONE x", "auth plain ="),
        *("MAIL FROM:<us@example.com>", "MAIL FROM:<>", "MAIL FROM:<a", "MAIL FROM:<a> SIZE=x"),
        *("mail from: us@example.com body=8bitmime", "MAIL FROM:<us@example.com> SIZE=999999999"),
        *("RCPT TO:<ada@example.net>", "RCPT TO:<bob@example.net>", "RCPT TO:<é@x>", "RCPT TO:<>"),
        *("DATA", "DATA", "DATA now", "BDAT 5 LAST", "*", "", " ", "SIGN IN", "GET / HTTP/1.1"),
        "From: us@example.com\r\nSubject: s\r\n\r\nwords\r\n.",
        "From: us@example.com\r\n\r\nwords\n.\n\r\n.",
        *("no message\r\n.", ".", "\r\n."),
    ]
).map(lambda text: text.encode() + b"\r\n")
noise = st.binary(max_size=40) | st.text(max_size=20).map(lambda text: text.encode() + b"\r\n")
transaction = st.just(
    b"RSET\r\nMAIL FROM:<us@example.com>\r\nRCPT TO:<ada@example.net>\r\nDATA\r\n"
    b"From: us@example.com\r\nSubject: s\r\n\r\nwords\r\n.\r\n"
)
dialogues = st.tuples(
    st.booleans(), st.lists(commands | commands | noise | transaction, max_size=14)
)


async def _hold(port: int, key: str, signed: bool, said: bytes) -> list[bytes]:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    if signed:
        said = f"EHLO x\r\n{sign_in(key)}\r\n".encode() + said
    # In any case the end of a message, and of the session.
    writer.write(said + b"\r\n.\r\nQUIT\r\n*\r\n.\r\nQUIT\r\n")
    heard = await asyncio.wait_for(reader.read(), 20)
    writer.close()
    await asyncio.gather(writer.wait_closed(), return_exceptions=True)
    return heard.splitlines(keepends=True)


def test_no_dialogue_breaks_it(tmp_path: Path) -> None:
    loop = asyncio.new_event_loop()
    database = Database(f"sqlite:///{tmp_path / 'fuzz.db'}", ManualClock())
    keys = KeyRing(tmp_path)
    failures: list[dict[str, object]] = []
    loop.set_exception_handler(lambda _loop, context: failures.append(context))

    async def begin() -> tuple[House, str, submission.Submission]:
        await upgrade(database)
        house = House(database, keys, SharedCommit(database), Intake(database, keys, STREAMS))
        started = await submission.start(
            house, SubmissionSettings(listen="127.0.0.1:0", idle=5, bad_commands=8)
        )
        return house, await house.key(), started

    async def count(house: House) -> int:
        return len(await house.stored())

    house, key, started = loop.run_until_complete(begin())

    @settings(
        max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow], database=None
    )
    @given(dialogues)
    def run(dialogue: tuple[bool, list[bytes]]) -> None:
        signed, parts = dialogue
        before = loop.run_until_complete(count(house))
        lines = loop.run_until_complete(_hold(started.ports[0], key, signed, b"".join(parts)))
        for line in lines:
            assert WELL_FORMED.fullmatch(line), line
            if line.startswith(b"250") and not GREETS.match(line):
                assert line.startswith(b"250 2."), line
        acknowledged = [line.count(b"msg_") for line in lines if line.startswith(b"250 2.0.0 msg_")]
        assert loop.run_until_complete(count(house)) - before == sum(acknowledged)
        assert signed or not acknowledged

    try:
        run()
        assert loop.run_until_complete(count(house)) > 0
        assert started._listeners[0].guests._here.total() == 0
        assert started._listeners[0].guests.memory == 0
    finally:
        loop.run_until_complete(started.stop(1))
        loop.run_until_complete(database.close())
        loop.close()
    assert failures == []
