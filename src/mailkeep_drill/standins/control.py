"""The control API of a stand-in: switches faults, reads what leaks, plays the attacker.

It stands on a listener of its own, so that nothing of it can be reached by way of the provider's.

====== ============= =================================================================
GET    /state        counters, faults that are on, what is configured
POST   /config       webhook_url, webhook_key, webhook_auth, webhook_headers, webhook_events,
                     webhook_interval, hurry, key, account_key, domains, deliver
GET    /catalogue    every fault: what it means, and the values that it takes
GET    /faults       what is on; POST switches single ones, PUT all, DELETE turns all off
GET    /sent         what was accepted and what became of it: after (or since), wait, limit
GET    /leak         full content of what passed while the leak was on: after, wait, limit
POST   /inject       send a mail as the attacker who holds the account
POST   /events       send webhooks, genuine or forged, about mails that exist or never did
POST   /release      send what a suspension or a limit held back
GET    /suppressions the provider's list; POST adds, DELETE removes (address)
POST   /account      add to the account's lists: {"list": "exports", "entry": {...}}
====== ============= =================================================================

Security: no authentication. Loopback only; anyone on this machine may play the attacker.
"""

import os
import time
from typing import Literal

import msgspec
from aiohttp import web

from .account import Injected
from .catalogue import catalogue
from .hooks import Proof
from .loopback import target, web_address
from .mail import Event, EventKind, Mail, Mailbox, Record
from .mime import write
from .standin import StandIn
from .web import Handler, Listener, number

_MAX_BODY = 8 * 1024 * 1024
Reason = Literal["hard-bounce", "soft-bounce", "spam", "unsub", "custom"]


class _Config(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    webhook_url: str | None = None
    webhook_key: str | None = None
    webhook_auth: str | None = None
    webhook_headers: dict[str, str] | None = None
    webhook_events: list[EventKind] | None = None
    webhook_interval: float | None = None
    hurry: float | None = None
    key: str | None = None
    account_key: str | None = None
    domains: list[str] | None = None
    deliver: str | None = None


class _Box(msgspec.Struct, forbid_unknown_fields=True):
    email: str
    name: str = ""


class _Inject(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    sender: _Box = msgspec.field(name="from")
    to: list[str]
    subject: str = ""
    text: str | None = None
    html: str | None = None
    reply_to: str = ""
    headers: dict[str, str] = {}
    metadata: dict[str, object] = {}
    webhooks: bool = False


class _Told(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    event: EventKind
    recipient: str
    id: str = ""
    sender: str = "no-reply@example.com"
    subject: str = "Reset your password"
    metadata: dict[str, object] = {}
    diag: str = ""
    url: str = ""
    at: float | None = None


class _Events(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    events: list[_Told]
    proof: Proof = "real"
    repeat: int = 1


class _Address(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    address: str
    reason: Reason = "hard-bounce"
    detail: str = ""


class _Entry(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    list: str
    entry: dict[str, object] = {}


class Control:
    """The control API of one stand-in."""

    def __init__(self, standin: StandIn) -> None:
        self._standin = standin
        app = web.Application(client_max_size=_MAX_BODY, middlewares=[_errors])
        app.add_routes(
            [
                web.get("/state", self._state),
                web.post("/config", self._config),
                web.get("/catalogue", self._catalogue),
                web.get("/faults", self._faults),
                web.post("/faults", self._faults),
                web.put("/faults", self._faults),
                web.delete("/faults", self._faults),
                web.get("/sent", self._sent),
                web.get("/leak", self._leak),
                web.post("/inject", self._inject),
                web.post("/events", self._events),
                web.post("/release", self._release),
                web.get("/suppressions", self._suppressions),
                web.post("/suppressions", self._suppress),
                web.delete("/suppressions", self._unsuppress),
                web.post("/account", self._account),
            ]
        )
        self._listener = Listener(app)

    async def start(self, port: int) -> str:
        """Listen, and return the URL."""
        return await self._listener.start(port)

    async def stop(self) -> None:
        """Close the listener."""
        await self._listener.stop()

    async def _state(self, _request: web.Request) -> web.Response:
        standin = self._standin
        hooks = standin.settings.hooks
        return web.json_response(
            {
                "kind": standin.kind,
                "pid": os.getpid(),
                "uptime": round(time.time() - standin.started_at, 3),
                "faults": standin.faults.state(),
                "since": standin.faults.since(),
                "count": dict(standin.count),
                "sent": standin.sent.last,
                "leaked": standin.leaked.last,
                "suppressed": len(standin.suppressed),
                "deliver": str(standin.courier.target),
                "domains": sorted(standin.settings.domains),
                "webhooks": {
                    "url": hooks.url,
                    "enabled": hooks.enabled,
                    "pending": standin.pump.pending,
                    "last_error": standin.pump.last_error,
                },
                "dkim_public_key": standin.signer.public_key,
            }
        )

    async def _config(self, request: web.Request) -> web.Response:
        wanted = msgspec.json.decode(await request.read(), type=_Config)
        settings, hooks = self._standin.settings, self._standin.settings.hooks
        url = None if not wanted.webhook_url else web_address(wanted.webhook_url)
        deliver = None if wanted.deliver is None else target(wanted.deliver)
        for seconds in (wanted.hurry, wanted.webhook_interval):
            if seconds is not None and not 0.0 <= seconds <= 1e6:
                raise ValueError("hurry and webhook_interval are numbers from 0 on")
        if deliver is not None:
            settings.deliver = self._standin.courier.target = deliver
        if wanted.webhook_url is not None:
            hooks.url, hooks.enabled = url or "", True
        hooks.key = hooks.key if wanted.webhook_key is None else wanted.webhook_key
        hooks.auth = hooks.auth if wanted.webhook_auth is None else wanted.webhook_auth
        if wanted.webhook_headers is not None:
            hooks.headers = wanted.webhook_headers
        if wanted.webhook_events is not None:
            hooks.events = frozenset(wanted.webhook_events)
        if wanted.webhook_interval is not None:
            hooks.interval = wanted.webhook_interval
        hooks.hurry = hooks.hurry if wanted.hurry is None else max(wanted.hurry, 0.001)
        settings.key = settings.key if wanted.key is None else wanted.key
        if wanted.account_key is not None:
            settings.account_key = wanted.account_key
        if wanted.domains is not None:
            settings.domains = frozenset(name.lower() for name in wanted.domains)
        checked = await self._standin.webhook_entered() if url else None
        return web.json_response({"webhook_checked": checked})

    async def _catalogue(self, _request: web.Request) -> web.Response:
        return web.json_response(msgspec.to_builtins(catalogue(self._standin.suspensions)))

    async def _faults(self, request: web.Request) -> web.Response:
        faults = self._standin.faults
        wanted: dict[str, object] = {}
        if request.method in {"POST", "PUT"}:
            wanted = msgspec.json.decode(await request.read(), type=dict[str, object])
        if request.method == "PUT":
            type(faults)(self._standin.suspensions).set(wanted)  # check before anything is cleared
        if request.method in {"PUT", "DELETE"}:
            faults.clear()
        faults.set(wanted)
        return web.json_response(faults.state())

    async def _sent(self, request: web.Request) -> web.Response:
        after, wait, limit = _page(request)
        found = await self._standin.sent.wait(after, wait, limit)
        items = [{"n": n, **_shown(record)} for n, record in found]
        return web.json_response({"next": found[-1][0] if found else after, "mails": items})

    async def _leak(self, request: web.Request) -> web.Response:
        after, wait, limit = _page(request)
        found = await self._standin.leaked.wait(after, wait, min(limit, 100))
        items = [{"n": n, **self._read(mail)} for n, mail in found]
        return web.json_response({"next": found[-1][0] if found else after, "mails": items})

    def _read(self, mail: Mail) -> dict[str, object]:
        raw = mail.raw or write(self._standin.build(mail))
        return {
            **_described(mail),
            "text": mail.text,
            "html": mail.html,
            "headers": dict(mail.headers),
            "raw": raw.decode("utf-8", "replace"),
        }

    async def _inject(self, request: web.Request) -> web.Response:
        wanted = msgspec.json.decode(await request.read(), type=_Inject)
        if not 0 < len(wanted.to) <= 1000:
            raise ValueError("to has 1 to 1000 addresses")
        content = Injected(
            subject=wanted.subject,
            text=wanted.text,
            html=wanted.html,
            reply_to=wanted.reply_to,
            headers=wanted.headers,
            metadata=wanted.metadata,
            told=wanted.webhooks,
        )
        sender = Mailbox(wanted.sender.email, wanted.sender.name)
        return web.json_response({"ids": self._standin.inject(sender, wanted.to, content)})

    async def _events(self, request: web.Request) -> web.Response:
        wanted = msgspec.json.decode(await request.read(), type=_Events)
        if not 0 < len(wanted.events) <= 1000 or not 0 < wanted.repeat <= 1000:
            raise ValueError("1 to 1000 events, and as many times at most")
        standin = self._standin
        if not standin.settings.hooks.url:
            raise ValueError("no webhook_url is configured")
        events = [self._event(told) for told in wanted.events]
        size = standin.hook_format.batch
        batches = [events[i : i + size] for i in range(0, len(events), size)] * wanted.repeat
        statuses = [await standin.pump.post(batch, wanted.proof) for batch in batches]
        ids = [event.mail.id for event in events]
        return web.json_response({"statuses": statuses, "ids": ids})

    def _event(self, told: _Told) -> Event:
        record = self._standin.record_of(told.id)
        at = time.time() if told.at is None else told.at
        mail = record.mail if record is not None else self._never_sent(told, at)
        return Event(told.event, mail, told.recipient, at, told.diag, told.url)

    def _never_sent(self, told: _Told, at: float) -> Mail:
        return Mail(
            id=told.id or self._standin.new_id(),
            sender=Mailbox(told.sender),
            to=(Mailbox(told.recipient),),
            at=at,
            subject=told.subject,
            metadata=dict(told.metadata),
            injected=True,
        )

    async def _release(self, _request: web.Request) -> web.Response:
        return web.json_response({"released": self._standin.release()})

    async def _suppressions(self, _request: web.Request) -> web.Response:
        entries = [
            {"address": entry.email, "reason": entry.reason, "at": entry.at}
            for entry in self._standin.suppressed.values()
        ]
        return web.json_response({"suppressions": entries})

    async def _suppress(self, request: web.Request) -> web.Response:
        wanted = msgspec.json.decode(await request.read(), type=_Address)
        self._standin.suppress(wanted.address, wanted.reason, wanted.detail)
        return web.json_response({"suppressed": len(self._standin.suppressed)})

    async def _unsuppress(self, request: web.Request) -> web.Response:
        address = request.query.get("address")
        if address is None:
            self._standin.suppressed.clear()
        else:
            self._standin.suppressed.pop(address.lower(), None)
        return web.json_response({"suppressed": len(self._standin.suppressed)})

    async def _account(self, request: web.Request) -> web.Response:
        wanted = msgspec.json.decode(await request.read(), type=_Entry)
        return web.json_response(self._standin.add_to_account(wanted.list, wanted.entry))


@web.middleware
async def _errors(request: web.Request, handler: Handler) -> web.StreamResponse:
    try:
        return await handler(request)
    except ValueError as error:  # msgspec's are of that kind
        return web.json_response({"error": str(error)}, status=400)


def _page(request: web.Request) -> tuple[int, float, int]:
    query = request.query
    after = number(query.get("after", query.get("since")), 0, 0, 2**53)
    wait = number(query.get("wait"), 0, 0, 60)
    return int(after), wait, int(number(query.get("limit"), 1000, 1, 1000))


def _described(mail: Mail) -> dict[str, object]:
    return {
        "id": mail.id,
        "at": mail.at,
        "from": mail.sender.email,
        "from_name": mail.sender.name,
        "to": mail.recipients,
        "subject": mail.subject,
        "metadata": mail.metadata,
        "tags": list(mail.tags),
        "stream": mail.stream,
        "injected": mail.injected,
    }


def _shown(record: Record) -> dict[str, object]:
    return {
        **_described(record.mail),
        "headers": dict(record.mail.headers),
        "fate": record.fate,
        "deliveries": record.deliveries,
        "diags": record.diags,
        "events": [[event.kind, event.recipient, event.at] for event in record.events],
    }
