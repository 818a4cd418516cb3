"""Mailchimp Transactional (Mandrill): its send API and its signed webhooks.

Formats: mailchimp.com/developer/transactional/api/messages/ and .../docs/webhooks/.
"""

import base64
import hashlib
import hmac
import json
import time
from typing import Any
from urllib.parse import urlencode

from aiohttp import web

from .base import Mail, StandIn, read_json

_EVENTS = {"delivered": "delivered", "bounced": "hard_bounce"}


class Mandrill(StandIn):
    host = "mail.mandrillapp.example"

    def routes(self) -> list[web.RouteDef]:
        out = []
        for version in ("1.0", "1.3"):
            for suffix in ("", ".json"):
                root = f"/api/{version}"
                out.append(web.post(f"{root}/messages/send{suffix}", self._send))
                out.append(web.post(f"{root}/users/ping{suffix}", self._ping))
                out.append(web.post(f"{root}/senders/list{suffix}", self._senders))
                out.append(web.post(f"{root}/messages/content{suffix}", self._content))
        return out

    async def _checked(self, request: web.Request) -> dict[str, Any] | web.Response:
        await self.meet_faults()
        body = await read_json(request)
        if self.faults.fail:
            return _error(500, -99, "GeneralError", "An unexpected error occurred")
        if self.faults.throttle:
            return _error(429, -99, "GeneralError", "Too many requests")
        if self.faults.refuse_key or body.get("key") != self.key:
            return _error(401, -1, "Invalid_Key", "Invalid API key")
        return body

    async def _send(self, request: web.Request) -> web.Response:
        body = await self._checked(request)
        if isinstance(body, web.Response):
            return body
        message = body.get("message")
        if not isinstance(message, dict) or not message.get("to"):
            return _error(500, -2, "ValidationError", "You must specify a message with a recipient")
        out = []
        for to in message["to"]:
            mail = Mail(
                sender=message.get("from_email", ""),
                sender_name=message.get("from_name") or "",
                to=to["email"],
                to_name=to.get("name") or "",
                subject=message.get("subject", ""),
                text=message.get("text"),
                html=message.get("html"),
                headers=message.get("headers") or {},
                metadata=message.get("metadata") or {},
                tags=message.get("tags") or [],
                track_clicks=bool(message.get("track_clicks")),
            )
            entry = {"email": mail.to, "_id": mail.id, "status": "sent", "reject_reason": None}
            if self.faults.suspend:
                # A suspended account's API goes on saying yes: the mail waits, and nobody sends it.
                entry |= {"status": "queued", "queued_reason": "account-suspended"}
            else:
                await self.accept(mail)
            out.append(entry)
        return web.json_response(out)

    async def _ping(self, request: web.Request) -> web.Response:
        body = await self._checked(request)
        return body if isinstance(body, web.Response) else web.json_response("PONG!")

    async def _senders(self, request: web.Request) -> web.Response:
        body = await self._checked(request)
        if isinstance(body, web.Response):
            return body
        counts: dict[str, int] = {}
        for mail in self.passed:
            counts[mail.sender] = counts.get(mail.sender, 0) + 1
        return web.json_response([{"address": a, "sent": n} for a, n in counts.items()])

    async def _content(self, request: web.Request) -> web.Response:
        """The full content of a recent message: what a thief of the account reads."""
        body = await self._checked(request)
        if isinstance(body, web.Response):
            return body
        for mail in self.passed:
            if mail.id == body.get("id"):
                return web.json_response(
                    {
                        "_id": mail.id,
                        "ts": int(mail.at),
                        "from_email": mail.sender,
                        "to": {"email": mail.to, "name": mail.to_name},
                        "subject": mail.subject,
                        "text": mail.text,
                        "html": mail.html,
                    }
                )
        return _error(500, 11, "Unknown_Message", "No message exists with that id")

    async def report(self, event: str, mail: Mail, detail: str = "") -> None:
        ts = int(time.time())
        msg: dict[str, Any] = {
            "ts": int(mail.at),
            "_id": mail.id,
            "state": "sent" if event == "delivered" else "bounced",
            "subject": mail.subject,
            "email": mail.to,
            "sender": mail.sender,
            "tags": mail.tags,
            "metadata": mail.metadata,
        }
        if detail:
            msg |= {"diag": detail, "bounce_description": "bad_mailbox"}
        events = [{"event": _EVENTS[event], "_id": mail.id, "ts": ts, "msg": msg}]
        fields = {"mandrill_events": json.dumps(events)}
        signed = self.webhook + "".join(key + fields[key] for key in sorted(fields))
        digest = hmac.new(self.webhook_key.encode(), signed.encode(), hashlib.sha1).digest()
        await self.post_webhook(
            urlencode(fields).encode(),
            "application/x-www-form-urlencoded",
            {"X-Mandrill-Signature": base64.b64encode(digest).decode()},
        )


def _error(status: int, code: int, name: str, message: str) -> web.Response:
    return web.json_response(
        {"status": "error", "code": code, "name": name, "message": message}, status=status
    )
