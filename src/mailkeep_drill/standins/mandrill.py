"""Stand-in for Mailchimp Transactional (Mandrill): the sending API.

Formats: the provider's own machine-readable specification (spec/transactional.json in
https://github.com/mailchimp/mailchimp-client-lib-codegen), https://mandrillapp.com/api/docs/, its
clients, and mails as they arrived in public mailing-list archives (header fields, signatures).

What a suspended account answers: 200, with the mail ``queued`` and ``queued_reason`` saying
``account-suspended`` or ``sending-suspended`` (the specification; its pull request 317). Requests
go on working; "in rare cases" logins and API requests end as well (mailchimp.com/help/
about-list-suspension), which a client can only see as a key that is not valid: kind ``closed``.
``PaymentRequired`` is for features that cost, not for suspensions; kind ``payment`` answers it
to every send. ``rejected`` is about one recipient or an unsigned sender domain, never the account.
A wrong or revoked key: 401 since 23 February 2023 (release notes), all other errors 500.
"""

import base64
import json
import re
import secrets
import time
from collections.abc import Sequence
from email.utils import formatdate, getaddresses
from typing import ClassVar
from urllib.parse import urlsplit

from aiohttp import web

from .account import Settings
from .hooks import HookFormat
from .mail import BOTH_PARTS, HTML_ONLY, NO_PARTS, Attachment, Mail, Mailbox, Part
from .mandrill_account import AccountCalls, ApiError
from .mandrill_calls import (
    files,
    invalid,
    items,
    kept,
    mailbox,
    mapping,
    optional,
    own_metadata,
    without_commands,
)
from .mandrill_hooks import TEST_KEY, MandrillHooks, signed
from .mime import body_of, crlf, fold, parse
from .web import ApiStandIn, json_of, member, text

_PATH = re.compile(r"/api/1\.\d/([a-z0-9-]+/[a-z0-9-]+)(?:\.json)?/?")
_SYNCHRONOUS = 10  # recipients; more are always queued
_TRACKS: dict[str, frozenset[Part]] = {
    "clicks": HTML_ONLY,
    "clicks_htmlonly": HTML_ONLY,
    "clicks_textonly": frozenset({"text"}),
    "clicks_all": BOTH_PARTS,
}


class Mandrill(ApiStandIn):
    """See the module."""

    kind: ClassVar[str] = "mandrill"
    suspensions: ClassVar[tuple[str, ...]] = (
        "account-suspended",
        "sending-suspended",
        "sending-paused",
        "hourly-quota-exhausted",
        "monthly-limit-reached",
        "free-trial-sends-exhausted",
        "closed",
        "payment",
        "silent",
    )
    hook_format: ClassVar[HookFormat] = MandrillHooks()
    hostname: ClassVar[str] = "mail136-20.atl41.mandrillapp.com"
    max_body = 35 * 1024 * 1024  # 25 MB of mail, base64

    def __init__(self, settings: Settings) -> None:
        settings.user = settings.user or "30504962"
        super().__init__(settings)
        self.account = AccountCalls(self)

    # Answers.

    async def respond(self, request: web.Request) -> web.StreamResponse:
        """Route one call; the body is JSON with the key in it."""
        found = _PATH.fullmatch(request.path.lower())
        if found is None or request.method != "POST":
            return web.Response(status=404, text="Not Found")
        try:
            call = json_of(await request.read())
        except ValueError:
            call = None
        recipients = self._recipients(call)

        def work() -> web.Response:
            try:
                return web.json_response(self._do(found[1], call))
            except ApiError as error:
                return _error(error)

        return await self.guard(request, recipients, work)

    def _do(self, name: str, call: object) -> object:
        key = member(call, "key")
        if key is None:
            raise ApiError("ValidationError", -1, "You must specify a key value")
        if key != self.settings.key or self.account.is_closed():
            raise ApiError("Invalid_Key", -1, "Invalid API key", 401)
        if name == "messages/send":
            return self._send(call)
        if name == "messages/send-raw":
            return self._send_raw(call)
        if name in {"messages/send-template", "messages/send-mc-template"}:
            template = text(member(call, "template_name"))
            raise ApiError("Unknown_Template", 5, f'No such template "{template}"')
        return self.account.do(name, call)

    def failed(self, status: int) -> web.Response:
        """A subsystem that is down, or a bare server error."""
        if status == 503:
            return _error(
                ApiError(
                    "ServiceUnavailable",
                    -1,
                    "The subsystem providing this API call is down for maintenance",
                    503,
                )
            )
        return _error(ApiError("GeneralError", -99, "An unknown error occurred", status))

    def throttled(self) -> web.Response:
        """429 is documented for searches only, and its body nowhere."""
        return web.Response(status=429, text="Too Many Requests")

    def key_refused(self) -> web.Response:
        """401, as for any key that is wrong or revoked."""
        return _error(ApiError("Invalid_Key", -1, "Invalid API key", 401))

    # Sending.

    def _send(self, call: object) -> object:
        message = member(call, "message")
        sender = text(member(message, "from_email"))
        if not isinstance(message, dict):
            raise invalid("message", "Please enter an array")
        if not isinstance(message.get("to"), list) or not message["to"]:
            raise invalid("message", {"to": "Please enter an array"})
        if sender.count("@") != 1:
            raise invalid("message", {"from_email": "An email address must contain a single @"})
        if any(text(tag).startswith("_") for tag in items(message, "tags")):
            raise invalid("message", {"tags": "Tags starting with an underscore are reserved"})
        if subaccount := text(message.get("subaccount")):
            detail = f"No subaccount exists with the id '{subaccount}'"
            raise ApiError("Unknown_Subaccount", 12, detail)
        if member(call, "send_at"):
            detail = "Email scheduling is only available for accounts with a positive balance."
            raise ApiError("PaymentRequired", 10, detail)
        boxes = [mailbox(item) for item in message["to"]]
        attached = [*files(message, "attachments"), *files(message, "images", inline=True)]
        if bcc := text(message.get("bcc_address")):
            boxes.append(Mailbox(bcc, kind="bcc"))
        reason = ""
        if len(boxes) > _SYNCHRONOUS:
            reason = "multiple-recipients"
        elif attached:
            reason = "attachments"
        elif member(call, "async") is True:
            reason = "async"
        return [self._one(self._mail(message, box, boxes, attached), reason) for box in boxes]

    def _mail(
        self,
        message: dict[str, object],
        box: Mailbox,
        boxes: Sequence[Mailbox],
        attached: Sequence[Attachment],
    ) -> Mail:
        headers = message.get("headers")
        pairs = headers.items() if isinstance(headers, dict) else ()
        clicks = message.get("track_clicks")
        opens = message.get("track_opens")
        # Unless asked to show everybody, each recipient gets a mail to himself.
        shown = tuple(boxes) if message.get("preserve_recipients") is True else ()
        return Mail(
            id=self.new_id(),
            sender=Mailbox(text(message.get("from_email")), text(message.get("from_name"))),
            to=(box if shown else Mailbox(box.email, box.name),),
            shown=shown,
            at=time.time(),
            subject=text(message.get("subject")),
            text=optional(message, "text"),
            html=optional(message, "html"),
            headers=tuple((str(name), str(value)) for name, value in pairs),
            attachments=tuple(attached),
            metadata={**mapping(message.get("metadata")), **own_metadata(message, box.email)},
            tags=tuple(text(tag) for tag in items(message, "tags")),
            track_opens=opens if isinstance(opens, bool) else None,
            track_links=(HTML_ONLY if clicks else NO_PARTS) if isinstance(clicks, bool) else None,
            content_kept=message.get("view_content_link") is not False,
            return_path=text(message.get("return_path_domain")),
        )

    def _send_raw(self, call: object) -> object:
        raw = text(member(call, "raw_message"))
        if not raw:
            raise invalid("raw_message", "Please enter a value")
        octets = crlf(raw.encode("utf-8", "surrogateescape"))
        message = parse(octets)
        named = [text(address) for address in items(call, "to")]
        fields = ("To", "Cc", "Bcc")
        written = getaddresses(
            [str(value) for name in fields for value in message.get_all(name, [])]
        )
        boxes = getaddresses(named) if named else written
        froms = getaddresses([text(member(call, "from_email")) or str(message.get("From", ""))])
        sender = Mailbox(froms[0][1], text(member(call, "from_name")) or froms[0][0])
        tracks = {word.strip().lower() for word in str(message.get("X-MC-Track", "")).split(",")}
        known = [_TRACKS[word] for word in tracks if word in _TRACKS]
        metadata: object = None
        if given := str(message.get("X-MC-Metadata", "")):
            try:
                metadata = json_of(given.encode())
            except ValueError:
                metadata = None
        tags = tuple(tag.strip() for tag in str(message.get("X-MC-Tags", "")).split(",") if tag)
        logged = str(message.get("X-MC-ViewContentLink", "")).lower() != "false"
        results = []
        for name, address in boxes:
            mail = Mail(
                id=self.new_id(),
                sender=sender,
                to=(Mailbox(address, name),),
                at=time.time(),
                subject=str(message.get("Subject", "")),
                text=body_of(message, "plain"),
                html=body_of(message, "html"),
                headers=tuple((k, str(v)) for k, v in message.items() if kept(k)),
                metadata=mapping(metadata),
                tags=tags,
                track_opens="opens" in tracks if tracks != {""} else None,
                track_links=(known[0] if known else NO_PARTS) if tracks != {""} else None,
                content_kept=logged,
                return_path=text(member(call, "return_path_domain")),
                raw=without_commands(octets),
            )
            results.append(self._one(mail, "async" if member(call, "async") is True else ""))
        return results

    def _one(self, mail: Mail, queued: str) -> dict[str, object]:
        """Take one mail, and say what became of it in the words of the API."""
        address = mail.to[0].email
        result: dict[str, object] = {"email": address, "status": "sent", "_id": mail.id}
        listed = self.suppression_of(address)
        suspended = self.faults.suspension([address])
        if suspended == "payment":
            raise ApiError("PaymentRequired", 10, "The requested feature requires payment.")
        if suspended == "closed":
            raise ApiError("Invalid_Key", -1, "Invalid API key", 401)
        if address.count("@") != 1 or not all(address.split("@")):
            result |= {"status": "invalid", "reject_reason": None}
            del result["_id"]
        elif not self.may_send_from(mail.sender.email):
            self.reject(mail, "unsigned")
            result |= {"status": "rejected", "reject_reason": "unsigned"}
        elif listed is not None:
            self.reject(mail, listed.reason)
            result |= {"status": "rejected", "reject_reason": listed.reason}
        elif suspended in {None, "silent"}:
            self.take(mail, dropped=suspended == "silent")
            result["reject_reason"] = None
            if queued:
                result["status"] = "queued"
                if queued != "async":
                    result["queued_reason"] = queued
        else:
            self.take(mail, held=True)
            result |= {"status": "queued", "reject_reason": None, "queued_reason": suspended}
        return result

    def _recipients(self, call: object) -> list[str]:
        named = [
            text(member(item, "email")) if isinstance(item, dict) else text(item)
            for source in (member(call, "message"), call)
            for item in items(source, "to")
        ]
        return [address for address in named if address]

    # What goes out.

    def new_id(self) -> str:
        """32 hexadecimal digits."""
        return secrets.token_hex(16)

    def envelope_sender(self, mail: Mail, recipient: str) -> str:
        """``bounce-md_<user>.<time>.v1-<id>@`` the return path domain."""
        del recipient
        domain = mail.return_path or "mandrillapp.com"
        return f"bounce-md_{self.settings.user}.{int(mail.at):x}.v1-{mail.id}@{domain}"

    def message_id(self, mail: Mail) -> str:
        """The sender's own, else the provider's."""
        own = next((v for k, v in mail.headers if k.lower() == "message-id"), "")
        moment = time.strftime("%Y%m%d%H%M%S", time.gmtime(mail.at))
        number = int(mail.id[:12], 16) % 10**14
        return own or f"<{self.settings.user}.{moment}.{mail.id[:14]}.{number}@{self.hostname}>"

    def marks(self, mail: Mail, recipient: str, message: bytes) -> bytes:
        """Received, two signatures (the provider's and the sender domain's), X-Mandrill-User."""
        del recipient
        user, day = self.settings.user, time.strftime("%Y%m%d", time.gmtime(mail.at))
        report = (
            "Please forward a copy of this message, including all headers, to abuse@mandrill.com."
            f" You can also report abuse here: https://mandrillapp.com/contact/abuse?id={user}."
            f"{mail.id}"
        )
        own = (
            fold("X-Native-Encoded", "1")
            + fold("X-Report-Abuse", report)
            + fold("X-Mandrill-User", f"md_{user}")
            + fold("Feedback-ID", f"{user}:{user}.{day}:md")
        )
        signed_part = own + message
        now = int(time.time())
        received = f"from [127.0.0.1] by mandrillapp.com id {mail.id}; {formatdate(now)}"
        return (
            fold("Received", received)
            + self.signer.sign(signed_part, "mandrillapp.com", "mte1", now)
            + self.signer.sign(signed_part, mail.sender_domain, "mte1", now)
            + own
        )

    def wrap(self, mail: Mail, url: str) -> str:
        """``/track/click/<user>/<host>?p=`` base64 of JSON that holds the URL and the mail's id."""
        user = int(self.settings.user)
        inner = {"u": user, "v": 1, "url": url, "id": mail.id, "url_ids": [secrets.token_hex(20)]}
        outer = {"s": secrets.token_urlsafe(20), "v": 1, "p": json.dumps(inner)}
        packed = base64.urlsafe_b64encode(json.dumps(outer).encode()).decode().rstrip("=")
        return f"https://mandrillapp.com/track/click/{user}/{urlsplit(url).hostname}?p={packed}"

    def pixel(self, mail: Mail) -> str:
        """The image that reports an opening."""
        url = f"https://mandrillapp.com/track/open.php?u={self.settings.user}&amp;id={mail.id}"
        return f'<img src="{url}" height="1" width="1" alt="">'

    # The account.

    async def webhook_entered(self) -> bool:
        """HEAD; failing that a POST of no events under a key that everybody knows."""
        url = self.settings.hooks.url
        if await self.pump.call("HEAD", url, {"User-Agent": "Mandrill-Webhook/1.0"}) == 200:
            return True
        test = signed("[]", url, TEST_KEY)
        return await self.pump.call("POST", test.url, test.headers, test.body) == 200

    def add_to_account(self, name: str, entry: dict[str, object]) -> dict[str, object]:
        """Lists: exports, senders, webhooks."""
        return self.account.add(name, entry)


def _error(error: ApiError) -> web.Response:
    body = {
        "status": "error",
        "code": error.code,
        "name": error.name,
        "message": error.message,
    }
    return web.json_response(body, status=error.status)
