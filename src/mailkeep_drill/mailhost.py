"""The customers' mail server: receives by SMTP, stores by recipient, serves over HTTP.

``python -m mailkeep_drill.mailhost --port 0 --http-port 0 --forward canary.test=127.0.0.1:2525``

====== =========================== =============================================================
GET    /mailboxes                  addresses and how many mails each has
GET    /mailboxes/{address}        mails: after, wait (long poll), limit, raw=1
GET    /mailboxes/{address}/{n}/raw  one mail as it arrived
DELETE /mailboxes                  forget everything
GET    /state                      counters and rules
POST   /config                     refuse, defer: lists of {match, code, text}; forward: {domain:
                                   host:port}
====== =========================== =============================================================

Security: no authentication, loopback only; it forwards to loopback only.
"""

import argparse
import asyncio
import os
import re
import time
from collections import Counter, OrderedDict
from dataclasses import dataclass

import aiosmtplib
import msgspec
from aiohttp import web
from aiosmtpd.smtp import SMTP, Envelope, Session

from .standins.feed import Feed
from .standins.loopback import Target, target
from .standins.mime import body_of, crlf, parse
from .standins.process import run
from .standins.web import Handler, Listener, number

MAX_MAILBOXES = 20_000
MAX_MAILS = 2_000  # a mailbox
MAX_BYTES = 256 * 1024 * 1024  # all together
MAX_SIZE = 35 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Stored:
    """One mail for one recipient; `at` in seconds since the epoch."""

    at: float
    sender: str
    recipient: str
    raw: bytes


class Rule(msgspec.Struct, forbid_unknown_fields=True):
    """Refuse or defer recipients whose address matches a regular expression."""

    match: str
    code: int = 0
    text: str = ""


class Rules(msgspec.Struct, forbid_unknown_fields=True):
    """What the mail server does with recipients; see the module."""

    refuse: list[Rule] | None = None
    defer: list[Rule] | None = None
    forward: dict[str, str] | None = None


class MailHost:
    """The mail server and its HTTP API."""

    def __init__(self, port: int, http_port: int, forward: dict[str, Target]) -> None:
        self._port = port
        self._http_port = http_port
        self._forward = forward
        self._rules: list[tuple[re.Pattern[str], str]] = []
        self._mailboxes: OrderedDict[str, Feed[Stored]] = OrderedDict()
        self._bytes = 0
        self._count: Counter[str] = Counter()
        self._server: asyncio.Server | None = None
        self._connections: set[_Connection] = set()
        app = web.Application(client_max_size=1024 * 1024, middlewares=[_errors])
        app.add_routes(
            [
                web.get("/mailboxes", self._list),
                web.delete("/mailboxes", self._clear),
                web.get("/mailboxes/{address}", self._read),
                web.get("/mailboxes/{address}/{n}/raw", self._read_raw),
                web.get("/state", self._state),
                web.post("/config", self._config),
            ]
        )
        self._listener = Listener(app)

    async def start(self) -> dict[str, object]:
        """Listen; returns what the ready line says."""
        loop = asyncio.get_running_loop()

        def connect() -> _Connection:
            connection = _Connection(self, loop)
            self._connections.add(connection)
            return connection

        self._server = await loop.create_server(connect, "127.0.0.1", self._port)
        host, port = self._server.sockets[0].getsockname()[:2]
        http = await self._listener.start(self._http_port)
        return {"kind": "mailhost", "smtp": f"{host}:{port}", "http": http}

    async def stop(self) -> None:
        """End."""
        await self._listener.stop()
        if self._server is not None:
            self._server.close()
        for connection in list(self._connections):
            connection.cut()

    def gone(self, connection: "_Connection") -> None:
        """Forget a closed connection."""
        self._connections.discard(connection)

    # SMTP.

    async def handle_RCPT(
        self,
        server: SMTP,
        session: Session,
        envelope: Envelope,
        address: str,
        rcpt_options: list[str],
    ) -> str:
        """Accept, refuse or defer a recipient."""
        del server, session, rcpt_options
        for pattern, reply in self._rules:
            if pattern.search(address):
                self._count["refused" if reply.startswith("5") else "deferred"] += 1
                return reply
        envelope.rcpt_tos.append(address)
        return "250 2.1.5 OK"

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        """Forward what is to be forwarded, then keep the rest: a failure leaves nothing behind."""
        del server, session
        raw = crlf(envelope.original_content or b"")
        sender = envelope.mail_from or ""
        kept = []
        for recipient in envelope.rcpt_tos:
            onward = self._forward.get(recipient.rpartition("@")[2].lower())
            if onward is None:
                kept.append(recipient)
                continue
            failure = await _pass_on(onward, sender, recipient, raw)
            if failure:
                self._count["forward_failed"] += 1
                return failure
            self._count["forwarded"] += 1
        for recipient in kept:
            self._store(Stored(time.time(), sender, recipient.lower(), raw))
        return "250 2.0.0 OK stored"

    def _store(self, mail: Stored) -> None:
        self._count["stored"] += 1
        self._mailbox(mail.recipient).append(mail)
        self._bytes += len(mail.raw)
        while self._bytes > MAX_BYTES or len(self._mailboxes) > MAX_MAILBOXES:
            self._mailboxes.popitem(last=False)[1].clear()

    def _mailbox(self, address: str) -> Feed[Stored]:
        address = address.lower()
        if address not in self._mailboxes:
            self._mailboxes[address] = Feed(MAX_MAILS, gone=self._forget)
        return self._mailboxes[address]

    def _forget(self, mail: Stored) -> None:
        self._bytes -= len(mail.raw)

    # HTTP.

    async def _list(self, _request: web.Request) -> web.Response:
        return web.json_response({name: len(box) for name, box in self._mailboxes.items() if box})

    async def _clear(self, _request: web.Request) -> web.Response:
        for box in self._mailboxes.values():
            box.clear()
        return web.json_response({})

    async def _read(self, request: web.Request) -> web.Response:
        query = request.query
        after = int(number(query.get("after"), 0, 0, 2**53))
        wait = number(query.get("wait"), 0, 0, 60)
        limit = int(number(query.get("limit"), 100, 1, 1000))
        box = self._mailbox(request.match_info["address"])
        found = await box.wait(after, wait, limit)
        mails = [_shown(n, mail, raw=query.get("raw") == "1") for n, mail in found]
        return web.json_response({"next": found[-1][0] if found else after, "mails": mails})

    async def _read_raw(self, request: web.Request) -> web.Response:
        n = int(request.match_info["n"])
        found = self._mailbox(request.match_info["address"]).after(n - 1, 1)
        if not found or found[0][0] != n:
            raise web.HTTPNotFound
        return web.Response(body=found[0][1].raw, content_type="message/rfc822")

    async def _state(self, _request: web.Request) -> web.Response:
        return web.json_response(
            {
                "pid": os.getpid(),
                "count": dict(self._count),
                "mailboxes": len(self._mailboxes),
                "bytes": self._bytes,
                "rules": [[pattern.pattern, reply] for pattern, reply in self._rules],
                "forward": {domain: str(onward) for domain, onward in self._forward.items()},
            }
        )

    async def _config(self, request: web.Request) -> web.Response:
        wanted = msgspec.json.decode(await request.read(), type=Rules)
        rules = []
        for entries, code, words in (
            (
                wanted.refuse or [],
                550,
                "5.1.1 The email account that you tried to reach does not exist",
            ),
            (wanted.defer or [], 451, "4.3.5 Temporarily unavailable, try again later"),
        ):
            for rule in entries:
                pattern = re.compile(rule.match, re.IGNORECASE)
                rules.append((pattern, f"{rule.code or code} {rule.text or words}"))
        onward = {d.lower(): target(to) for d, to in (wanted.forward or {}).items()}
        if wanted.refuse is not None or wanted.defer is not None:
            self._rules = rules
        if wanted.forward is not None:
            self._forward = onward
        return await self._state(request)


class _Connection(SMTP):
    """One client of the mail server."""

    def __init__(self, host: MailHost, loop: asyncio.AbstractEventLoop) -> None:
        self._host = host
        super().__init__(
            host,
            data_size_limit=MAX_SIZE,
            enable_SMTPUTF8=True,
            hostname="mailhost.example",
            ident="ESMTP",
            loop=loop,
        )

    def cut(self) -> None:
        """Close the connection without a word."""
        if isinstance(self.transport, asyncio.Transport):
            self.transport.abort()

    def connection_lost(self, error: Exception | None) -> None:
        """The client is gone."""
        self._host.gone(self)
        super().connection_lost(error)


@web.middleware
async def _errors(request: web.Request, handler: Handler) -> web.StreamResponse:
    try:
        return await handler(request)
    except (ValueError, re.error) as error:
        return web.json_response({"error": str(error)}, status=400)


async def _pass_on(onward: Target, sender: str, recipient: str, raw: bytes) -> str:
    """Deliver to another server; returns the reply to give when that fails."""
    options = [] if (sender + recipient).isascii() else ["SMTPUTF8"]
    try:
        await aiosmtplib.send(
            raw,
            sender=sender,
            recipients=[recipient],
            hostname=onward.host,
            port=onward.port,
            start_tls=False,
            timeout=20,
            mail_options=options,
        )
    except aiosmtplib.SMTPRecipientsRefused as error:
        return f"{error.recipients[0].code} {' '.join(error.recipients[0].message.split())}"
    except aiosmtplib.SMTPResponseException as error:
        return f"{error.code} {' '.join(error.message.split())}"
    except (aiosmtplib.SMTPException, OSError) as error:
        return f"451 4.4.1 {type(error).__name__}"
    return ""


def _shown(n: int, mail: Stored, *, raw: bool) -> dict[str, object]:
    message = parse(mail.raw)
    shown: dict[str, object] = {
        "n": n,
        "received_at": mail.at,
        "envelope_from": mail.sender,
        "envelope_to": mail.recipient,
        "from": str(message.get("From", "")),
        "to": str(message.get("To", "")),
        "subject": str(message.get("Subject", "")),
        "text": body_of(message, "plain"),
        "html": body_of(message, "html"),
        "headers": [[name, str(value)] for name, value in message.items()],
    }
    if raw:
        shown["raw"] = mail.raw.decode("utf-8", "replace")
    return shown


def _forwarding(text: str) -> tuple[str, Target]:
    domain, _, onward = text.partition("=")
    return domain.lower(), target(onward)


def main() -> None:
    """Start the mail server that the command line describes."""
    parser = argparse.ArgumentParser(prog="python -m mailkeep_drill.mailhost")
    parser.add_argument("--port", type=int, default=0, help="SMTP; 0: a free one")
    parser.add_argument("--http-port", type=int, default=0)
    parser.add_argument(
        "--forward",
        action="append",
        default=[],
        type=_forwarding,
        help="DOMAIN=HOST:PORT; repeatable",
    )
    parser.add_argument("--exit-with-stdin", action="store_true")
    args = parser.parse_args()
    forward = dict(args.forward)
    run(
        lambda: MailHost(args.port, args.http_port, forward),
        exit_with_stdin=args.exit_with_stdin,
    )


if __name__ == "__main__":
    main()
