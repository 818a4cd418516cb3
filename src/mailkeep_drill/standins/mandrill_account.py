"""Stand-in for Mailchimp Transactional: the account API.

Formats: spec/transactional.json, see `mandrill`. These are the calls that an operator watches for
drift, and that an intruder with the key uses: to read mail (`messages/content`), to take the list
of addresses away (`exports/*`), to have events sent to himself (`webhooks/add`).
"""

import secrets
import time
from collections import Counter
from collections.abc import Callable
from typing import TYPE_CHECKING

from . import mandrill_forms as forms
from .mail import Record
from .mandrill_hooks import php_map
from .web import member, text

if TYPE_CHECKING:
    from .mandrill import Mandrill

MAX_LIST = 1000
_STATS = (
    "sent",
    "hard_bounces",
    "soft_bounces",
    "rejects",
    "complaints",
    "unsubs",
    "opens",
    "unique_opens",
    "clicks",
    "unique_clicks",
)


class ApiError(Exception):
    """``{status: "error", code, name, message}`` with an HTTP status, 500 as a rule."""

    def __init__(self, name: str, code: int, message: str, status: int = 500) -> None:
        super().__init__(name)
        self.name, self.code, self.message, self.status = name, code, message, status


class AccountCalls:
    """The calls by name."""

    def __init__(self, standin: "Mandrill") -> None:
        self._standin = standin
        self._exports: list[dict[str, object]] = []
        self._webhooks: list[dict[str, object]] = []
        self._senders: list[dict[str, object]] = []
        self._moved_to = ""  # where our own webhook was pointed to
        self._lists: dict[str, list[dict[str, object]]] = {
            name: [] for name in ("domains", "templates", "allowed", "subaccounts", "tracking")
        }
        self._calls: dict[str, Callable[[object], object]] = {
            "users/ping": lambda _call: "PONG!",
            "users/ping2": lambda _call: {"PING": "PONG!"},
            "users/info": self._info,
            "users/senders": self._list_senders,
            "senders/list": self._list_senders,
            "exports/list": lambda _call: self._exports,
            "exports/info": self._export_info,
            "exports/activity": lambda _call: self.add("exports", {"type": "activity"}),
            "exports/rejects": lambda _call: self.add("exports", {"type": "reject"}),
            "messages/content": self._content,
            "messages/info": self._message_info,
            "messages/search": self._search,
            "webhooks/list": lambda _call: self._own_webhook() + self._webhooks,
            "webhooks/add": self._add_webhook,
            "webhooks/update": self._update_webhook,
            "webhooks/delete": self._delete_webhook,
            "rejects/list": self._list_rejects,
            "rejects/add": self._add_reject,
            "rejects/delete": self._delete_reject,
            "senders/domains": self._domains,
            "templates/list": lambda _call: self._lists["templates"],
            "templates/delete": lambda call: self._delete("templates", "slug", call, "name"),
            "whitelists/list": lambda _call: self._lists["allowed"],
            "whitelists/add": self._allow,
            "whitelists/delete": lambda call: self._delete("allowed", "email", call, "email"),
            "subaccounts/list": lambda _call: self._lists["subaccounts"],
            "subaccounts/delete": lambda call: self._delete("subaccounts", "id", call, "id"),
            "urls/tracking-domains": lambda _call: self._lists["tracking"],
        }

    def do(self, name: str, call: object) -> object:
        """Answer a call."""
        work = self._calls.get(name)
        if work is None:
            raise ApiError("Unknown_Method", -1, f'Unknown method "{name}"')
        return work(call)

    def is_closed(self) -> bool:
        """Whether an account-wide suspension has closed the API as well."""
        fault = self._standin.faults.state().get("suspend")
        return isinstance(fault, dict) and fault["kind"] == "closed" and not fault["match"]

    def add(self, name: str, entry: dict[str, object]) -> dict[str, object]:
        """Add an entry to a list; what it does not say is made up as the provider would."""
        now = forms.date(time.time())
        if name == "exports":
            made: dict[str, object] = {
                "id": f"{now}.{secrets.randbelow(10**5):05d}",
                "created_at": now,
                "type": "activity",
                "finished_at": None,
                "state": "working",
                "result_url": None,
            }
            return _append(self._exports, {**made, **entry})
        if name == "senders":
            sender = {"address": "", "created_at": now, **dict.fromkeys(_STATS, 0)}
            return _append(self._senders, {**sender, **entry})
        if name == "webhooks":
            return _append(self._webhooks, {**forms.webhook(len(self._webhooks) + 2, now), **entry})
        made_up: dict[str, dict[str, object]] = {
            "domains": {"domain": "", "created_at": now, "verified_at": now},
            "templates": {"slug": "", "name": "", "code": "", "created_at": now, "updated_at": now},
            "allowed": {"email": "", "detail": "", "created_at": now},
            "subaccounts": {"id": "", "name": "", "status": "active", "created_at": now},
            "tracking": {"domain": "", "created_at": now, "valid_tracking": True},
        }
        if name in self._lists:
            return _append(self._lists[name], {**made_up[name], **entry})
        names = ", ".join(sorted({"exports", "senders", "webhooks", *self._lists}))
        raise ValueError(f"mandrill has no list {name!r}; there are {names}")

    # Users, senders, exports.

    def _info(self, _call: object) -> object:
        standin = self._standin
        totals: Counter[str] = Counter()
        for record in self._records():
            totals.update(forms.counts(record))
        stats = {name: totals[name] for name in _STATS}
        spans = ("today", "last_7_days", "last_30_days", "last_60_days", "last_90_days", "all_time")
        return {
            "username": standin.settings.user,
            "created_at": forms.date(standin.opened_at),
            "public_id": "pJ9CSLA-VC12xQ9UArlvXA",
            "reputation": 85,
            "hourly_quota": 5000,
            "backlog": sum(record.fate == "held" for record in self._records()),
            "stats": dict.fromkeys(spans, stats),
        }

    def _list_senders(self, _call: object) -> object:
        by_address: dict[str, tuple[float, Counter[str]]] = {}
        for record in self._records():
            address = record.mail.sender.email
            first, counts = by_address.setdefault(address, (record.mail.at, Counter()))
            counts.update(forms.counts(record))
            by_address[address] = (min(first, record.mail.at), counts)
        seen = [
            {"address": address, "created_at": forms.date(first), **{n: counts[n] for n in _STATS}}
            for address, (first, counts) in by_address.items()
        ]
        return (seen + self._senders)[:MAX_LIST]

    def _domains(self, _call: object) -> object:
        now = forms.date(self._standin.opened_at)
        own = [
            {"domain": name, "created_at": now, "verified_at": now, "valid_signing": True}
            for name in sorted(self._standin.settings.domains)
        ]
        return own + self._lists["domains"]

    def _allow(self, call: object) -> object:
        email = text(member(call, "email"))
        self.add("allowed", {"email": email, "detail": text(member(call, "comment"))})
        return {"email": email, "added": True}

    def _export_info(self, call: object) -> object:
        wanted = text(member(call, "id"))
        for export in self._exports:
            if export["id"] == wanted:
                return export
        raise ApiError("Unknown_Export", 23, f"No export job exists with the id '{wanted}'")

    # Messages.

    def _records(self) -> list[Record]:
        return [record for _, record in self._standin.sent.after(0, MAX_LIST * 20)]

    def _record(self, call: object) -> Record:
        wanted = text(member(call, "id"))
        record = self._standin.record_of(wanted)
        if record is None:
            raise ApiError("Unknown_Message", 11, f"No message exists with the id '{wanted}'")
        return record

    def _content(self, call: object) -> object:
        """The full content, unless the sender had asked that it be not logged.

        What the provider answers for such a message is not documented; here it is unknown.
        """
        mail = self._record(call).mail
        if not mail.content_kept:
            raise ApiError("Unknown_Message", 11, f"No message exists with the id '{mail.id}'")
        return {
            "ts": int(mail.at),
            "_id": mail.id,
            "from_email": mail.sender.email,
            "from_name": mail.sender.name,
            "subject": mail.subject,
            "to": {"email": mail.to[0].email, "name": mail.to[0].name},
            "tags": list(mail.tags),
            "headers": php_map(dict(mail.headers)),
            "text": mail.text,
            "html": mail.html,
            "attachments": [{"name": f.name, "type": f.type} for f in mail.attachments],
        }

    def _message_info(self, call: object) -> object:
        record = self._record(call)
        events = [
            {"ts": int(event.at), "type": event.kind, "diag": event.diag}
            for event in record.events
            if event.diag
        ]
        return {**forms.found(record), "smtp_events": events[-3:]}

    def _search(self, call: object) -> object:
        query = text(member(call, "query")).lower()
        tags = member(call, "tags")
        senders = member(call, "senders")
        limit = member(call, "limit")
        found = [
            forms.found(record)
            for record in reversed(self._records())
            if forms.matches(record.mail, query)
            and (not isinstance(tags, list) or not tags or set(tags) & set(record.mail.tags))
            and (
                not isinstance(senders, list) or not senders or record.mail.sender.email in senders
            )
        ]
        return found[: min(limit, MAX_LIST) if isinstance(limit, int) and limit > 0 else 100]

    # Webhooks and the denylist.

    def _own_webhook(self) -> list[dict[str, object]]:
        standin = self._standin
        hooks = standin.settings.hooks
        if not hooks.url:
            return []
        sent_at = standin.pump.last_sent_at
        made = forms.webhook(1, forms.date(standin.opened_at))
        return [
            {
                **made,
                "url": self._moved_to or hooks.url,
                "description": "Mailkeep",
                "auth_key": hooks.key,
                "last_sent_at": None if sent_at is None else forms.date(sent_at),
                "batches_sent": standin.count["webhooks_sent"],
                "events_sent": standin.count["webhooks_sent"],
                "last_error": standin.pump.last_error or None,
            }
        ]

    def _add_webhook(self, call: object) -> object:
        events = member(call, "events")
        entry: dict[str, object] = {
            "url": text(member(call, "url")),
            "description": text(member(call, "description")),
        }
        if isinstance(events, list):
            entry["events"] = events
        return self.add("webhooks", entry)

    def _update_webhook(self, call: object) -> object:
        """Ours too: what is pointed elsewhere tells us nothing any more, and nobody here."""
        wanted, url = member(call, "id"), text(member(call, "url"))
        for webhook in self._own_webhook() + self._webhooks:
            if webhook["id"] != wanted:
                continue
            if webhook not in self._webhooks:
                self._moved_to, self._standin.settings.hooks.enabled = url, False
            webhook["url"] = url
            return webhook
        raise ApiError("Unknown_Webhook", 14, f"Unknown webhook ID '{wanted}'")

    def _delete(self, name: str, key: str, call: object, by: str) -> object:
        """Delete an entry of a list by the field that its call names it with."""
        wanted = text(member(call, by))
        for entry in self._lists[name]:
            if entry[key] == wanted:
                self._lists[name].remove(entry)
                return {**entry, "deleted": True}
        if name == "allowed":
            return {"email": wanted, "deleted": False}
        what = {"templates": "Template", "subaccounts": "Subaccount"}[name]
        raise ApiError(f"Unknown_{what}", 5, f'No such {what.lower()} "{wanted}"')

    def _delete_webhook(self, call: object) -> object:
        """Ours too, after which nothing is reported any more."""
        wanted = member(call, "id")
        for webhook in self._own_webhook():
            if webhook["id"] == wanted:
                self._standin.settings.hooks.url = ""
                return webhook
        for webhook in self._webhooks:
            if webhook["id"] == wanted:
                self._webhooks.remove(webhook)
                return webhook
        raise ApiError("Unknown_Webhook", 14, f"Unknown webhook ID '{wanted}'")

    def _list_rejects(self, call: object) -> object:
        wanted = text(member(call, "email")).lower()
        return [
            {
                "email": entry.email,
                "reason": entry.reason,
                "detail": entry.detail,
                "created_at": forms.date(entry.at),
                "last_event_at": forms.date(entry.at),
                "expires_at": None,
                "expired": False,
                "sender": None,
                "subaccount": None,
            }
            for entry in self._standin.suppressed.values()
            if not wanted or entry.email == wanted
        ][:MAX_LIST]

    def _add_reject(self, call: object) -> object:
        email = text(member(call, "email"))
        self._standin.suppress(email, "custom", text(member(call, "comment")))
        return {"email": email, "added": True}

    def _delete_reject(self, call: object) -> object:
        email = text(member(call, "email"))
        if self._standin.suppressed.pop(email.lower(), None) is None:
            raise ApiError("Invalid_Reject", 3, f"'{email}' is not on the rejection list")
        return {"email": email, "deleted": True, "subaccount": None}


def _append(entries: list[dict[str, object]], entry: dict[str, object]) -> dict[str, object]:
    entries.append(entry)
    del entries[:-MAX_LIST]
    return entry
