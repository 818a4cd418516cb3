"""The pages for who comes from a provider say what the code does.

Every settings block is read as the start reads it, and the doctor asked about it; every request is
taken in as the API does; and what is said of today's call is found in what leaves.
"""

import base64
import hashlib
import hmac
import json
import re
import shlex
import tomllib
from collections.abc import Callable
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default as policy
from itertools import pairwise
from pathlib import Path
from typing import Any, cast
from urllib.parse import quote_plus, urlsplit

import jsonschema_rs
import msgspec
import pytest
from anymail.message import AnymailMessageMixin

from mailkeep.app import settings as app_settings
from mailkeep.app import wiring_observation
from mailkeep.app.doctor.look import examine
from mailkeep.app.doctor.types import State
from mailkeep.app.settings import Settings
from mailkeep.app.wiring_posture import accounts as read_accounts
from mailkeep.http.api import batch, strict_json
from mailkeep.http.api.message_in import AttachmentIn, MessageIn, to_new
from mailkeep.http.api.observations import JournalIn
from mailkeep.http.operations import OPERATIONS
from mailkeep.mail.intake import Intake, to_outgoing
from mailkeep.mail.journal import Sent
from mailkeep.mail.types import NewMessage, StreamSettings
from mailkeep.providers import outgoing, registry
from mailkeep.providers.errors import UnbuildableMessage
from mailkeep.providers.message import Address, Attachment, OutgoingMessage
from mailkeep.providers.posture import registry as accounts
from mailkeep.providers.types import (
    ClaimKind,
    HttpRequest,
    ProviderConfig,
    SmtpRequest,
    VerifiedRequest,
    WebhookRequest,
)
from mailkeep.smtp.parsing import LEFT_BEHIND, parse, to_one

ROOT = Path(__file__).parents[2]
HOW_TO = ROOT / "docs" / "how-to"
REFERENCE = (ROOT / "docs" / "reference.md").read_text()
INDEX = HOW_TO / "adopt-from-a-provider.md"
PAGES = sorted(HOW_TO.glob("adopt-from-*.md"))
#: Pages of one provider, by whose account it is.
OF_PROVIDER = {
    "postmark": HOW_TO / "adopt-from-postmark.md",
    "mandrill": HOW_TO / "adopt-from-mailchimp-transactional.md",
    "ses": HOW_TO / "adopt-from-amazon-ses.md",
    "sendgrid": HOW_TO / "adopt-from-sendgrid.md",
    "mailgun": HOW_TO / "adopt-from-mailgun.md",
    "resend": HOW_TO / "adopt-from-resend.md",
}
MANDRILL_HOOK = "a-key-of-the-webhook"
SECRET = "user:a-long-random-word"


def _blocks(page: Path, kind: str) -> list[str]:
    return re.findall(rf"^```{kind}\n(.*?)^```", page.read_text(), re.DOTALL | re.MULTILINE)


def _settings(page: Path) -> list[Settings]:
    return [app_settings.parse(tomllib.loads(block)) for block in _blocks(page, "toml")]


def _environ(settings: Settings) -> dict[str, str]:
    """Every secret that the settings name."""
    named = re.findall(r"env:(\w+)", repr(msgspec.to_builtins(settings)))
    return {name: MANDRILL_HOOK if name == "MANDRILL_WEBHOOK" else SECRET for name in named}


def _carrying(page: Path) -> Settings:
    (found,) = [one for one in _settings(page) if one.level == "carry"]
    return found


def _rows(page: Path, head: str) -> list[list[str]]:
    """The cells of the table whose head begins so."""
    text = page.read_text()
    start = text.index(f"\n| {head} |")
    lines = text[start + 1 :].split("\n\n")[0].splitlines()[2:]
    return [[cell.strip() for cell in re.split(r"(?<!\\)\|", line.strip())[1:-1]] for line in lines]


def _words(cell: str) -> list[str]:
    return re.findall(r"`([^`]+)`", cell)


def _bodies(page: Path, path: str) -> list[bytes]:
    """What the page's calls of ours send to a path."""
    found, url = [], ""
    for block in _blocks(page, "sh"):
        words = shlex.split(block)
        for word, following in pairwise(words):
            if word.startswith("https://"):
                url = word
            if word == "-d" and url == f"https://mail.example.com{path}":
                found.append(following.encode())
    return found


def _taken(body: bytes, settings: Settings) -> list[NewMessage]:
    """As the API does it, up to the database."""
    asked = batch.read(body)
    configs = app_settings.provider_configs(settings, _environ(settings))
    intake = Intake(
        cast("Any", None), cast("Any", None), settings.streams(), providers=configs, public_url=""
    )
    out = []
    for number, one in enumerate(asked.items):
        assert isinstance(one, MessageIn), one
        out.append(
            intake.check(to_new(one, "key", None, asked.field(number)), field=asked.field(number))
        )
    return out


def _leaves(page: Path) -> HttpRequest | SmtpRequest:
    """What the first provider of the page is sent for the page's call."""
    settings = _carrying(page)
    (body,) = _bodies(page, "/v1/messages")
    (new,) = _taken(body, settings)
    stream = settings.streams()[new.stream]
    name = stream.routes[0].provider
    config = app_settings.provider_configs(settings, _environ(settings))[name]
    message = to_outgoing(new.content, "msg_1", "att_1", stream, 0)
    request = registry.get(config.kind).build(config, message)
    assert isinstance(request, HttpRequest | SmtpRequest)
    return request


def _today(page: Path) -> str:
    found = re.search(r"\*\*Today\*\*.*?^```\w+\n(.*?)^```", page.read_text(), re.DOTALL | re.M)
    assert found is not None
    return found[1]


@pytest.mark.parametrize("page", [one for one in PAGES if one != INDEX], ids=lambda one: one.stem)
async def test_the_doctor_finds_nothing_wrong_with_the_settings_of_a_page(
    page: Path, tmp_path: Path
) -> None:
    blocks = _settings(page)
    assert blocks
    for settings in blocks:
        findings = await examine(
            tmp_path / "none", settings, environ=_environ(settings), offline="a test"
        )
        wrong = [
            one
            for one in findings
            if one.state is State.FAILED
            and not one.id.startswith(("home.", "database."))
            # A certificate lies on the machine of who reads the page.
            and "/etc/mailkeep/" not in one.meaning
        ]
        assert wrong == []
        by_check = {one.id: one for one in findings}
        assert by_check["settings"].state is State.OK
        assert by_check["secrets.provider"].state is State.OK
        if settings.level == "carry":
            assert by_check["streams.routes"].state is State.OK, by_check["streams.routes"]
            assert by_check["canaries"].state is State.OK
        assert by_check["trusted_proxies"].state is State.OK


@pytest.mark.parametrize("page", [one for one in PAGES if one != INDEX], ids=lambda one: one.stem)
def test_each_provider_of_a_page_writes_a_mail_ordinary_and_secret(page: Path) -> None:
    settings = _carrying(page)
    for config in app_settings.provider_configs(settings, _environ(settings)).values():
        for secret in (False, True):
            registry.get(config.kind).build(config, _whole(secret=secret))


def test_the_accounts_of_the_pages_can_be_read() -> None:
    read = {}
    for page in OF_PROVIDER.values():
        for settings in _settings(page):
            found = read_accounts(settings, _environ(settings))
            read |= {one.kind: one for one in found.values()}
    assert set(read) == set(accounts.ACCOUNTS)
    for kind, config in read.items():
        assert accounts.get(kind).ask(config, 0)


def test_the_index_says_what_each_module_can() -> None:
    rows = _rows(INDEX, "today through")
    assert {Path(one).name for row in rows for one in re.findall(r"\]\(([^)]+)\)", row[1])} == {
        one.name for one in PAGES if one != INDEX
    }
    for _, link, carried, delivered, account in rows:
        (kind,) = _words(carried)
        able = registry.get(kind).capabilities
        assert delivered.startswith("yes") is able.reports_deliveries, link
        where = HOW_TO / re.findall(r"\]\(([^)]+)\)", link)[0]
        first = _carrying(where).provider[0]
        assert first.kind == kind
        bounces = kind == "smtp" and "return_path_domain" in first.options
        assert ("bounces come by mail" in delivered) is bounces, link
        read = [one for one in accounts.ACCOUNTS if account == f"`{one}`"]
        assert account == "no" or read, link
    assert {row[4].strip("`") for row in rows} - {"no"} == set(accounts.ACCOUNTS)
    assert {row[2].strip("`") for row in rows} == set(registry.REGISTRY)


def test_every_field_of_a_message_is_in_the_index() -> None:
    rows = _rows(INDEX, "field")
    named = [word for row in rows for word in _words(row[0])]
    assert sorted(named) == sorted(MessageIn.__struct_encode_fields__)
    (files,) = [row[1] for row in rows if row[0] == "`attachments`"]
    assert _words(files) == list(AttachmentIn.__struct_fields__)


@pytest.mark.parametrize("page", PAGES, ids=lambda one: one.stem)
def test_every_call_of_ours_is_taken_in(page: Path) -> None:
    calls = _bodies(page, "/v1/messages")
    assert len(calls) == page.read_text().count("https://mail.example.com/v1/messages")
    settings = _carrying(OF_PROVIDER["postmark"] if page == INDEX else page)
    bulk = StreamSettings("bulk", 9, settings.stream[0].routes)
    settings = msgspec.structs.replace(settings, stream=(*settings.stream, bulk))
    for body in calls:
        assert _taken(body, settings)
        _described("/v1/messages", body)


@pytest.mark.parametrize("page", OF_PROVIDER.values(), ids=OF_PROVIDER)
def test_every_line_of_the_journal_is_one(page: Path) -> None:
    (settings,) = [one for one in _settings(page) if one.level == "observe"]
    journal = wiring_observation.journal(
        settings, cast("Any", None), cast("Any", None), settings.streams()
    )
    assert journal is not None
    (body,) = _bodies(page, "/v1/observations")
    lines = strict_json.decode(body, JournalIn).sent
    journal.check([Sent(one.provider, one.id, one.to, one.stream, 0) for one in lines])
    assert all(one.at.tzinfo for one in lines)
    _described("/v1/observations", body)


def _described(path: str, body: bytes) -> None:
    """The body is what the description of the API (OpenAPI) says of the path."""
    kinds = OPERATIONS[path, "post"].body
    schemas, parts = msgspec.json.schema_components(kinds, ref_template="#/$defs/{name}")
    schema = {"anyOf": list(schemas), "$defs": parts}
    jsonschema_rs.validator_for(schema).validate(json.loads(body))


# What stands beside each other on a page.


def test_todays_call_of_postmark_is_what_leaves() -> None:
    page = OF_PROVIDER["postmark"]
    request = _leaves(page)
    assert isinstance(request, HttpRequest)
    assert request.url == "https://api.postmarkapp.com/email"
    assert request.url in page.read_text()
    today, leaves = json.loads(_today(page)), json.loads(request.body)
    assert {**leaves, "Metadata": leaves["Metadata"] | today["Metadata"]} == leaves
    assert {name: leaves[name] for name in today} | {"Metadata": today["Metadata"]} == today


def test_todays_call_of_mailchimp_transactional_is_what_leaves() -> None:
    page = OF_PROVIDER["mandrill"]
    request = _leaves(page)
    assert isinstance(request, HttpRequest)
    assert request.url.removesuffix(".json") in page.read_text()
    today, leaves = json.loads(_today(page)), json.loads(request.body)["message"]
    assert leaves["metadata"].items() >= today["metadata"].items()
    assert {name: leaves[name] for name in today} | {"metadata": today["metadata"]} == today


def _said(page: Path) -> dict[str, Any]:
    """What leaves over SMTP, in the words that `_OTHERS` uses."""
    request = _leaves(page)
    assert isinstance(request, SmtpRequest)
    mail = message_from_bytes(request.data, policy=policy)
    assert isinstance(mail, EmailMessage)
    text, html = mail.get_body(("plain",)), mail.get_body(("html",))
    assert text is not None
    assert html is not None
    return {
        "from": str(mail["From"]),
        "to": [one.addr_spec for one in mail["To"].addresses],
        "reply_to": str(mail["Reply-To"]),
        "subject": str(mail["Subject"]),
        "text": text.get_content().strip(),
        "html": html.get_content().strip(),
    }


def _of_ses(call: str) -> dict[str, Any]:
    sent = json.loads(call)
    simple = sent["Content"]["Simple"]
    return {
        "from": sent["FromEmailAddress"].replace('"', ""),
        "to": sent["Destination"]["ToAddresses"],
        "reply_to": sent["ReplyToAddresses"][0],
        "subject": simple["Subject"]["Data"],
        "text": simple["Body"]["Text"]["Data"],
        "html": simple["Body"]["Html"]["Data"],
    }


def _of_sendgrid(call: str) -> dict[str, Any]:
    sent = json.loads(call)
    parts = {one["type"]: one["value"] for one in sent["content"]}
    return {
        "from": f"{sent['from']['name']} <{sent['from']['email']}>",
        "to": [one["email"] for one in sent["personalizations"][0]["to"]],
        "reply_to": sent["reply_to"]["email"],
        "subject": sent["subject"],
        "text": parts["text/plain"],
        "html": parts["text/html"],
    }


def _of_mailgun(call: str) -> dict[str, Any]:
    words = shlex.split(call.replace("\\\n", " "))
    sent = dict(words[at + 1].split("=", 1) for at, one in enumerate(words) if one == "-F")
    return {
        "from": sent["from"],
        "to": re.findall(r"<(.+?)>", sent["to"]),
        "reply_to": sent["h:Reply-To"],
        **{name: sent[name] for name in ("subject", "text", "html")},
    }


def _of_resend(call: str) -> dict[str, Any]:
    sent = json.loads(call)
    return {name: sent[name] for name in ("from", "to", "reply_to", "subject", "text", "html")}


_OTHERS: dict[str, Callable[[str], dict[str, Any]]] = {
    "ses": _of_ses,
    "sendgrid": _of_sendgrid,
    "mailgun": _of_mailgun,
    "resend": _of_resend,
}


@pytest.mark.parametrize("whose", _OTHERS)
def test_what_todays_call_says_is_what_leaves(whose: str) -> None:
    page = OF_PROVIDER[whose]
    assert _said(page) == _OTHERS[whose](_today(page))


# The tables.


def _heads() -> dict[str, str]:
    return {
        "postmark": "Postmark",
        "mandrill": "Mailchimp Transactional",
        "ses": "Amazon SES",
        "sendgrid": "SendGrid",
        "mailgun": "Mailgun",
        "resend": "Resend",
    }


@pytest.mark.parametrize("whose", OF_PROVIDER)
def test_every_field_named_on_our_side_exists(whose: str) -> None:
    page = OF_PROVIDER[whose]
    kind = _carrying(page).provider[0].kind
    module = __import__(registry.get(kind).__class__.__module__, fromlist=["x"]).__doc__
    known = {
        *MessageIn.__struct_encode_fields__,
        *StreamSettings.__struct_fields__,
        *("messages", "all_or_none", "Idempotency-Key"),
    }
    for theirs, ours, words in _rows(page, _heads()[whose]):
        for word in _words(ours):
            if word.startswith("options."):
                assert f"``{word.removeprefix('options.')}``" in module, word
            else:
                assert word in known, f"{theirs}: {word}"
        for word in _words(words):  # of a file
            if word in {"filename", "content", "content_type", "content_id"}:
                assert word in AttachmentIn.__struct_fields__
    offered = {word for _, ours, _ in _rows(page, _heads()[whose]) for word in _words(ours)}
    # Whatever a message may say has its line, but for our own word.
    assert offered >= set(MessageIn.__struct_encode_fields__) - {"stream"}


@pytest.mark.parametrize("whose", ["postmark", "mandrill"])
def test_every_field_that_we_write_there_is_named_on_their_side(whose: str) -> None:
    page = OF_PROVIDER[whose]
    (config,) = [
        one
        for one in app_settings.provider_configs(
            _carrying(page), _environ(_carrying(page))
        ).values()
        if one.kind == whose
    ]
    options = {"ip_pool": "main", "signing_domain": "example.com", "message_stream": "outbound"}
    config = msgspec.structs.replace(config, options={**options, **config.options})
    request = registry.get(whose).build(config, _whole(secret=False))
    assert isinstance(request, HttpRequest)
    call = json.loads(request.body)
    written = {*call, *call.pop("message", {})} - {"key", "message"}
    named = {word for row in _rows(page, _heads()[whose]) for word in _words(row[0])}
    assert written - named == set()


def _whole(*, secret: bool) -> OutgoingMessage:
    """A message with everything that one may have."""
    many = () if secret else (Address("bob@example.net"),)
    return OutgoingMessage(
        id="msg_1",
        attempt="att_1",
        stream="alert",
        sender=Address("shop@example.com", "Shop"),
        to=Address("ada@example.net", "Ada"),
        reply_to=Address("help@example.com"),
        subject="Your order",
        text="text",
        html="<p>html</p>",
        headers=(("List-Unsubscribe", "<https://example.com/u>"),),
        secret=secret,
        tags=("order",),
        metadata={"order": "7"},
        cc=many,
        bcc=tuple(Address(f"c.{one.email}") for one in many),
        attachments=() if secret else (Attachment("a.pdf", b"x", "application/pdf"),),
    )


@pytest.mark.parametrize(
    ("whose", "fields", "key", "value"),
    [("postmark", "eight", 20, 80), ("mandrill", "eight", 50, 200)],
)
def test_so_much_metadata_goes_along(whose: str, fields: str, key: int, value: int) -> None:
    page = OF_PROVIDER[whose]
    (row,) = [row for row in _rows(page, _heads()[whose]) if row[0].lower() == "`metadata`"]
    assert fields in row[2]
    assert f"{key} characters" in row[2]
    assert f"values of {value}" in row[2]
    settings = _carrying(page)
    config = app_settings.provider_configs(settings, _environ(settings))[whose]

    def kept(metadata: dict[str, str]) -> int:
        message = msgspec.structs.replace(_whole(secret=False), metadata=metadata)
        request = registry.get(whose).build(config, message)
        assert isinstance(request, HttpRequest)
        call = json.loads(request.body)
        found = call.get("Metadata") or call["message"]["metadata"]
        return len(found) - 2

    assert kept({f"k{number}": "v" for number in range(20)}) == 8
    assert kept({"k" * key: "v" * value}) == 1
    assert kept({"k" * (key + 1): "v"}) == kept({"k": "v" * (value + 1)}) == 0


@pytest.mark.parametrize("whose", accounts.ACCOUNTS)
def test_what_a_provider_cannot_tell_is_what_the_code_says(whose: str) -> None:
    rows = {row[0].strip("`"): row[1] for row in _rows(OF_PROVIDER[whose], "blind")}
    assert rows == {kind.value: why for kind, why in accounts.blind(whose).items()}


@pytest.mark.parametrize("whose", sorted(set(OF_PROVIDER) - set(accounts.ACCOUNTS)))
def test_where_no_module_reads_the_account_the_page_says_so(whose: str) -> None:
    assert "there is no module that reads it" in OF_PROVIDER[whose].read_text()


# Keys and their rights.


def test_the_keys_of_the_pages_have_the_rights_that_the_modules_ask_for() -> None:
    def told(kind: str) -> str:
        return __import__(f"mailkeep.providers.posture.{kind}", fromlist=["x"]).__doc__ or ""

    rows = {row[0]: row[2] for row in _rows(OF_PROVIDER["mandrill"], "make")}
    observing_, _ = _settings(OF_PROVIDER["mandrill"])
    config = read_accounts(observing_, _environ(observing_))["mandrill"]
    asked = {_called(one.request) for one in accounts.get("mandrill").ask(config, 0)}
    assert set(_words(rows["a **reading key**"])) == asked

    rows = {row[0]: row[2] for row in _rows(OF_PROVIDER["sendgrid"], "make")}
    scopes = re.findall(r"``([a-z_]+(?:[._][a-z_]+)+)``", told("sendgrid"))
    assert set(_words(rows["a **reading key**"])) == set(scopes)
    assert "mail.send" not in _words(rows["a **reading key**"])
    keys = __import__("mailkeep.providers.keys.sendgrid", fromlist=["x"]).__doc__ or ""
    assert set(_words(rows["a **managing key**, or not"])) == set(
        re.findall(r"``([a-z_]+\.[a-z]+)``", keys)
    )

    _, reading = [
        json.loads(block)
        for block in _blocks(OF_PROVIDER["ses"], "json")
        if "Statement" in json.loads(block)
    ]
    assert set(reading["Statement"][0]["Action"]) == set(re.findall(r"``(ses:\w+)``", told("ses")))


def test_the_sending_key_of_mailchimp_transactional_may_call_what_is_called() -> None:
    rows = {row[0]: row[2] for row in _rows(OF_PROVIDER["mandrill"], "make")}
    settings = _carrying(OF_PROVIDER["mandrill"])
    config = app_settings.provider_configs(settings, _environ(settings))["mandrill"]
    module = registry.get("mandrill")
    shown = Attachment("a.png", b"x", "image/png", content_id="a")
    requests = [
        module.build(config, _whole(secret=False)),
        module.build(config, msgspec.structs.replace(_whole(secret=False), attachments=(shown,))),
        module.ask_allowance(config),
        module.ask_volume(config),
    ]
    called = {_called(one) for one in requests if isinstance(one, HttpRequest)}
    assert set(_words(rows["a **sending key**"])) == called


def _called(request: HttpRequest) -> str:
    return urlsplit(request.url).path.removeprefix("/api/1.0/").removesuffix(".json")


# Webhooks.


def _proved(config: ProviderConfig, payload: bytes) -> VerifiedRequest:
    return VerifiedRequest.prove(
        config,
        WebhookRequest("", {}, payload, 0),
        presented=b"x",
        expected=b"x",
        payload=payload,
        authenticated="signature",
    )


@pytest.mark.parametrize("whose", ["postmark", "mandrill"])
def test_the_webhook_of_a_page_gets_in_at_both_levels(whose: str) -> None:
    page = OF_PROVIDER[whose]
    for settings in _settings(page):
        config = app_settings.provider_configs(settings, _environ(settings))[whose]
        assert config.webhook_url is not None
        assert f"`{config.webhook_url}`" in page.read_text()
        if whose == "postmark":
            shown = base64.b64encode(SECRET.encode()).decode()
            body, headers = b"{}", {"Authorization": f"Basic {shown}"}
        else:
            events = "[]"
            signed = f"{config.webhook_url}mandrill_events{events}".encode()
            digest = hmac.digest(MANDRILL_HOOK.encode(), signed, hashlib.sha1)
            headers = {"X-Mandrill-Signature": base64.b64encode(digest).decode()}
            body = f"mandrill_events={quote_plus(events)}".encode()
        request = WebhookRequest(config.webhook_url, headers, body, 0)
        verified = registry.get(whose).verify(config, request)
        assert verified.provider == whose


def test_the_events_of_the_pages_are_kept_as_they_say() -> None:
    settings = _carrying(OF_PROVIDER["postmark"])
    configs = app_settings.provider_configs(settings, _environ(settings))

    def kind(whose: str, event: object) -> str:
        payload = msgspec.json.encode([event] if whose == "mandrill" else event)
        (claim,) = registry.get(whose).parse(configs[whose], _proved(configs[whose], payload))
        return claim.kind.value

    rows = _rows(OF_PROVIDER["mandrill"], "event")
    assert len(rows) == 10
    for event, kept in rows:
        assert kind("mandrill", {"event": event.strip("`"), "_id": "x"}) == kept.strip("`")
    listed = {"type": "blacklist", "action": "add", "reject": {"email": "a@example.net"}}
    assert kind("mandrill", listed) == "suppressed"

    for turn_on, kept in _rows(OF_PROVIDER["postmark"], "turn on"):
        record, *more = _words(turn_on)
        if record == "SubscriptionChange":
            change = {"RecordType": record, "SuppressSending": True, "Origin": "Recipient"}
            assert [
                kind("postmark", change),
                kind("postmark", change | {"Origin": "Customer"}),
            ] == (_words(kept))
        elif record == "Bounce":
            assert kind("postmark", {"RecordType": record, "Type": more[0]}) == _words(kept)[0]
        else:
            for name, word in zip([record, *more], _words(kept), strict=True):
                assert kind("postmark", {"RecordType": name}) == word
                assert word != ClaimKind.UNKNOWN.value


# By SMTP.

FRAMEWORK = HOW_TO / "adopt-from-a-framework.md"


def test_the_frameworks_knock_where_the_settings_open() -> None:
    settings = _carrying(FRAMEWORK)
    assert settings.submission is not None
    (_, port), host = settings.submission.tls()[0], settings.submission.hostname
    symfony, spring = _blocks(FRAMEWORK, "ini")
    dsn = urlsplit(re.sub(r"\$\{\w+\}", "mk_key", symfony.removeprefix("MAILER_DSN=").strip()))
    assert (dsn.scheme, dsn.hostname, dsn.port, dsn.password) == ("smtps", host, port, "mk_key")
    said = dict(line.split("=", 1) for line in spring.splitlines())
    assert (said["spring.mail.host"], said["spring.mail.port"]) == (host, str(port))
    smtp = "spring.mail.properties.mail.smtp."
    assert said[f"{smtp}ssl.enable"] == said[f"{smtp}ssl.checkserveridentity"] == "true"


def test_headers_are_carried_left_or_refused_as_the_page_says() -> None:
    rows = {
        row[1].strip("*").split("*")[0]: _words(row[0])
        for row in _rows(FRAMEWORK, "header of your mail")
    }
    (goes,) = [names for said, names in rows.items() if said == "go on"]
    (left,) = [names for said, names in rows.items() if said.startswith("left behind")]
    (refused,) = [names for said, names in rows.items() if said == "refused"]
    (shown,) = [names for said, names in rows.items() if said.startswith("shown")]

    def leaves(name: str) -> OutgoingMessage:
        raw = (
            f"{name}: <a@example.com>\r\nFrom: shop@example.com\r\nTo: ada@example.net\r\n"
            "Subject: x\r\n\r\nHi\r\n"
        )
        content = to_one(parse(raw.encode())[0], "ada@example.net")
        stream = StreamSettings("alert", 2, ())
        message = to_outgoing(content, "msg_1", "att_1", stream, 0)
        outgoing.check(message)
        return message

    for name in goes:
        assert [one for one, _ in leaves(name).headers] == [name]
    for name in left:
        assert name.lower() in LEFT_BEHIND
        assert leaves(name).headers == ()
    for name in refused:
        with pytest.raises(UnbuildableMessage):
            leaves(name)
    assert {one.lower() for one in shown} <= LEFT_BEHIND  # written anew, from what was read
    families = re.findall(r"`(X-[\w-]+)`", INDEX.read_text().split("## 3.")[1].split("## 4.")[0])
    for family in families:
        with pytest.raises(UnbuildableMessage):
            leaves(f"{family}Tag" if family.endswith("-") else family)


def test_what_is_said_of_anymail_is_what_it_has() -> None:
    named = [word for row in _rows(FRAMEWORK, "anymail") for word in _words(row[0])]
    made = AnymailMessageMixin.__init__.__code__
    has = {one for one in made.co_consts if isinstance(one, str)} & set(made.co_names)
    assert sorted(named) == sorted({*has, "anymail_status"})
