"""Message submission (RFC 6409): an application hands mail in, with an API key as its password.

250 is answered only after the commit. A message to several recipients becomes one message each, all
stored in one commit or none: the envelope says who gets it, the header what each of them is shown.

Security: reads hostile input. The key is required before any mail command, is not accepted over a
network in clear, and is checked again in the transaction that stores a message.
"""

import asyncio
import binascii
from base64 import b64decode
from collections.abc import Sequence
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
from mailkeep.base.workers import Workers
from mailkeep.mail.api_keys import Grants
from mailkeep.mail.fitting import MOST_STORED
from mailkeep.mail.grants import Grant, Scope
from mailkeep.mail.intake import Intake
from mailkeep.mail.taking import Handed, Outcome, Taking
from mailkeep.mail.types import Content, NewMessage, StreamSettings

from . import asked, door
from .connection import Connection
from .fast import plain
from .guests import Guests
from .parsing import parse, to_one
from .tls import Certificate
from .types import SubmissionSettings, is_loopback

log = structlog.get_logger(__name__)

BIG = 256 * 1024  #: octets from which a message is read in a thread: others are served meanwhile
#: Read whatever the fast parser leaves to the library's; and what is large, for which nothing small
#: waits.
READERS, LARGE = Workers("submitted", 2), Workers("submitted-large", 2)
#: The key has gone since it signed in. Not for good: a relay that signs in anew learns why, and
#: keeps its mail, where a 550 would have it bounce what waits.
_SIGN_IN_AGAIN = "421 4.7.0 the key is not good any more, sign in again"


class Running(Protocol):
    """The services behind the submission listener."""

    grants: Grants
    streams: dict[str, StreamSettings]
    intake: Intake
    taking: Taking


class _Key(msgspec.Struct, frozen=True):
    """What the API key may do that a session signed in with, and the address of its client."""

    grant: Grant
    network: str

    def __repr__(self) -> str:
        return "_Key(…)"


class _Handler(door.Door):
    def __init__(self, running: Running, default_stream: str) -> None:
        self._running = running
        self._default = default_stream

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
            network = _network(server.session)
            grant = await self._running.grants.find(presented, Scope.SEND, network)
        except Unavailable:
            said = "454 4.7.0 cannot look the key up now, try again"
            return AuthResult(success=False, handled=False, message=said)
        except (NotSignedIn, NotAllowed, UnicodeDecodeError):
            await server.wrong_key()
            return AuthResult(success=False, handled=False)
        return AuthResult(success=True, auth_data=_Key(grant, network))

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
        readers = READERS if len(raw) < BIG else LARGE
        found = plain(raw) if readers is READERS else None
        content, named = await readers.run(read, raw) if found is None else found
        grant = key.grant
        stream = asked.stream(named, grant.streams, self._default)
        grant.require(Scope.SEND, streams=(stream,), network=key.network)
        again = asked.idempotency(raw)
        people = list(dict.fromkeys(recipients))
        if len(people) > 1:
            if stream in running.streams and running.streams[stream].secret:
                raise Invalid("mail of a secret stream goes to one person only", field="RCPT TO")
            if len(raw) * len(people) > MOST_STORED:
                raise Invalid("too large for so many recipients: send it to a few at a time")

        def check() -> list[NewMessage]:
            return [
                running.intake.check(
                    NewMessage(
                        stream=stream,
                        content=to_one(content, recipient),
                        idempotency=None
                        if again is None
                        else (grant.line, f"{again}\n{recipient}"),
                    )
                )
                for recipient in people
            ]

        checked = check() if found is not None else await readers.run(check)
        senders = {new.content.sender for new in checked}
        grant.require(Scope.SEND, senders=senders, network=None)
        # Only when a key was used before can some of it be refused at storage.
        handed = Handed(grant.id, checked, all_or_none=again is not None)
        return _told(await running.taking.take(handed, lane=running.streams[stream].priority))


def _told(taken: Sequence[Outcome]) -> list[str]:
    """The ids of what was stored. Raises what stopped all of it."""
    ids = []
    for one in taken:
        if isinstance(one, MailkeepError):
            raise one
        ids.append(one.id)
    return ids


def _network(session: Session | None) -> str:
    peer = session.peer if session is not None else None
    return str(peer[0]) if isinstance(peer, tuple) else "unknown"


def read(raw: bytes) -> tuple[Content, str | None]:
    """As ``parse``, by the fast parser where it can."""
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
            # Not ASCII, which we do not take (RFC 6531 section 3.2), or not an address at all.
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
    """The listeners of submission, which share their bookkeeping of clients."""

    def __init__(self, listeners: list[door.Listener]) -> None:
        self._listeners = listeners

    @property
    def ports(self) -> list[int]:
        return [one.port for one in self._listeners]

    async def stop(self, seconds: float = door.GRACE_SECONDS) -> None:
        """Accept nobody any more; wait for messages that are coming in, for a bounded time."""
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
