"""Postmark: its e-mail API and its webhooks behind basic authentication.

Formats: postmarkapp.com/developer/api/email-api, .../api/overview and .../webhooks/.
"""

import base64
import json
import uuid
from datetime import UTC, datetime
from email.utils import getaddresses
from typing import Any

from aiohttp import web

from .base import Mail, StandIn, read_json


class Postmark(StandIn):
    host = "mta.postmarkapp.example"

    def routes(self) -> list[web.RouteDef]:
        return [
            web.post("/email", self._send),
            web.post("/email/batch", self._batch),
            web.get("/server", self._server),
        ]

    async def _refusal(self, request: web.Request) -> web.Response | None:
        await self.meet_faults()
        if self.faults.fail:
            return _error(500, 101, "Internal error")
        if self.faults.throttle:
            return _error(429, 429, "Rate limit exceeded")
        token = request.headers.get("X-Postmark-Server-Token")
        if self.faults.refuse_key or token != self.key:
            return _error(401, 10, "No Account or Server API tokens were supplied")
        if self.faults.suspend:
            return _error(422, 413, "This account may not send")
        return None

    async def _send(self, request: web.Request) -> web.Response:
        refusal = await self._refusal(request)
        if refusal is not None:
            return refusal
        answer = await self._take(await read_json(request))
        return web.json_response(answer, status=200 if answer["ErrorCode"] == 0 else 422)

    async def _batch(self, request: web.Request) -> web.Response:
        refusal = await self._refusal(request)
        if refusal is not None:
            return refusal
        messages = await request.json()
        return web.json_response([await self._take(one) for one in messages[:500]])

    async def _server(self, request: web.Request) -> web.Response:
        refusal = await self._refusal(request)
        return refusal or web.json_response({"ID": 1, "Name": "stand-in", "Color": "green"})

    async def _take(self, body: dict[str, Any]) -> dict[str, Any]:
        to = getaddresses([str(body.get("To", ""))])
        sender = getaddresses([str(body.get("From", ""))])
        if not to or "@" not in to[0][1]:
            return {"ErrorCode": 300, "Message": "Zero recipients specified"}
        if not sender or "@" not in sender[0][1]:
            return {"ErrorCode": 300, "Message": "Invalid 'From' address"}
        headers = {one["Name"]: one["Value"] for one in body.get("Headers") or []}
        keep_id = headers.pop("X-PM-KeepID", "").lower() == "true"
        if not keep_id:
            headers.pop("Message-ID", None)
        if body.get("ReplyTo"):
            headers["Reply-To"] = body["ReplyTo"]
        mail = Mail(
            sender=sender[0][1],
            sender_name=sender[0][0],
            to=to[0][1],
            to_name=to[0][0],
            subject=body.get("Subject", ""),
            text=body.get("TextBody"),
            html=body.get("HtmlBody"),
            headers=headers,
            metadata=body.get("Metadata") or {},
            tags=[body["Tag"]] if body.get("Tag") else [],
            track_clicks=body.get("TrackLinks", "None") in {"HtmlAndText", "HtmlOnly"},
            id=str(uuid.uuid4()),
        )
        await self.accept(mail)
        return {
            "To": body["To"],
            "SubmittedAt": _stamp(),
            "MessageID": mail.id,
            "ErrorCode": 0,
            "Message": "OK",
        }

    async def report(self, event: str, mail: Mail, detail: str = "") -> None:
        record: dict[str, Any] = {
            "MessageID": mail.id,
            "ServerID": 1,
            "MessageStream": "outbound",
            "Tag": mail.tags[0] if mail.tags else "",
            "Metadata": mail.metadata,
        }
        if event == "delivered":
            record |= {
                "RecordType": "Delivery",
                "Recipient": mail.to,
                "DeliveredAt": _stamp(),
                "Details": "250 2.0.0 stored",
            }
        else:
            record |= {
                "RecordType": "Bounce",
                "ID": uuid.UUID(mail.id).int % 2**40,
                "Type": "HardBounce",
                "TypeCode": 1,
                "Name": "Hard bounce",
                "Email": mail.to,
                "From": mail.sender,
                "BouncedAt": _stamp(),
                "Details": detail,
                "Description": "The server was unable to deliver your message",
                "Inactive": True,
                "CanActivate": True,
                "Subject": mail.subject,
            }
        basic = base64.b64encode(self.webhook_key.encode()).decode()
        await self.post_webhook(
            json.dumps(record).encode(), "application/json", {"Authorization": f"Basic {basic}"}
        )


def _stamp() -> str:
    """With seven digits of a second, as Postmark writes it."""
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%f0Z")


def _error(status: int, code: int, message: str) -> web.Response:
    return web.json_response({"ErrorCode": code, "Message": message}, status=status)
