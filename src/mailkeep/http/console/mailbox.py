"""The development mailbox: every mail that the stand-in providers delivered, in the browser.

It exists in development mode only. A mail is hostile input: its HTML is shown in a frame without
scripts, without an origin of its own and without anything from elsewhere.
"""

import asyncio
from collections.abc import AsyncIterator, Mapping
from email import message_from_bytes, policy
from email.message import EmailMessage, MIMEPart

import msgspec
from litestar import Controller, Response, get
from litestar.response import ServerSentEvent, Template

from mailkeep.base.clock import Instant, iso
from mailkeep.base.errors import MailkeepError
from mailkeep.http.port import Running
from mailkeep.mail import queries
from mailkeep.providers.types import ID_HEADER

FRAME_POLICY = (
    "sandbox allow-popups allow-popups-to-escape-sandbox; "
    "default-src 'none'; img-src data:; style-src 'unsafe-inline'"
)
#: Links of a mail open in a tab of their own: a page of ours refuses to stand in a frame.
LINKS = '<base target="_blank">'
LOOK_SECONDS = 0.5


class Row(msgspec.Struct, frozen=True):
    """A mail in the list."""

    id: str
    at: Instant
    when: str
    sender: str
    recipient: str
    subject: str
    carrier: str


class Mail(msgspec.Struct, frozen=True):
    """A mail that is open."""

    row: Row
    text: str | None
    has_html: bool
    headers: list[tuple[str, str]]


class Mailbox(Controller):
    """The list, a mail, its HTML and its source."""

    path = "/mailbox"
    include_in_schema = False

    @get("/")
    async def index(self, running: Running, q: str = "") -> Template:
        async with running.database.read() as tx:
            found = await queries.caught(tx, search=q[:200])
            ids = [_id(_parse(one.raw)) for one in found]
            carriers = await queries.carriers(tx, ids)
        return Template(
            "mailbox.html", context={"rows": [_row(one, carriers) for one in found], "q": q}
        )

    @get("/news", media_type="text/event-stream")
    async def news(self, running: Running) -> ServerSentEvent:
        """One event for each change of the newest mail."""

        async def look() -> AsyncIterator[str]:
            last: str | None = None
            while True:
                async with running.database.read() as tx:
                    newest = await queries.caught(tx, limit=1)
                current = newest[0].id if newest else ""
                if last is not None and current != last:
                    yield current
                last = current
                await asyncio.sleep(LOOK_SECONDS)

        return ServerSentEvent(look())

    @get("/{mail:str}")
    async def show(self, running: Running, mail: str) -> Template:
        async with running.database.read() as tx:
            found = await queries.caught_one(tx, mail)
            carriers = await queries.carriers(tx, [_id(_parse(found.raw))])
        return Template("mail.html", context={"mail": _open(found, carriers)})

    @get("/{mail:str}/html")
    async def html(self, running: Running, mail: str) -> Response[str]:
        async with running.database.read() as tx:
            found = await queries.caught_one(tx, mail)
        part = _parse(found.raw).get_body(("html",))
        return Response(
            LINKS + _text(part) if part is not None else "",
            media_type="text/html; charset=utf-8",
            headers={"Content-Security-Policy": FRAME_POLICY, "X-Frame-Options": "SAMEORIGIN"},
        )

    @get("/{mail:str}/source")
    async def source(self, running: Running, mail: str) -> Response[bytes]:
        async with running.database.read() as tx:
            found = await queries.caught_one(tx, mail)
        return Response(found.raw, media_type="text/plain; charset=utf-8")


def on_error(_request: object, error: MailkeepError) -> Template:
    """A page that says what is wrong, for people who look with a browser."""
    return Template("error.html", context={"error": error}, status_code=error.status)


Mailbox.exception_handlers = {MailkeepError: on_error}


def _parse(raw: bytes) -> EmailMessage:
    message = message_from_bytes(raw, policy=policy.default)
    if not isinstance(message, EmailMessage):
        raise TypeError("the default policy makes EmailMessage")
    return message


def _row(found: queries.CaughtMail, carriers: Mapping[str, str]) -> Row:
    message = _parse(found.raw)
    return Row(
        found.id,
        found.at,
        iso(found.at),
        _header(message, "From"),
        found.recipient,
        _header(message, "Subject") or "(no subject)",
        carriers.get(_id(message)) or _carrier(message),
    )


def _open(found: queries.CaughtMail, carriers: Mapping[str, str]) -> Mail:
    message = _parse(found.raw)
    text = message.get_body(("plain",))
    headers = [(name, _header_text(value)) for name, value in message.items()]
    return Mail(
        _row(found, carriers),
        None if text is None else _text(text),
        message.get_body(("html",)) is not None,
        headers[:200],
    )


def _text(part: MIMEPart) -> str:
    """A part's text; a charset that lies shows as replacement characters, not as an error."""
    payload = part.get_payload(decode=True)
    if not isinstance(payload, bytes):
        return str(part.get_payload())
    try:
        return payload.decode(part.get_content_charset() or "utf-8", "replace")
    except LookupError:
        return payload.decode("utf-8", "replace")


def _header(message: EmailMessage, name: str) -> str:
    return _header_text(message.get(name, ""))


def _header_text(value: object) -> str:
    return str(value).encode("utf-8", "replace").decode()[:2000]


def _id(message: EmailMessage) -> str:
    """Our id of the message, as the mail says; what it says is looked up and shown, no more."""
    return _header(message, ID_HEADER).strip()[:40]


def _carrier(message: EmailMessage) -> str:
    """Who says to have carried it: the host that the nearest Received field names."""
    received = _header(message, "Received").split()
    return received[received.index("by") + 1] if "by" in received[:-1] else "unknown"
