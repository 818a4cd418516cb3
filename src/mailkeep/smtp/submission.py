"""Submission (RFC 6409): an application hands mail in, with an API key as its password.

250 is said only after the commit. A message to several recipients becomes one message each, all
stored in one commit or none: the envelope says who gets it, the header what each of them is shown.

Security: reads hostile input. The key is asked for before any mail command, is not taken over a
network in clear, and is judged again in the transaction that stores a message.
"""

import asyncio
import binascii
from base64 import b64decode
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Protocol

import msgspec
import structlog
from aiosmtpd.smtp import MISSING, AuthResult, Envelope, Session

from mailkeep.base import addresses
from mailkeep.base.errors import (
    Conflict,
    Invalid,
    MailkeepError,
    NotAllowed,
    NotSignedIn,
    TooMany,
    Unavailable,
)
from mailkeep.base.keys import KeyRing
from mailkeep.mail import queries, services
from mailkeep.mail.dispatch import Dispatcher
from mailkeep.mail.intake import Intake
from mailkeep.mail.types import Content, NewMessage, StreamSettings, Taken
from mailkeep.store.database import Database, Tx
from mailkeep.store.shared import SharedCommit

from . import asked, door
from .connection import Connection
from .fast import plain
from .guests import Guests
from .parsing import parse, to_one
from .tls import Certificate
from .types import MEBIBYTE, SubmissionSettings, is_loopback

log = structlog.get_logger(__name__)

BIG = 256 * 1024  #: octets from which a message is read in a thread: others are served meanwhile
THREADS = 2
MAX_STORED = 100 * MEBIBYTE  #: that one message may come to, for all its recipients
#: The key has gone since it signed in. Not for good: a relay that signs in anew learns why, and
#: keeps its mail, where a 550 would have it bounce what waits.
_SIGN_IN_AGAIN = "421 4.7.0 the key is not good any more, sign in again"


class Running(Protocol):
    """The services behind this door."""

    keys: KeyRing
    database: Database
    shared: SharedCommit
    streams: dict[str, StreamSettings]
    intake: Intake
    dispatcher: Dispatcher


class _Key(msgspec.Struct, frozen=True):
    """The API key that a session signed in with."""

    id: str
    presented: str
    streams: frozenset[str]

    def __repr__(self) -> str:
        return "_Key(…)"


class _Given(msgspec.Struct, frozen=True):
    """One message as it was handed in: checked, once for each recipient."""

    key: _Key
    stream: str
    messages: list[NewMessage]

    def all_or_none(self) -> bool:
        """Whether some of it might be refused where it is stored: only a key that was used can."""
        return len(self.messages) > 1 and self.messages[0].idempotency is not None


class _Handler(door.Door):
    def __init__(self, running: Running, default_stream: str) -> None:
        self._running = running
        self._default = default_stream
        self._parsing = asyncio.Semaphore(THREADS)

    async def auth_PLAIN(self, server: Connection, args: list[str]) -> AuthResult:
        """RFC 4616: ``authzid NUL authcid NUL password``; the user name is not looked at."""
        given = _decoded(args[1]) if len(args) > 1 else await server.challenge_auth("")
        if given is MISSING:
            return AuthResult(success=False)
        parts = given.split(b"\0") if isinstance(given, bytes) else []
        return await self._sign_in(server, parts[2] if len(parts) == 3 else None)

    async def auth_LOGIN(self, server: Connection, args: list[str]) -> AuthResult:
        """The older way that some clients know only; its words are what they look for."""
        if len(args) < 2 and await server.challenge_auth("Username:") is MISSING:
            return AuthResult(success=False)
        given = await server.challenge_auth("Password:")
        if given is MISSING:
            return AuthResult(success=False)
        return await self._sign_in(server, given if isinstance(given, bytes) else None)

    async def _sign_in(self, server: Connection, password: bytes | None) -> AuthResult:
        try:
            presented = (password or b"").decode("ascii")
            async with self._running.database.read() as tx:
                key = await services.authorise(tx, self._running.keys, presented, "send")
                streams = await queries.key_streams(tx, key)
        except Unavailable:
            said = "454 4.7.0 cannot look the key up now, try again"
            return AuthResult(success=False, handled=False, message=said)
        except (NotSignedIn, NotAllowed, UnicodeDecodeError):
            await server.wrong_key()
            return AuthResult(success=False, handled=False)
        return AuthResult(success=True, auth_data=_Key(key, presented, streams))

    async def handle_RCPT(
        self,
        server: Connection,
        session: Session,
        envelope: Envelope,
        address: str,
        options: list[str],
    ) -> str:
        try:
            address = addresses.parse(address)
        except Invalid:
            return "553 5.1.3 not a mail address"
        return await super().handle_RCPT(server, session, envelope, address, options)

    async def handle_DATA(self, server: Connection, session: Session, envelope: Envelope) -> str:
        content, key = envelope.content, session.auth_data
        if not isinstance(content, bytes) or not isinstance(key, _Key):
            return "554 5.5.1 no message, or nobody signed in"
        try:
            ids = await self._store(key, content, envelope.rcpt_tos)
        except NotSignedIn:
            server.ask_to_leave("")
            return _SIGN_IN_AGAIN
        except MailkeepError as error:
            return refusal(error)
        return f"250 2.0.0 {' '.join(ids[:5])}"

    async def _store(self, key: _Key, raw: bytes, recipients: list[str]) -> list[str]:
        running = self._running
        content, named = await self._parse(raw)
        stream = asked.stream(named, key.streams, self._default)
        again = asked.idempotency(raw)
        people = list(dict.fromkeys(recipients))
        if len(people) > 1:
            if stream in running.streams and running.streams[stream].secret:
                raise Invalid("mail of a secret stream goes to one person only", field="RCPT TO")
            if len(raw) * len(people) > MAX_STORED:
                raise Invalid("too large for so many recipients: send it to a few at a time")

        def check() -> list[NewMessage]:
            return [
                running.intake.check(
                    NewMessage(
                        stream=stream,
                        content=to_one(content, recipient),
                        idempotency=None if again is None else (key.id, f"{again}\n{recipient}"),
                    )
                )
                for recipient in people
            ]

        checked = check() if len(raw) < BIG else await asyncio.to_thread(check)
        return await running.shared.each(
            self._store_many,
            _Given(key, stream, checked),
            lane=running.streams[stream].priority,
            weight=len(checked),
        )

    async def _store_many(self, tx: Tx, many: Sequence[_Given]) -> list[list[str] | MailkeepError]:
        """What each was told: the ids of its messages, or why none of them was stored."""
        judged: dict[tuple[_Key, str], MailkeepError | None] = {}
        for one in many:
            if (one.key, one.stream) not in judged:
                judged[one.key, one.stream] = await self._judge(tx, one.key, one.stream)
        plain_ones = [
            one for one in many if not judged[one.key, one.stream] and not one.all_or_none()
        ]
        taken = await self._running.intake.accept_many(
            tx, [message for one in plain_ones for message in one.messages]
        )
        rest, stored = iter(taken), {}
        for one in plain_ones:
            stored[id(one)] = _told([next(rest) for _ in one.messages])
        out: list[list[str] | MailkeepError] = []
        for one in many:
            refused = judged[one.key, one.stream]
            if refused is None and id(one) not in stored:
                stored[id(one)] = await self._store_whole(tx, one)
            out.append(refused or stored[id(one)])
        for stream in {one.stream for one in many}:
            tx.after_commit.append(partial(self._running.dispatcher.wake, stream))
        return out

    async def _store_whole(self, tx: Tx, one: _Given) -> list[str] | MailkeepError:
        """Store all its messages, or, where one of them is refused, none."""
        try:
            async with tx.savepoint():
                told = _told(await self._running.intake.accept_many(tx, one.messages))
                if isinstance(told, MailkeepError):
                    raise told
        except (Conflict, Invalid) as error:
            return error
        return told

    async def _parse(self, raw: bytes) -> tuple[Content, str | None]:
        if len(raw) < BIG:
            return read(raw)
        async with self._parsing:
            return await asyncio.to_thread(read, raw)

    async def _judge(self, tx: Tx, key: _Key, stream: str) -> MailkeepError | None:
        """Ask again whether the key may, where it counts; once for all that share a commit."""
        try:
            await services.authorise(
                tx, self._running.keys, key.presented, "send", frozenset({stream})
            )
        except (NotSignedIn, NotAllowed) as error:
            return error
        return None


def _told(taken: Sequence[Taken | Conflict | Invalid]) -> list[str] | MailkeepError:
    ids = []
    for one in taken:
        if isinstance(one, MailkeepError):
            return one
        ids.append(one.id)
    return ids


def read(raw: bytes) -> tuple[Content, str | None]:
    """As ``parse``, the short way where there is one."""
    return plain(raw) or parse(raw)


def refusal(error: MailkeepError) -> str:
    """The reply to a message that was not stored (pure)."""
    where = f" ({error.field})" if error.field else ""
    match error:
        case Unavailable():
            return door.NOT_NOW
        case TooMany():
            return f"451 4.7.1 {error}"
        case NotAllowed():
            return f"550 5.7.1 {error}"
        case Invalid() if error.field in {"from", "reply_to"}:
            # RFC 6531 section 3.2: no address of ours is in another script, or not one at all.
            return f"550 5.1.7 {error}{where}; addresses must be plain ASCII"
        case Invalid() | Conflict():
            # A part's type may hold anything.
            return f"550 5.6.0 {error}{where}".encode("ascii", "replace").decode()
        case _:
            return "451 4.3.0 local error, try again"


def _decoded(text: str) -> bytes | None:
    try:
        return b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        return None


class Submission:
    """The listeners of submission, which share who is there."""

    def __init__(self, listeners: list[door.Listener]) -> None:
        self._listeners = listeners

    @property
    def ports(self) -> list[int]:
        return [one.port for one in self._listeners]

    async def stop(self, seconds: float = door.GRACE_SECONDS) -> None:
        """Let nobody in; wait for messages that are coming in, for so long at most."""
        for one in self._listeners:
            one.close()
        await asyncio.gather(*(one.finish(seconds) for one in self._listeners))


async def start(running: Running, settings: SubmissionSettings) -> Submission:
    """Listen on all addresses of checked settings, or on none.

    Raises:
        BadSettings: the certificate cannot be used.
        OSError: an address is taken.
    """
    certificate = None
    if settings.certificate:
        certificate = Certificate(Path(settings.certificate), Path(settings.private_key))
    handler, guests = _Handler(running, settings.default_stream), Guests(settings.limits())
    submission = Submission([])
    try:
        for addresses_, implicit in ((settings.plain(), False), (settings.tls(), True)):
            for host, port in addresses_:
                listener = door.Listener(
                    handler,
                    guests,
                    certificate=certificate,
                    implicit=implicit,
                    cleartext=bool(settings.cleartext),
                    auth_required=True,
                    hostname=settings.hostname,
                )
                submission._listeners.append(await listener.open(host, port))
                if not (certificate or is_loopback(host)):
                    log.warning(
                        "submission.cleartext",
                        meaning="keys cross the network in clear, as the settings accept",
                    )
    except BaseException:
        await submission.stop(0)
        raise
    return submission
