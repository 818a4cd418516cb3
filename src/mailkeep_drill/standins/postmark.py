"""Stand-in for Postmark: the sending API.

Formats: https://postmarkapp.com/developer/api/overview (error codes), .../api/email-api, the
official clients (https://github.com/ActiveCampaign) and mails as they arrived in public archives.

What an account that may not send answers: 422 with ErrorCode 413 ("not approved to send"), 412
while it is pending (mail to the sender's own domain still goes), 422 for a server or account that
is not valid any more. The kinds of suspension are named after these; ``silent`` answers 200.
A suppressed recipient is ErrorCode 406, within 422 for a single mail.
"""

import base64
import binascii
import re
import secrets
import time
import uuid
from email.message import EmailMessage
from email.utils import formatdate, getaddresses
from typing import ClassVar
from urllib.parse import quote

from aiohttp import web

from .account import Settings
from .hooks import HookFormat
from .mail import BOTH_PARTS, HTML_ONLY, NO_PARTS, Attachment, Mail, Mailbox, Part, Shown
from .mime import fold
from .postmark_account import AccountCalls, ApiError, error
from .postmark_hooks import PostmarkHooks, eastern
from .web import ApiStandIn, json_of, member, text

TEST_TOKEN = "POSTMARK_API_TEST"  # documented: everything is checked, nothing is sent
_TRACKS: dict[str, frozenset[Part]] = {
    "none": NO_PARTS,
    "htmlandtext": BOTH_PARTS,
    "htmlonly": HTML_ONLY,
    "textonly": frozenset({"text"}),
}
_STREAMS = {"outbound": True, "broadcast": True, "inbound": False}
_FORBIDDEN = re.compile(
    r"\.(vbs|exe|bin|bat|chm|com|cpl|crt|hlp|hta|inf|ins|isp|jse|lnk|mdb|pcd|pif|reg|scr|sct|shs"
    r"|vbe|vba|wsf|wsh|wsl|msc|msi|msp|mst)$",
    re.IGNORECASE,
)
_MAX_MAIL = 10 * 1024 * 1024  # with its attachments in base64; a batch's body may be 50 MB
_NOT_MY_SENDER = (
    "The 'From' address you supplied ({}) is not a Sender Signature on your account. Please add and"
    " confirm this address in order to be able to use it in the 'From' field of your messages."
)
_INACTIVE = (
    "Inactive recipients are ones that have generated a hard bounce, a spam complaint, or a manual"
    " suppression."
)


class Postmark(ApiStandIn):
    """See the module."""

    kind: ClassVar[str] = "postmark"
    suspensions: ClassVar[tuple[str, ...]] = ("account", "pending", "server", "silent")
    hook_format: ClassVar[HookFormat] = PostmarkHooks()
    hostname: ClassVar[str] = "mta200a-ord.mtasv.net"
    max_body = 50 * 1024 * 1024

    def __init__(self, settings: Settings) -> None:
        super().__init__(settings)
        self.account = AccountCalls(self)

    # Answers.

    async def respond(self, request: web.Request) -> web.StreamResponse:
        """Route one call; paths are read without regard to case or a last slash."""
        path = request.path.lower().rstrip("/")
        if path == "/email" and (request.content_length or 0) > _MAX_MAIL:
            return self.too_large()
        body: object = None
        malformed = False
        if request.can_read_body:
            try:
                body = json_of(await request.read())
            except ValueError:
                malformed = True
        items = body if isinstance(body, list) else [body]
        recipients = [box.email for item in items for box in _boxes(item)]

        def work() -> web.Response:
            try:
                return self._do(request, path, body, malformed)
            except ApiError as refused:
                return error(refused)

        return await self.guard(request, recipients, work)

    def _do(self, request: web.Request, path: str, body: object, malformed: bool) -> web.Response:
        if self.account.is_for_account(path):
            if not _same(
                request.headers.get("X-Postmark-Account-Token"), self.settings.account_key
            ):
                raise ApiError(10, "Request does not contain a valid Account token.", 401)
            return self.account.do(request.method, path, body)
        token = request.headers.get("X-Postmark-Server-Token")
        testing = token == TEST_TOKEN
        if not testing and not _same(token, self.settings.key):
            raise ApiError(10, "Request does not contain a valid Server token.", 401)
        if malformed:
            raise ApiError(402, "Invalid JSON.")
        if request.method == "POST" and path == "/email":
            return web.json_response(self._take(body, testing))
        if request.method == "POST" and path == "/email/batch":
            if not isinstance(body, list):
                raise ApiError(402, "Invalid JSON.")
            if len(body) > 500:
                raise ApiError(
                    410, "You may only send up to 500 messages in a single batched request."
                )
            return web.json_response([self._item(item, testing) for item in body])
        return self.account.do(request.method, path, body, request.query)

    def _item(self, item: object, testing: bool) -> dict[str, object]:
        try:
            return self._take(item, testing)
        except ApiError as refused:  # errors of a batch stand in its items
            return refused.body

    def failed(self, status: int) -> web.Response:
        """500 with ErrorCode 101, or maintenance."""
        if status == 503:
            return error(ApiError(100, "The Postmark API is offline for maintenance.", 503))
        return error(
            ApiError(101, "You encountered an error that shouldn't have occurred.", status)
        )

    def throttled(self) -> web.Response:
        """429; what its body says is not documented."""
        return error(ApiError(429, "Rate Limit Exceeded", 429))

    def key_refused(self) -> web.Response:
        """401 with ErrorCode 10."""
        return error(ApiError(10, "Request does not contain a valid Server token.", 401))

    # Sending.

    def _take(self, body: object, testing: bool) -> dict[str, object]:
        mail = self._mail(body)
        if testing:
            return _accepted(body, mail, "Test job accepted")
        if not self.may_send_from(mail.sender.email):
            raise ApiError(400, _NOT_MY_SENDER.format(mail.sender.email))
        suspended = self.faults.suspension(mail.recipients)
        self._refuse_suspended(suspended, mail)
        listed = [address for address in mail.recipients if self.suppression_of(address)]
        if listed and len(listed) == len(mail.recipients):
            names = ", ".join(address.lower() for address in listed)
            raise ApiError(
                406,
                "You tried to send to recipient(s) that have been marked as inactive."
                f" Found inactive addresses: {names}. {_INACTIVE}",
            )
        message = "OK"
        if listed:
            mail.to = tuple(box for box in mail.to if box.email not in listed)
            names = ", ".join(address.lower() for address in listed)
            message = f"Message OK, but will not deliver to these inactive addresses: {names}."
        self.take(mail, dropped=suspended == "silent")
        return _accepted(body, mail, message)

    def _refuse_suspended(self, kind: str | None, mail: Mail) -> None:
        if kind == "account":
            raise ApiError(413, "This account is not approved to send email.")
        if kind == "server":
            raise ApiError(422, "Invalid Server or Account.")
        strangers = sorted({a.rpartition("@")[2] for a in mail.recipients} - {mail.sender_domain})
        if kind == "pending" and strangers:
            raise ApiError(
                412,
                "While your account is pending approval, all recipient addresses must share the"
                f" same domain as the 'From' address. The domain of the 'From' address is"
                f" '{mail.sender_domain}', but you are attempting to send email to the following"
                f" domain(s): '{', '.join(strangers)}'.",
            )

    def _mail(self, body: object) -> Mail:
        """Check one mail in the order of the documentation.

        Raises:
            ApiError: as Postmark refuses it.
        """
        if not isinstance(body, dict):
            raise ApiError(402, "Invalid JSON.")
        for name in ("From", "To", "Cc", "Bcc", "Subject", "HtmlBody", "TextBody", "MessageStream"):
            if not isinstance(body.get(name), str | None):
                raise ApiError(403, f"Invalid request field(s): '{name}'.")
        stream = text(body.get("MessageStream")) or "outbound"
        if stream not in _STREAMS:
            raise ApiError(1235, f"The stream provided: '{stream}' does not exist on this server.")
        if not _STREAMS[stream]:
            raise ApiError(1236, "Sending is not supported for this stream type.")
        senders = getaddresses([text(body.get("From"))])
        if len(senders) != 1 or not _valid(senders[0][1]):
            raise ApiError(300, f"Invalid 'From' address: '{text(body.get('From'))}'.")
        boxes, metadata = _checked(body)
        tracks = _TRACKS.get(text(body.get("TrackLinks")).lower())
        opens = body.get("TrackOpens")
        pairs = [
            (text(member(item, "Name")), text(member(item, "Value")))
            for item in body.get("Headers") or []
        ]
        return Mail(
            id=self.new_id(),
            sender=Mailbox(senders[0][1], senders[0][0]),
            to=tuple(boxes),
            at=time.time(),
            subject=text(body.get("Subject")),
            text=body.get("TextBody") or None,
            html=body.get("HtmlBody") or None,
            headers=tuple(pairs),
            reply_to=text(body.get("ReplyTo")),
            attachments=tuple(_files(body)),
            metadata={str(name): str(value) for name, value in metadata.items()},
            tags=(text(body.get("Tag")),) if body.get("Tag") else (),
            stream=stream,
            track_opens=opens if isinstance(opens, bool) else None,
            track_links=tracks,
        )

    # What goes out.

    def new_id(self) -> str:
        """A UUID."""
        return str(uuid.uuid4())

    def envelope_sender(self, mail: Mail, recipient: str) -> str:
        """Postmark's own bounce address."""
        del mail, recipient
        return "pm_bounces@pm.mtasv.net"

    def message_id(self, mail: Mail) -> str:
        """Postmark's own at the sender's domain, unless ``X-PM-KeepID`` asks for the sender's."""
        headers = {name.lower(): value for name, value in mail.headers}
        if headers.get("x-pm-keepid", "").lower() == "true" and headers.get("message-id"):
            return headers["message-id"]
        return f"<{uuid.uuid5(uuid.NAMESPACE_OID, mail.id)}@{mail.sender_domain}>"

    def build(self, mail: Mail) -> EmailMessage:
        """Without the header that is a command to Postmark."""
        message = super().build(mail)
        del message["X-PM-KeepID"]
        return message

    def marks(self, mail: Mail, recipient: str, message: bytes) -> bytes:
        """Received, signatures of pm.mtasv.net and of the sender's domain, ``X-PM-`` fields."""
        tag = mail.tags[0] if mail.tags else ""
        packed = base64.b64encode(f"m0|255437|23|{recipient}".encode()).decode()
        own = (
            fold("Feedback-ID", "s23-_:s23:a255437:postmark")
            + fold("X-Complaints-To", "abuse@postmarkapp.com")
            + fold("X-PM-Message-Id", mail.id)
            + (fold("X-PM-Tag", tag) if tag else b"")
            + fold("X-PM-RCPT", f"|{packed}|")
        )
        now = int(time.time())
        trace = secrets.token_hex(6)
        received = (
            f"by {self.hostname} id {trace} for <{recipient}>; {formatdate(now)}"
            " (envelope-from <pm_bounces@pm.mtasv.net>)"
        )
        signed_part = own + message
        return (
            self.signer.sign(signed_part, "pm.mtasv.net", "pm20250806", now)
            + fold("Received", received)
            + self.signer.sign(signed_part, mail.sender_domain, "20240920183138pm", now)
            + own
        )

    def wrap(self, mail: Mail, url: str) -> str:
        """``click.pstmrk.it/3s/`` the link without its scheme; ``3`` for plain http."""
        scheme, _, rest = url.partition("://")
        way = "3s" if scheme.lower() == "https" else "3"
        tail = secrets.token_urlsafe(6)
        link = quote(rest, safe="")
        return f"https://click.pstmrk.it/{way}/{link}/{mail.id[:8]}/{tail}/{tail[::-1]}"

    def pixel(self, mail: Mail) -> str:
        """The image that reports an opening."""
        url = f"https://ea.pstmrk.it/open?m=v3_1.{mail.id}"
        return f'<img src="{url}" width="1" height="1" border="0" alt="" />'

    def add_to_account(self, name: str, entry: dict[str, object]) -> dict[str, object]:
        """Lists: senders, webhooks, servers."""
        return self.account.add(name, entry)


def _checked(body: dict[str, object]) -> tuple[list[Mailbox], dict[str, object]]:
    """Recipients and metadata, within the documented limits."""
    boxes = _boxes(body)
    for box in boxes:
        if not _valid(box.email):
            raise ApiError(300, f"Invalid '{box.kind.title()}' address: '{box.email}'.")
    if not boxes:
        raise ApiError(300, "Zero recipients specified")
    if len(boxes) > 50:
        raise ApiError(300, "Exceeded the maximum of 50 recipients per message.")
    if not body.get("HtmlBody") and not body.get("TextBody"):
        raise ApiError(300, "Provide either email TextBody or HtmlBody or both.")
    metadata = body.get("Metadata") or {}
    if not isinstance(metadata, dict) or len(metadata) > 10:
        raise ApiError(300, "Invalid metadata content. Up to 10 fields are supported.")
    if any(len(str(k)) > 20 or len(str(v)) > 80 for k, v in metadata.items()):
        raise ApiError(
            300, "Invalid metadata content. Field names are limited to 20, values to 80."
        )
    return boxes, metadata


def _same(given: str | None, known: str) -> bool:
    """Tokens are compared without regard to case, as the overview says."""
    return bool(known) and given is not None and given.strip().lower() == known.lower()


def _valid(address: str) -> bool:
    local, at, domain = address.rpartition("@")
    return bool(at and local and "." in domain and not re.search(r"[\s<>@]", local + domain))


def _boxes(body: object) -> list[Mailbox]:
    kinds: tuple[tuple[str, Shown], ...] = (("To", "to"), ("Cc", "cc"), ("Bcc", "bcc"))
    return [
        Mailbox(address, name, kind)
        for field, kind in kinds
        for name, address in getaddresses([text(member(body, field))])
        if address or name
    ]


def _files(body: dict[str, object]) -> list[Attachment]:
    found = body.get("Attachments")
    files = []
    for item in found if isinstance(found, list) else []:
        name = text(member(item, "Name"))
        if _FORBIDDEN.search(name):
            raise ApiError(411, "Attachment file type not allowed.")
        try:
            content = base64.b64decode(text(member(item, "Content")))
        except binascii.Error as bad:
            raise ApiError(300, f"Invalid attachment content: '{name}'.") from bad
        cid = text(member(item, "ContentID")).removeprefix("cid:")
        files.append(Attachment(name, text(member(item, "ContentType")), content, cid))
    return files


def _accepted(body: object, mail: Mail, message: str) -> dict[str, object]:
    return {
        "To": text(member(body, "To")),
        "SubmittedAt": eastern(mail.at),
        "MessageID": mail.id,
        "ErrorCode": 0,
        "Message": message,
    }
