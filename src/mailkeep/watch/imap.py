"""A minimal IMAP client: as much as it takes to read one mailbox (RFC 9051, 3501; RFC 2177 IDLE).

Security: reads hostile input: whoever hosts the mailbox, or sits on the line to it, writes what we
read. Lines, literals and answers are bounded before they are read. TLS is required: with STARTTLS
not an octet is read ahead, so that what was injected before TLS (CVE-2011-0411 and its kin) is no
answer under it, and a greeting that says we are signed in already is refused. The mailbox is opened
read-only, and no flag is set.
"""

import asyncio
import base64
import contextlib
import re
import socket
import ssl
from collections.abc import AsyncIterator
from datetime import datetime, timedelta, timezone
from typing import Self

import msgspec

from mailkeep.base.clock import SECOND, Instant
from mailkeep.base.errors import MailkeepError
from mailkeep.base.secret import Secret

MAX_LINE = 16 * 1024
MAX_LINES = 5000  #: of one answer
MAX_ANSWER = 256 * 1024  #: octets of one answer, beside the mail that it was asked for
STARTTLS_MAX = 4096  #: octets that may come before TLS begins

_LITERAL = re.compile(rb"\{(\d{1,10})\}\r\n\Z")
_UID = re.compile(r"\bUID (\d{1,10})\b")
_DATE = re.compile(
    r'INTERNALDATE "([ \d]\d)-([A-Z][a-z]{2})-(\d{4}) (\d\d):(\d\d):(\d\d) ([+-])(\d\d)(\d\d)"'
)
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


class ImapError(MailkeepError):
    """The mailbox could not be read; the text is ours, and quotes nothing of the server."""

    slug = "imap"


class Mail(msgspec.Struct, frozen=True):
    """A mail in the mailbox. ``at``: when it came, as its host says; None: it does not."""

    uid: int
    at: Instant | None
    raw: bytes


class Opened(msgspec.Struct, frozen=True):
    """``validity``: while it is the same a UID names the same mail. ``next``: the next UID."""

    validity: int
    next: int


class _Answer(msgspec.Struct, frozen=True):
    text: str
    literal: bytes = b""


class Imap:
    """A session.

    Args:
        patience: seconds for each answer.
    """

    def __init__(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, patience: float
    ) -> None:
        self._reader = reader
        self._writer = writer
        self._patience = patience
        self._count = 0
        self._able: frozenset[str] = frozenset()

    @classmethod
    async def connect(
        cls, host: str, port: int, *, starttls: bool, context: ssl.SSLContext, patience: float
    ) -> Self:
        """Connect, under TLS. Raises ``ImapError``."""
        made: Self | None = None
        try:
            async with asyncio.timeout(patience):
                if starttls:
                    plain = await _to_starttls(host, port)
                    # The greeting came before TLS; under TLS the server waits for a command.
                    return cls(
                        *await asyncio.open_connection(
                            sock=plain, ssl=context, server_hostname=host, limit=MAX_LINE
                        ),
                        patience,
                    )
                reader, writer = await asyncio.open_connection(
                    host, port, ssl=context, limit=MAX_LINE
                )
                made = cls(reader, writer, patience)
                if not (await made._answer(0)).text.upper().startswith("* OK"):
                    raise ImapError("it does not greet as an IMAP server does")
                return made
        except ssl.SSLCertVerificationError as error:
            raise ImapError("its certificate is not valid") from error
        except TimeoutError as error:
            await _leave(made)
            raise ImapError("no answer in time") from error
        except OSError as error:
            raise ImapError("no connection") from error
        except ImapError:
            await _leave(made)
            raise

    async def sign_in(self, user: str, secret: Secret) -> None:
        """Sign in with a password. Raises ``ImapError``."""
        self._able = await self._capabilities()
        if "AUTH=PLAIN" in self._able:
            token = base64.b64encode(b"\0".join((b"", user.encode(), secret.reveal().encode())))
            tag = await self._send("AUTHENTICATE PLAIN")
            await self._until_plus(tag)
            self._writer.write(token + b"\r\n")
            await self._until(tag, "it does not let us in")
        elif "LOGINDISABLED" in self._able:
            raise ImapError("it takes no password")
        else:
            words = f"LOGIN {_quoted(user)} {_quoted(secret.reveal())}"
            await self._command(words, "it does not let us in")
        self._able = await self._capabilities()

    @property
    def can_idle(self) -> bool:
        """Whether it says by itself that mail came."""
        return "IDLE" in self._able

    async def open(self, folder: str) -> Opened:
        """Open a folder to be read only. Raises ``ImapError``."""
        said = await self._command(f"EXAMINE {_quoted(folder)}", "there is no such folder")
        text = "\n".join(one.text for one in said).upper()
        validity = re.search(r"\[UIDVALIDITY (\d{1,10})\]", text)
        following = re.search(r"\[UIDNEXT (\d{1,10})\]", text)
        if validity is None or following is None:
            raise ImapError("it does not give the mails' UIDs")
        return Opened(int(validity[1]), int(following[1]))

    async def newer(self, uid: int, limit: int) -> list[int]:
        """The UIDs above ``uid``, rising, so many at most."""
        said = await self._command(f"UID SEARCH UID {uid + 1}:*", "it does not search")
        found: set[int] = set()
        for one in said:
            if one.text.upper().startswith("* SEARCH"):
                found |= {int(word) for word in one.text.split()[2:] if word.isdigit()}
        # "n:*" names the last mail too where it is below n (RFC 9051 section 9).
        return sorted(one for one in found if uid < one < 2**32)[:limit]

    async def fetch(self, uid: int, most: int) -> Mail | None:
        """A mail, or its first ``most`` octets; None where it is gone."""
        wanted = f"UID FETCH {uid} (UID INTERNALDATE BODY.PEEK[]<0.{most}>)"
        for one in await self._command(wanted, "it does not hand a mail over", most):
            head = one.text
            match = _UID.search(head)
            if " FETCH (" in head.upper() and match is not None and int(match[1]) == uid:
                return Mail(uid, _instant(head), one.literal)
        return None

    async def wait(self, seconds: float) -> None:
        """Wait until it says that something changed, or so long."""
        tag = await self._send("IDLE")
        await self._until_plus(tag)
        try:
            async with asyncio.timeout(seconds):
                for _ in range(MAX_LINES):
                    line = await self._answer(0, patient=True)
                    if line.text.upper().endswith((" EXISTS", " RECENT")):
                        break
        except TimeoutError:
            pass
        self._writer.write(b"DONE\r\n")
        await self._until(tag, "it does not stop waiting")

    async def close(self) -> None:
        """Leave, whatever the other side does."""
        with contextlib.suppress(Exception):
            async with asyncio.timeout(2):
                await self._send("LOGOUT")
        self._writer.close()
        with contextlib.suppress(Exception):
            async with asyncio.timeout(2):
                await self._writer.wait_closed()

    async def _capabilities(self) -> frozenset[str]:
        said = await self._command("CAPABILITY", "it does not say what it can")
        words = [one.text.upper().split() for one in said]
        return frozenset(
            word for line in words if line[:2] == ["*", "CAPABILITY"] for word in line[2:]
        )

    async def _command(self, words: str, refused: str, most: int = 0) -> list[_Answer]:
        return await self._until(await self._send(words), refused, most)

    async def _send(self, words: str) -> str:
        self._count += 1
        tag = f"m{self._count}"
        self._writer.write(f"{tag} {words}\r\n".encode())
        await self._writer.drain()
        return tag

    async def _until(self, tag: str, refused: str, most: int = 0) -> list[_Answer]:
        said: list[_Answer] = []
        size = 0
        async for answer in self._answers(most):
            size += len(answer.text) + len(answer.literal)
            if size > MAX_ANSWER + most:
                break
            if answer.text.startswith(f"{tag} "):
                if not answer.text[len(tag) + 1 :].upper().startswith("OK"):
                    raise ImapError(refused)
                return said
            if answer.text.upper().startswith("* BYE"):
                raise ImapError("it hung up")
            said.append(answer)
        raise ImapError("its reply is longer than was asked for")

    async def _until_plus(self, tag: str) -> None:
        async for answer in self._answers(0):
            if answer.text.startswith("+"):
                return
            if answer.text.startswith(f"{tag} "):
                raise ImapError("it refuses what it announced that it can do")
        raise ImapError("its reply is longer than was asked for")

    async def _answers(self, most: int) -> AsyncIterator[_Answer]:
        for _ in range(MAX_LINES):
            yield await self._answer(most)

    async def _answer(self, most: int, *, patient: bool = False) -> _Answer:
        """One answer, with the one literal that it may hold, of ``most`` octets."""
        try:
            async with asyncio.timeout(None if patient else self._patience):
                text, literal = "", b""
                while True:
                    line = await self._reader.readuntil(b"\r\n")
                    found = _LITERAL.search(line)
                    text += line[: found.start() if found else -2].decode("ascii", "replace")
                    if found is None:
                        return _Answer(text, literal)
                    size = int(found[1])
                    if literal or size > most or len(text) > MAX_LINE:
                        raise ImapError("it sends more than was asked for")
                    literal = await self._reader.readexactly(size)
        except TimeoutError as error:
            raise ImapError("no answer in time") from error
        except (asyncio.IncompleteReadError, OSError) as error:
            raise ImapError("it hung up") from error
        except (asyncio.LimitOverrunError, ValueError) as error:
            raise ImapError("it sends more than was asked for") from error


async def _leave(session: Imap | None) -> None:
    if session is not None:
        await session.close()


async def _to_starttls(host: str, port: int) -> socket.socket:
    """A connection on which TLS may begin, octet by octet: nothing is read ahead."""
    loop = asyncio.get_running_loop()
    errors: OSError = OSError("no address")
    for family, kind, protocol, _, address in await loop.getaddrinfo(
        host, port, type=socket.SOCK_STREAM
    ):
        plain = socket.socket(family, kind, protocol)
        plain.setblocking(False)
        try:
            await loop.sock_connect(plain, address)
        except OSError as error:
            plain.close()
            errors = error
            continue
        try:
            left = STARTTLS_MAX
            if not (await _line(loop, plain, left)).upper().startswith(b"* OK"):
                raise ImapError("it does not greet as an IMAP server does")
            await loop.sock_sendall(plain, b"m0 STARTTLS\r\n")
            while left > 0:
                line = await _line(loop, plain, left)
                left -= len(line)
                if line.upper().startswith(b"M0 OK"):
                    return plain
                if not line.startswith(b"* "):
                    break
            raise ImapError("it offers no STARTTLS")
        except BaseException:
            plain.close()
            raise
    raise errors


async def _line(loop: asyncio.AbstractEventLoop, plain: socket.socket, most: int) -> bytes:
    line = b""
    while not line.endswith(b"\r\n"):
        one = await loop.sock_recv(plain, 1)
        if not one or len(line) >= most:
            raise ImapError("it hung up before TLS")
        line += one
    return line


def _quoted(text: str) -> str:
    """A quoted string (RFC 9051 section 4.3). Raises ``ImapError`` for what cannot be one."""
    if not text.isascii() or not text.isprintable():
        raise ImapError("user, password or folder has letters that are not ASCII")
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def _instant(head: str) -> Instant | None:
    match = _DATE.search(head)
    if match is None or match[2] not in _MONTHS:
        return None
    day, _, year, hour, minute, second, sign, hours, minutes = match.groups()
    offset = timedelta(hours=int(hours), minutes=int(minutes))
    try:
        zone = timezone(-offset if sign == "-" else offset)
        month = _MONTHS.index(match[2]) + 1
        at = datetime(int(year), month, int(day), int(hour), int(minute), int(second), tzinfo=zone)
    except ValueError:
        return None
    return round(at.timestamp()) * SECOND
