"""Submission (RFC 6409): an application hands mail in, with an API key as its password.

250 is said only after the commit. The envelope says who gets a message, its header what each of
them is shown; so a message to several recipients becomes one message each, with the same header,
all stored in one commit or none.

Security: reads hostile input. The key is asked for before any mail command; without TLS the
listener stands on loopback only.
"""

import asyncio
import binascii
from base64 import b64decode
from typing import Protocol

from aiosmtpd.smtp import MISSING, SMTP, AuthResult, Envelope, Session

from mailkeep.base.errors import Conflict, Invalid, NotAllowed, NotSignedIn, Unavailable
from mailkeep.base.keys import KeyRing
from mailkeep.mail import services
from mailkeep.mail.dispatch import Dispatcher
from mailkeep.mail.fitting import SMALL
from mailkeep.mail.intake import Intake
from mailkeep.mail.types import NewMessage, StreamSettings
from mailkeep.store.database import Database, Tx
from mailkeep.store.shared import SharedCommit

from . import door
from .parsing import parse, to_one

DEFAULT_STREAM = "alert"
MAX_SIZE = 36 * 1024 * 1024  #: what the largest message has in base64
MAX_STORED = 100 * 1024 * 1024  #: octets that one submission may come to, for all its recipients


class Running(Protocol):
    """The services behind this door."""

    keys: KeyRing
    database: Database
    shared: SharedCommit
    streams: dict[str, StreamSettings]
    intake: Intake
    dispatcher: Dispatcher


class _Handler(door.Door):
    def __init__(self, running: Running) -> None:
        self._running = running

    async def auth_PLAIN(self, server: SMTP, args: list[str]) -> AuthResult:
        """RFC 4616: ``authzid NUL authcid NUL password``; the user name is not looked at."""
        given = args[1] if len(args) > 1 else await server.challenge_auth("")
        if given is MISSING:
            return AuthResult(success=False)
        try:
            decoded = given if isinstance(given, bytes) else b64decode(given, validate=True)
            _, _, password = decoded.decode().split("\0")
        except (binascii.Error, UnicodeDecodeError, ValueError):
            return AuthResult(success=False, handled=False)
        try:
            async with self._running.database.read() as tx:
                await services.authorise(tx, self._running.keys, password, "send")
        except (NotSignedIn, NotAllowed):
            return AuthResult(success=False, handled=False)
        return AuthResult(success=True, auth_data=password)

    async def handle_DATA(self, _server: SMTP, session: Session, envelope: Envelope) -> str:
        content = envelope.content
        if not isinstance(content, bytes) or not isinstance(session.auth_data, str):
            return "554 5.5.1 no message, or nobody signed in"
        try:
            ids = await self._store(session.auth_data, content, envelope.rcpt_tos)
        except (Invalid, Conflict) as error:
            where = f" ({error.field})" if error.field else ""
            said = f"550 5.6.0 {error}{where}"
            return said.encode("ascii", "replace").decode()  # a part's type may hold anything
        except (NotSignedIn, NotAllowed) as error:
            return f"550 5.7.1 {error}"
        except Unavailable:
            return door.NOT_NOW
        return f"250 2.0.0 {' '.join(ids[:5])}"

    async def _store(self, key: str, raw: bytes, recipients: list[str]) -> list[str]:
        running = self._running
        large = len(raw) > SMALL
        content, asked = await asyncio.to_thread(parse, raw) if large else parse(raw)
        stream = asked or DEFAULT_STREAM
        async with running.database.read() as tx:
            await services.authorise(tx, running.keys, key, "send", frozenset({stream}))
        people = list({one.lower(): one for one in recipients}.values())
        if len(people) > 1:
            if stream in running.streams and running.streams[stream].secret:
                raise Invalid("mail of a secret stream goes to one person only", field="RCPT TO")
            if len(raw) * len(people) > MAX_STORED:
                raise Invalid("too large for so many recipients: send it to a few at a time")

        def check() -> list[NewMessage]:
            each = (to_one(content, recipient) for recipient in people)
            return [running.intake.check(NewMessage(stream=stream, content=one)) for one in each]

        checked = await asyncio.to_thread(check) if large else check()

        async def store(tx: Tx) -> list[str]:
            return [await running.intake.accept(tx, new) for new in checked]

        ids = await running.shared.run(store, lane=running.streams[stream].priority)
        running.dispatcher.wake(stream)
        return ids


async def listen(running: Running, host: str, port: int) -> asyncio.Server:
    """Listen without TLS, which is for loopback only.

    Raises:
        Invalid: ``host`` is not loopback: keys would cross the network in clear.
    """
    if host not in {"127.0.0.1", "::1", "localhost"}:
        raise Invalid("submission without TLS listens on loopback only")
    return await door.listen(
        _Handler(running),
        host,
        port,
        max_size=MAX_SIZE,
        auth_required=True,
        auth_require_tls=False,
        auth_exclude_mechanism=["LOGIN"],
    )
