"""Stand-in for Postmark: the server and account API.

Formats: https://postmarkapp.com/developer/api/ (server, servers, signatures, messages, bounce,
suppressions, message streams and webhooks).
"""

import re
import uuid
from collections import Counter
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from aiohttp import web

from . import postmark_forms as forms
from .mail import Event, Record
from .mime import write
from .postmark_hooks import BOUNCES, SERVER_ID, bounce, eastern
from .web import member, text

if TYPE_CHECKING:
    from .postmark import Postmark

MAX_LIST = 500
_FOR_ACCOUNT = re.compile(r"/(senders|servers|domains)(/.*)?")
_DETAILS = re.compile(r"/messages/outbound/([0-9a-f-]{36})/(details|dump)")
_SUPPRESSIONS = re.compile(r"/message-streams/([a-z0-9_-]+)/suppressions(/dump|/delete)?")
_WEBHOOK = re.compile(r"/webhooks/(\d+)")
_TEMPLATE = re.compile(r"/templates/(\d+)")
_REASONS = {"hard-bounce": "HardBounce", "soft-bounce": "HardBounce", "spam": "SpamComplaint"}


class ApiError(Exception):
    """``{ErrorCode, Message}`` with an HTTP status, 422 as a rule."""

    def __init__(self, code: int, message: str, status: int = 422) -> None:
        super().__init__(code)
        self.code, self.status = code, status
        self.body: dict[str, object] = {"ErrorCode": code, "Message": message}


def error(refused: ApiError) -> web.Response:
    """The HTTP response; its code stands in a header too."""
    headers = {"X-PM-ApiErrorCode": str(refused.code)}
    return web.json_response(refused.body, status=refused.status, headers=headers)


class AccountCalls:
    """The calls by path."""

    def __init__(self, standin: "Postmark") -> None:
        self._standin = standin
        self._lists: dict[str, list[dict[str, object]]] = {
            "senders": [],
            "servers": [],
            "webhooks": [],
            "tokens": [],
            "templates": [],
        }

    def is_for_account(self, path: str) -> bool:
        """Whether a path needs the account token."""
        return _FOR_ACCOUNT.fullmatch(path) is not None

    def do(
        self, method: str, path: str, body: object, query: Mapping[str, str] | None = None
    ) -> web.Response:
        """Answer a call."""
        return web.json_response(self._answer(method, path, body, query or {}))

    def add(self, name: str, entry: dict[str, object]) -> dict[str, object]:
        """Add an entry to a list; what it does not say is made up."""
        if name not in self._lists:
            raise ValueError(f"postmark has no list {name!r}; there are {', '.join(self._lists)}")
        entries = self._lists[name]
        number = 1000 + len(entries)
        made: dict[str, dict[str, object]] = {
            "senders": {
                "Domain": text(entry.get("EmailAddress")).rpartition("@")[2],
                "EmailAddress": "",
                "ReplyToEmailAddress": "",
                "Name": "",
                "Confirmed": True,
                "ID": number,
            },
            "servers": {**self._server(), "ID": number},
            "webhooks": forms.webhook(number, text(entry.get("Url"))),
            "tokens": {"token": str(uuid.uuid4())},
            "templates": {
                "TemplateId": number,
                "Name": "",
                "Alias": None,
                "Active": True,
                "AssociatedServerId": SERVER_ID,
                "TemplateType": "Standard",
                "LayoutTemplate": None,
            },
        }
        entries.append({**made[name], **entry})
        del entries[:-MAX_LIST]
        return entries[-1]

    def _answer(
        self, method: str, path: str, body: object, query: Mapping[str, str]
    ) -> dict[str, object]:
        if found := _SUPPRESSIONS.fullmatch(path):
            return self._suppressions(method, found[2], body)
        if found := _WEBHOOK.fullmatch(path):
            return self._one_webhook(method, int(found[1]))
        if method == "POST" and path == "/webhooks":
            entry = {str(k): v for k, v in body.items()} if isinstance(body, dict) else {}
            return self.add("webhooks", {k: v for k, v in entry.items() if k != "Verify"})
        if (found := _TEMPLATE.fullmatch(path)) and method == "DELETE":
            return self._delete_template(int(found[1]))
        if path == "/server" and method == "PUT":
            return self._edit_server(body)
        if method != "GET":
            raise ApiError(0, "Not found", 404)
        if found := _DETAILS.fullmatch(path):
            return self._details(found[1], found[2])
        simple: dict[str, Callable[[], dict[str, object]]] = {
            "/server": self._server,
            "/deliverystats": self._stats,
            "/bounces": lambda: self._bounces(query),
            "/stats/outbound": lambda: self._overview(query),
            "/messages/outbound": lambda: self._messages(query),
            "/message-streams": forms.streams,
            "/webhooks": lambda: {"Webhooks": self._own_webhook() + self._lists["webhooks"]},
            "/senders": self._senders,
            "/servers": lambda: forms.listed("Servers", [self._server(), *self._lists["servers"]]),
            "/domains": self._domains,
            "/templates": lambda: forms.listed("Templates", self._lists["templates"]),
        }
        if path not in simple:
            raise ApiError(0, "Not found", 404)
        return simple[path]()

    # Server and account.

    def _server(self) -> dict[str, object]:
        hooks = self._standin.settings.hooks
        return {
            "ID": SERVER_ID,
            "Name": "Production",
            "ApiTokens": [
                self._standin.settings.key,
                *(text(one["token"]) for one in self._lists["tokens"]),
            ],
            "Color": "blue",
            "SmtpApiActivated": True,
            "RawEmailEnabled": False,
            "DeliveryType": "Live",
            "ServerLink": f"https://postmarkapp.com/servers/{SERVER_ID}/streams",
            "InboundAddress": "yourhash@inbound.postmarkapp.com",
            "InboundHookUrl": "",
            "BounceHookUrl": hooks.url,
            "OpenHookUrl": "",
            "DeliveryHookUrl": hooks.url,
            "PostFirstOpenOnly": False,
            "InboundDomain": "",
            "InboundHash": "yourhash",
            "InboundSpamThreshold": 5,
            "TrackOpens": False,
            "TrackLinks": "None",
            "IncludeBounceContentInHook": False,
            "ClickHookUrl": "",
            "EnableSmtpApiErrorHooks": False,
        }

    def _edit_server(self, body: object) -> dict[str, object]:
        """The older webhooks are settings of the server; here both are ours, or none is."""
        if isinstance(body, dict) and {"BounceHookUrl", "DeliveryHookUrl"} & {*body}:
            self._standin.settings.hooks.url = text(next(iter(body.values())))
        return self._server()

    def _delete_template(self, number: int) -> dict[str, object]:
        for entry in self._lists["templates"]:
            if entry["TemplateId"] == number:
                self._lists["templates"].remove(entry)
                return {"ErrorCode": 0, "Message": f"Template {number} removed."}
        raise ApiError(1101, "The template was not found.")

    def _senders(self) -> dict[str, object]:
        return forms.listed("SenderSignatures", self._lists["senders"])

    def _domains(self) -> dict[str, object]:
        names = sorted(self._standin.settings.domains)
        return forms.listed(
            "Domains",
            [
                {
                    "Name": name,
                    "SPFVerified": True,
                    "DKIMVerified": True,
                    "WeakDKIM": False,
                    "ReturnPathDomainVerified": True,
                    "ID": 36735 + number,
                }
                for number, name in enumerate(names)
            ],
        )

    def _own_webhook(self) -> list[dict[str, object]]:
        hooks = self._standin.settings.hooks
        if not hooks.url:
            return []
        made = forms.webhook(999, hooks.url)
        user, _, password = hooks.auth.partition(":")
        if user:
            made["HttpAuth"] = {"Username": user, "Password": password}
        made["HttpHeaders"] = [{"Name": k, "Value": v} for k, v in hooks.headers.items()]
        return [made]

    def _one_webhook(self, method: str, number: int) -> dict[str, object]:
        for webhook in self._own_webhook() + self._lists["webhooks"]:
            if webhook["ID"] == number and method == "GET":
                return webhook
            if webhook["ID"] == number:
                if webhook in self._lists["webhooks"]:
                    self._lists["webhooks"].remove(webhook)
                else:
                    self._standin.settings.hooks.url = ""
                return {"ErrorCode": 0, "Message": f"Webhook {number} removed."}
        raise ApiError(1352, "The webhook ID was not found.")

    # Messages and bounces.

    def _records(self) -> list[Record]:
        return [record for _, record in reversed(self._standin.sent.after(0, 20_000))]

    def _messages(self, query: Mapping[str, str]) -> dict[str, object]:
        low = {name.lower(): value for name, value in query.items()}
        count, offset = _paging(low)
        found = [record for record in self._records() if forms.matches(record.mail, low)]
        page = [forms.outbound(record) for record in found[offset : offset + count]]
        return {"TotalCount": len(found), "Messages": page}

    def _details(self, mail_id: str, what: str) -> dict[str, object]:
        record = self._standin.record_of(mail_id)
        if record is None:
            raise ApiError(701, "This message was not found.")
        raw = write(self._standin.build(record.mail)).decode("utf-8", "replace")
        if what == "dump":
            return {"Body": raw}
        events = [
            {
                "Recipient": event.recipient,
                "Type": {"delivered": "Delivered", "deferred": "Transient"}.get(
                    event.kind, "Bounced"
                ),
                "ReceivedAt": eastern(event.at),
                "Details": {
                    "DeliveryMessage": f"smtp;{event.diag}",
                    "DestinationServer": "mailhost (127.0.0.1)",
                    "DestinationIP": "127.0.0.1",
                }
                if event.kind in {"delivered", "deferred"}
                else {"Summary": event.diag, "BounceID": str(SERVER_ID)},
            }
            for event in record.events
            if event.kind in {"delivered", "deferred", "bounced", "soft_bounced"}
        ]
        bodies = {
            "TextBody": record.mail.text or "",
            "HtmlBody": record.mail.html or "",
            "Body": raw,
        }
        return {**bodies, **forms.outbound(record), "MessageEvents": events}

    def _bounced(self) -> list[Event]:
        return [
            event for record in self._records() for event in record.events if event.kind in BOUNCES
        ]

    def _bounces(self, query: Mapping[str, str]) -> dict[str, object]:
        count, offset = _paging({name.lower(): value for name, value in query.items()})
        events = self._bounced()
        found = [
            bounce(event, {"MessageID": event.mail.id, "MessageStream": event.mail.stream})
            for event in events[offset : offset + count]
        ]
        return {"TotalCount": len(events), "Bounces": found}

    def _stats(self) -> dict[str, object]:
        counts = Counter(event.kind for event in self._bounced())
        kinds = [
            {"Type": kind, "Name": name, "Count": counts[event]}
            for event, (kind, _, name, _) in BOUNCES.items()
            if counts[event]
        ]
        everything: dict[str, object] = {"Name": "All", "Count": counts.total()}
        return {"InactiveMails": len(self._standin.suppressed), "Bounces": [everything, *kinds]}

    def _overview(self, query: Mapping[str, str]) -> dict[str, object]:
        """Of all time where no dates are given, of the transactional stream unless one is named."""
        wanted = query.get("messagestream", "outbound")
        records = [one for one in self._records() if (one.mail.stream or "outbound") == wanted]
        bounced = sum(event.kind in BOUNCES for one in records for event in one.events)
        sent = sum(len(one.mail.recipients) for one in records)
        return {"Sent": sent, "Bounced": bounced, "SMTPApiErrors": 0, "SpamComplaints": 0}

    def _suppressions(self, method: str, what: str | None, body: object) -> dict[str, object]:
        standin = self._standin
        if what == "/dump" and method == "GET":
            entries = [
                {
                    "EmailAddress": entry.email,
                    "SuppressionReason": _REASONS.get(entry.reason, "ManualSuppression"),
                    "Origin": "Customer" if entry.reason == "custom" else "Recipient",
                    "CreatedAt": eastern(entry.at),
                }
                for entry in standin.suppressed.values()
            ]
            return {"Suppressions": entries}
        asked = member(body, "Suppressions")
        if method != "POST" or not isinstance(asked, list):
            raise ApiError(1409, "A proper request body must be provided.")
        results = []
        for item in asked[:50]:
            address = text(member(item, "EmailAddress"))
            status = "Suppressed"
            if what == "/delete":
                standin.suppressed.pop(address.lower(), None)
                status = "Deleted"
            else:
                standin.suppress(address, "custom")
            results.append({"EmailAddress": address, "Status": status, "Message": None})
        return {"Suppressions": results}


def _paging(query: Mapping[str, str]) -> tuple[int, int]:
    try:
        count, offset = int(query["count"]), int(query["offset"])
    except (KeyError, ValueError) as wrong:
        raise ApiError(700, "Parameters 'count' and 'offset' are required.") from wrong
    if not (0 < count <= MAX_LIST and offset >= 0 and count + offset <= 10_000):
        raise ApiError(700, "Parameter 'count' must be 1 to 500, with 'offset' 10000 at most.")
    return count, offset
