"""What the stand-ins share: a queue of accepted mail, its delivery, its webhooks, and faults."""

import asyncio
import contextlib
import time
import uuid
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, fields
from email.message import EmailMessage
from email.utils import format_datetime, formataddr
from typing import Any

import aiohttp
import aiosmtplib
from aiohttp import web

KEPT = 10_000  #: mails of which the stand-in remembers what passed
MAX_BODY = 32 * 1024 * 1024
WEBHOOK_TRIES = 6


@dataclass
class Mail:
    """One mail to one recipient, as the provider holds it."""

    sender: str
    sender_name: str
    to: str
    to_name: str
    subject: str
    text: str | None
    html: str | None
    headers: dict[str, str]
    metadata: dict[str, str]
    tags: list[str]
    track_clicks: bool = False
    id: str = field(default_factory=lambda: uuid.uuid4().hex)
    at: float = field(default_factory=time.time)


@dataclass
class Faults:
    """What goes wrong. All off: an honest provider on a good day."""

    slow: float = 0.0  #: seconds before each answer
    hang: bool = False  #: the connection is accepted, an answer never comes
    fail: bool = False  #: 500
    throttle: bool = False  #: 429
    refuse_key: bool = False  #: the key is no longer known
    suspend: bool = False  #: the account may not send, and the API says so
    drop: bool = False  #: the API says yes, nothing is delivered and nothing reported
    no_webhooks: bool = False  #: mail is delivered, nobody is told
    foreign_reply_to: str = ""  #: an address put into every mail, as on 7 August 2022
    rewrite_links: str = ""  #: where tracked links lead, for mail that has tracking on


class StandIn:
    """A provider's core; ``Mandrill`` and ``Postmark`` put their words around it.

    Args:
        deliver: (host, port) of the mail server that takes everything.
        webhook: where events are reported.
        key, webhook_key: what it demands, and what it proves itself with.
    """

    host = "standin.example"  #: who it says it is in Received and HELO

    def __init__(self, deliver: tuple[str, int], webhook: str, key: str, webhook_key: str) -> None:
        self.deliver_to = deliver
        self.webhook = webhook
        self.key = key
        self.webhook_key = webhook_key
        self.faults = Faults()
        self.passed: deque[Mail] = deque(maxlen=KEPT)
        self.requests = 0
        self.delivered = 0
        self._arrived = asyncio.Condition()
        self._tasks: set[asyncio.Task[None]] = set()
        self._session: aiohttp.ClientSession | None = None

    def routes(self) -> list[web.RouteDef]:
        """The provider's API."""
        raise NotImplementedError

    async def report(self, event: str, mail: Mail, detail: str = "") -> None:
        """Tell the webhook of ``delivered`` or ``bounced`` in the provider's words."""
        raise NotImplementedError

    async def meet_faults(self) -> None:
        """Be slow, or hang, before anything is looked at."""
        self.requests += 1
        if self.faults.hang:
            await asyncio.Event().wait()
        if self.faults.slow:
            await asyncio.sleep(self.faults.slow)

    async def accept(self, mail: Mail) -> None:
        """Take a mail: whoever reads here reads all of it, and no event tells."""
        async with self._arrived:
            self.passed.append(mail)
            self._arrived.notify_all()
        if not self.faults.drop:
            self._start(self._deliver(mail))

    def _start(self, work: Awaitable[None]) -> None:
        async def run() -> None:
            await work

        task = asyncio.create_task(run())
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _deliver(self, mail: Mail) -> None:
        message = self._mime(mail)
        host, port = self.deliver_to
        try:
            await aiosmtplib.send(
                message,
                sender=f"bounce-{mail.id}@{self.host}",
                recipients=[mail.to],
                hostname=host,
                port=port,
                start_tls=False,
                timeout=20,
            )
        except aiosmtplib.SMTPResponseException as error:
            await self.report("bounced", mail, f"{error.code} {error.message}")
            return
        except (aiosmtplib.SMTPException, OSError) as error:
            await self.report("bounced", mail, f"no route: {type(error).__name__}")
            return
        self.delivered += 1
        await self.report("delivered", mail)

    def _mime(self, mail: Mail) -> EmailMessage:
        message = EmailMessage()
        now = format_datetime(_now())
        message["Received"] = f"from api by {self.host} with HTTP id {mail.id}; {now}"
        message["From"] = formataddr((mail.sender_name, mail.sender))
        message["To"] = formataddr((mail.to_name, mail.to))
        message["Subject"] = mail.subject
        lower = {name.lower() for name in mail.headers}
        if "date" not in lower:
            message["Date"] = now
        if "message-id" not in lower:
            message["Message-ID"] = f"<{mail.id}@{self.host}>"
        for name, value in mail.headers.items():
            if name.lower() == "reply-to" and self.faults.foreign_reply_to:
                continue
            message[name] = value
        if self.faults.foreign_reply_to:
            message["Reply-To"] = self.faults.foreign_reply_to
        html = mail.html
        if html is not None and mail.track_clicks and self.faults.rewrite_links:
            html = html.replace('href="http', f'href="{self.faults.rewrite_links}?u=http')
        if mail.text is not None:
            message.set_content(mail.text)
        if html is not None:
            if mail.text is None:
                message.set_content(html, subtype="html")
            else:
                message.add_alternative(html, subtype="html")
        return message

    async def post_webhook(self, data: bytes, content_type: str, headers: dict[str, str]) -> None:
        """Report with retries, as the providers do; gives up after the last."""
        if self.faults.no_webhooks or not self.webhook:
            return
        if self._session is None:
            self._session = aiohttp.ClientSession()
        for attempt in range(WEBHOOK_TRIES):
            with contextlib.suppress(aiohttp.ClientError, TimeoutError):
                async with self._session.post(
                    self.webhook,
                    data=data,
                    headers={"Content-Type": content_type, **headers},
                    timeout=aiohttp.ClientTimeout(total=10),
                ) as reply:
                    if reply.status < 300:
                        return
            await asyncio.sleep(min(0.2 * 2**attempt, 5))

    async def close(self) -> None:
        for task in list(self._tasks):
            task.cancel()
        if self._session is not None:
            await self._session.close()

    # The control door: the operator of the drill, and the thief inside the provider.

    def control_routes(self) -> list[web.RouteDef]:
        return [
            web.get("/state", self._state),
            web.post("/faults", self._set_faults),
            web.post("/config", self._set_config),
            web.get("/leak", self._leak),
        ]

    async def _state(self, _request: web.Request) -> web.Response:
        return web.json_response(
            {
                "faults": vars(self.faults),
                "requests": self.requests,
                "accepted": len(self.passed),
                "delivered": self.delivered,
            }
        )

    async def _set_faults(self, request: web.Request) -> web.Response:
        wanted = await request.json()
        known = {one.name: type(getattr(Faults(), one.name)) for one in fields(Faults)}
        for name, value in wanted.items():
            if name not in known or not isinstance(value, known[name] | int):
                raise web.HTTPBadRequest(text=f"faults are {', '.join(sorted(known))}")
            setattr(self.faults, name, value)
        return await self._state(request)

    async def _set_config(self, request: web.Request) -> web.Response:
        self.webhook = str((await request.json())["webhook_url"])
        return web.json_response({"webhook_url": self.webhook})

    async def _leak(self, request: web.Request) -> web.Response:
        """All that passed since ``after`` (seconds since the epoch), waiting for more."""
        after = float(request.query.get("after", "0"))
        wait = min(float(request.query.get("wait", "0")), 30.0)

        def found() -> list[Mail]:
            return [mail for mail in self.passed if mail.at > after]

        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(wait), self._arrived:
                await self._arrived.wait_for(lambda: bool(found()))
        return web.json_response({"mails": [vars(mail) for mail in found()]})


async def read_json(request: web.Request) -> dict[str, Any]:
    """The request's object, or an empty one for anything else."""
    try:
        body = await request.json()
    except ValueError:
        return {}
    return body if isinstance(body, dict) else {}


def _now() -> Any:
    from datetime import UTC, datetime

    return datetime.now(UTC)


Factory = Callable[[tuple[str, int], str, str, str], StandIn]
