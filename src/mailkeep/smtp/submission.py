"""Submission (RFC 6409): an application hands mail in, with an API key as its password.

250 is said only after the commit. A message to several recipients becomes one message each, all
stored in one commit or none.

Security: reads hostile input. The key is asked for before any mail command; without TLS the
listener stands on loopback only.
"""

import asyncio
import binascii
from base64 import b64decode
from typing import Protocol

import msgspec
from aiosmtpd.smtp import MISSING, SMTP, AuthResult, Envelope, Session

from mailkeep.base.errors import Conflict, Invalid, NotAllowed, NotSignedIn, Unavailable
from mailkeep.mail.api_keys import Grants
from mailkeep.mail.grants import Grant, Scope
from mailkeep.mail.intake import Intake
from mailkeep.mail.taking import Handed, Taking
from mailkeep.mail.types import NewMessage, StreamSettings, Taken

from . import door
from .parsing import parse

DEFAULT_STREAM = "alert"


class Running(Protocol):
    """The services behind this door."""

    grants: Grants
    streams: dict[str, StreamSettings]
    intake: Intake
    taking: Taking


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
            await self._running.grants.find(password, Scope.SEND, _peer(server.session))
        except (NotSignedIn, NotAllowed):
            return AuthResult(success=False, handled=False)
        return AuthResult(success=True, auth_data=password)

    async def handle_DATA(self, _server: SMTP, session: Session, envelope: Envelope) -> str:
        content = envelope.content
        if not isinstance(content, bytes) or not isinstance(session.auth_data, str):
            return "554 5.5.1 no message, or nobody signed in"
        try:
            grant = await self._running.grants.find(session.auth_data, Scope.SEND, _peer(session))
            ids = await self._store(grant, _peer(session), content, envelope.rcpt_tos)
        except (Invalid, Conflict) as error:
            where = f" ({error.field})" if error.field else ""
            return f"550 5.6.0 {error}{where}"
        except (NotSignedIn, NotAllowed) as error:
            return f"550 5.7.1 {error}"
        except Unavailable:
            return door.NOT_NOW
        return f"250 2.0.0 {' '.join(ids[:5])}"

    async def _store(self, grant: Grant, peer: str, raw: bytes, recipients: list[str]) -> list[str]:
        running = self._running
        content, asked = parse(raw)
        stream = asked or DEFAULT_STREAM
        checked = [
            running.intake.check(
                NewMessage(stream=stream, content=msgspec.structs.replace(content, to=recipient))
            )
            for recipient in recipients
        ]

        senders = {new.content.sender for new in checked}
        grant.require(Scope.SEND, streams=(stream,), senders=senders, network=peer)

        handed = Handed(grant.id, checked)
        taken = await running.taking.take(handed, lane=running.streams[stream].priority)
        # Nothing of what the intake refuses one by one can be said in a submitted mail.
        return [one.id for one in taken if isinstance(one, Taken)]


def _peer(session: Session | None) -> str:
    """The address of the other end; nowhere, where there is none."""
    peer = session.peer if session is not None else None
    return str(peer[0]) if isinstance(peer, tuple) else "unknown"


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
        auth_required=True,
        auth_require_tls=False,
        auth_exclude_mechanism=["LOGIN"],
    )
