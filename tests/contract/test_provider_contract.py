"""Every provider module: what it builds, and what it reads out of recorded replies."""

import base64
import json
from email import message_from_bytes
from email.policy import SMTP
from typing import Any

import msgspec
import pytest
from provider_recordings import (
    MESSAGE,
    UNREADABLE,
    WHOLE,
    account,
    assert_clean,
    every_provider,
    load,
    recorded,
    reply_of,
)

from mailkeep.providers.errors import (
    ProviderError,
    UnbuildableMessage,
)
from mailkeep.providers.message import Address, Attachment, OutgoingMessage, Shown
from mailkeep.providers.registry import REGISTRY
from mailkeep.providers.types import (
    ID_HEADER,
    HttpReply,
    HttpRequest,
    OutcomeKind,
    SmtpRequest,
    TransportFailure,
)


@every_provider
def test_request_is_built_as_documented(kind: str) -> None:
    expected = load(kind, "request.json")
    request = REGISTRY[kind].build(account(kind), MESSAGE)
    if isinstance(request, HttpRequest):
        assert (request.method, request.url) == (expected["method"], expected["url"])
        assert dict(request.headers) == expected["headers"]
        assert json.loads(request.body) == expected["json"]
    else:
        for name in ("host", "port", "tls", "username", "mail_from", "rcpt_to"):
            assert getattr(request, name) == expected[name]
        assert request.password == account(kind).secret
        assert request.data.decode("ascii").split("\r\n") == expected["lines"]


@every_provider
def test_copies_and_files_are_written_as_documented(kind: str) -> None:
    expected = load(kind, "whole.json")
    request = REGISTRY[kind].build(account(kind), WHOLE)
    if isinstance(request, HttpRequest):
        assert request.url == expected["url"]
        assert json.loads(request.body) == expected["json"]
    else:
        assert (request.rcpt_to, list(request.also)) == (expected["rcpt_to"], expected["also"])
        assert request.data.decode("ascii").split("\r\n") == expected["lines"]
        assert b"dora@" not in request.data


@every_provider
def test_no_way_to_write_a_mail_leaves_something_out(kind: str) -> None:
    """A picture in the text, an invitation, a forwarded message: whatever way that takes."""
    files = {
        "logo.png": Attachment("logo.png", b"\x89PNG", "image/png", "logo@example.com"),
        "invite.ics": Attachment("invite.ics", b"BEGIN", "text/calendar; method=REQUEST", "", True),
        "first.eml": Attachment("first.eml", b"Subject: x\r\n\r\nx", "message/rfc822"),
        "a.pdf": Attachment("a.pdf", b"%PDF", "application/pdf"),
    }
    shown = Shown(to=(Address("list@example.net"),))
    for changes in ({}, {"shown": shown}, {"text": None}, {"html": None}):
        message = msgspec.structs.replace(WHOLE, attachments=tuple(files.values()), **changes)
        request = REGISTRY[kind].build(account(kind), message)
        content = request.body if isinstance(request, HttpRequest) else request.data
        for one in files.values():
            encoded = base64.b64encode(one.content)
            assert encoded in content or one.content in content.replace(b"\\r\\n", b"\r\n")
        for to in ("ann", "bob", "cleo", "dora"):
            named = (*getattr(request, "also", ()), getattr(request, "rcpt_to", ""))
            assert f"{to}@example.net".encode() in content or f"{to}@example.net" in named


@every_provider
def test_limits_are_those_of_the_account_or_less(kind: str) -> None:
    able = REGISTRY[kind].capabilities
    assert 0 < able.max_size <= 25 * 1024 * 1024
    assert able.max_recipients >= 50
    assert all(ending == ending.lower().lstrip(".") for ending in able.forbidden)


@every_provider
def test_request_carries_our_id(kind: str) -> None:
    request = REGISTRY[kind].build(account(kind), MESSAGE)
    content = request.body if isinstance(request, HttpRequest) else request.data
    assert ID_HEADER.encode() in content
    assert MESSAGE.id.encode() in content


def tracking(kind: str, message: OutgoingMessage) -> dict[str, Any]:
    request = REGISTRY[kind].build(account(kind), message)
    paths = load(kind, "request.json")["tracking"]
    if isinstance(request, SmtpRequest):
        mail = message_from_bytes(request.data, policy=SMTP)
        return {path: mail[path] for path in paths}
    found = {}
    for path in paths:
        value = json.loads(request.body)
        for part in path.split("."):
            value = value[part]
        found[path] = value
    return found


@every_provider
def test_secret_mail_has_tracking_off(kind: str) -> None:
    """The account in ``account.json`` has every kind of tracking switched on."""
    off = load(kind, "request.json")["tracking"]
    # A relay of its own may leave a message no say in it; then its module's page must tell.
    assert off or REGISTRY[kind].capabilities.tracking_off == "relay"
    assert tracking(kind, MESSAGE) == off
    plain = tracking(kind, msgspec.structs.replace(MESSAGE, secret=False))
    assert all(plain[path] != off[path] for path in off)


@every_provider
def test_metadata_cannot_speak_for_us(kind: str) -> None:
    lie = msgspec.structs.replace(
        MESSAGE, metadata={"mailkeep_id": "other", "mailkeep_attempt": "other"}
    )
    request = REGISTRY[kind].build(account(kind), lie)
    content = request.body if isinstance(request, HttpRequest) else request.data
    assert b"other" not in content


@every_provider
def test_nothing_secret_shows(kind: str) -> None:
    config = account(kind)
    key = config.secret.reveal()
    request = REGISTRY[kind].build(config, MESSAGE)
    for shown in (request, config, MESSAGE, WHOLE, *WHOLE.attachments):
        for hidden in (key, "Bonjour", "ann@example.net", "cleo@", "Rechnung", "PDF"):
            assert hidden not in repr(shown)
            assert hidden not in str(shown)
    if isinstance(request, HttpRequest):
        assert key not in request.url


BREAKS = ["\r\n", "\n", "\r", "\0", "\x0b", "\x0c", "\x1c", "\x85", "\u2028", "\ud800"]
INJECTION = "Bcc: eve@example.org"


def injected(text: str) -> list[OutgoingMessage]:
    changed = msgspec.structs.replace
    return [
        changed(MESSAGE, id=text),
        changed(MESSAGE, attempt=text),
        changed(MESSAGE, subject=text),
        changed(MESSAGE, sender=Address("no-reply@example.com", text)),
        changed(MESSAGE, sender=Address(f"a{text}@example.com")),
        changed(MESSAGE, to=Address("ann@example.net", text)),
        changed(MESSAGE, to=Address(f"ann@example.net{text}")),
        changed(MESSAGE, reply_to=Address("help@example.com", text)),
        changed(MESSAGE, reply_to=Address(f"help@example.com{text}")),
        changed(MESSAGE, return_path=f"b@example.com{text}"),
        changed(MESSAGE, headers=((f"X-A{text}", "1"),)),
        changed(MESSAGE, headers=(("X-A", text),)),
        changed(MESSAGE, tags=(text,)),
        changed(MESSAGE, metadata={text: "1"}),
        changed(MESSAGE, metadata={"k": text}),
        changed(WHOLE, more_to=(Address("bob@example.net", text),)),
        changed(WHOLE, cc=(Address("cleo@example.net", text),)),
        changed(WHOLE, cc=(Address(f"cleo@example.net{text}"),)),
        changed(WHOLE, bcc=(Address("dora@example.net", text),)),
        changed(WHOLE, shown=Shown(to=(Address("bob@example.net", text),))),
        changed(WHOLE, shown=Shown(cc=(Address(f"bob@example.net{text}"),))),
        changed(WHOLE, attachments=(Attachment(f"a{text}.pdf", b""),)),
        changed(WHOLE, attachments=(Attachment("a", b"", f"text/plain{text}"),)),
        changed(WHOLE, attachments=(Attachment("a", b"", f'text/plain; a="{text}"'),)),
        changed(WHOLE, attachments=(Attachment("a", b"", "image/png", f"a{text}"),)),
    ]


@every_provider
@pytest.mark.parametrize("control", BREAKS, ids=ascii)
def test_no_field_can_end_a_line(kind: str, control: str) -> None:
    for message in injected(f"a{control}{INJECTION}"):
        with pytest.raises(UnbuildableMessage) as caught:
            REGISTRY[kind].build(account(kind), message)
        assert "eve" not in str(caught.value)


@every_provider
@pytest.mark.parametrize(
    "email",
    [
        "",
        "ann",
        "ann@",
        "@example.net",
        "ann@example.net, eve@example.org",
        "ann@example.net;eve@example.org",
        "ann@example.net>, <eve@example.org",
        "ann @example.net",
        "ann@example.net (eve@example.org)",
        '"ann, eve"@example.net',
        "ann@[192.0.2.1]",
        "ann@192.0.2.1",
        "ann@@example.net",
        "ann..b@example.net",
        "änn@example.net",
        "ann@exämple.net",
        "ann@example.net\u200b",
        f"{'a' * 65}@example.net",
        f"ann@{'a.' * 130}net",
    ],
)
def test_an_address_is_one_plain_address(kind: str, email: str) -> None:
    with pytest.raises(UnbuildableMessage):
        REGISTRY[kind].build(account(kind), msgspec.structs.replace(MESSAGE, to=Address(email)))


@every_provider
@pytest.mark.parametrize(
    "name",
    [
        *("Bcc", "to", "FROM", "Subject", "Message-Id", "Return-Path", "DKIM-Signature"),
        *("Content-Type", "Resent-To", "X-Mailkeep-Id", "X-MC-BccAddress", "X-PM-TrackOpens"),
        *("X-SMTPAPI", "X-Mailgun-Track", "X-SES-CONFIGURATION-SET", "", "X A", "X:A", "Ä"),
    ],
)
def test_callers_headers_stay_off_ours_and_the_providers(kind: str, name: str) -> None:
    message = msgspec.structs.replace(MESSAGE, headers=((name, "eve@example.org"),))
    with pytest.raises(UnbuildableMessage):
        REGISTRY[kind].build(account(kind), message)


@every_provider
def test_the_language_of_a_mail_goes_out_with_it(kind: str) -> None:
    message = msgspec.structs.replace(MESSAGE, headers=(("Content-Language", "de"),))
    request = REGISTRY[kind].build(account(kind), message)
    written = request.body if isinstance(request, HttpRequest) else request.data
    assert b"Content-Language" in written


@every_provider
def test_a_header_twice_or_no_body_is_refused(kind: str) -> None:
    for message in (
        msgspec.structs.replace(MESSAGE, headers=(("X-A", "1"), ("x-a", "2"))),
        msgspec.structs.replace(MESSAGE, text=None, html=None),
    ):
        with pytest.raises(UnbuildableMessage):
            REGISTRY[kind].build(account(kind), message)


@every_provider
@pytest.mark.parametrize(
    "changes",
    [
        {"base_url": "ftp://api.example.org"},
        {"base_url": "https://user:pass@api.example.org"},
        {"base_url": "smtp://user:pass@smtp.example.org"},
        {"base_url": "https://api.example.org?key=1"},
        {"base_url": "http://api.example.org"},
        {"base_url": "https://api.example.org:port"},
        {"secret": ""},
        {"secret": "key\r\nX-Evil: 1"},
    ],
    ids=str,
)
def test_unusable_settings_are_refused(kind: str, changes: dict[str, str]) -> None:
    with pytest.raises(ProviderError) as caught:
        REGISTRY[kind].build(account(kind, **changes), MESSAGE)
    assert not isinstance(caught.value, UnbuildableMessage)
    assert "pass" not in str(caught.value)
    assert "Evil" not in str(caught.value)


@pytest.mark.parametrize(("kind", "case"), recorded("replies.json"))
def test_recorded_reply(kind: str, case: dict[str, Any]) -> None:
    outcome = REGISTRY[kind].read(reply_of(case))
    expected = case["expect"]
    assert outcome.kind == expected["kind"]
    for name in expected:
        assert getattr(outcome, name) == expected[name]
    assert_clean(outcome)
    for hidden in ("ann@", "example", "eve"):
        assert hidden not in outcome.detail


@every_provider
def test_outage_suspension_credential_and_message_are_told_apart(kind: str) -> None:
    kinds = {case["expect"]["kind"] for case in load(kind, "replies.json")["cases"]}
    assert kinds >= {
        *("accepted", "rejected", "sender_refused", "suspended"),
        *("unauthorised", "throttled", "unavailable", "ambiguous"),
    }


@every_provider
@pytest.mark.parametrize(
    ("failure", "expected"),
    [
        ("connect", OutcomeKind.UNAVAILABLE),
        ("tls", OutcomeKind.UNAVAILABLE),
        ("timeout_before_send", OutcomeKind.UNAVAILABLE),
        ("timeout_after_send", OutcomeKind.AMBIGUOUS),
        ("reset_after_send", OutcomeKind.AMBIGUOUS),
    ],
)
def test_no_reply(kind: str, failure: Any, expected: OutcomeKind) -> None:
    assert REGISTRY[kind].read(TransportFailure(failure)).kind is expected


@every_provider
@pytest.mark.parametrize("body", UNREADABLE.values(), ids=UNREADABLE)
@pytest.mark.parametrize(
    "status", [200, 202, 301, 400, 403, 404, 422, 500, 502, 503, 504, 0, 99999]
)
def test_an_unreadable_reply_is_an_outage_or_ambiguous(kind: str, status: int, body: bytes) -> None:
    outcome = REGISTRY[kind].read(HttpReply(status, {"Content-Type": "text/html"}, body))
    assert outcome.kind in {OutcomeKind.UNAVAILABLE, OutcomeKind.AMBIGUOUS}
    if 200 <= status < 300:
        assert outcome.kind is OutcomeKind.AMBIGUOUS
    assert_clean(outcome)


@every_provider
def test_who_can_be_asked_says_so(kind: str) -> None:
    module = REGISTRY[kind]
    question = module.ask(account(kind), MESSAGE.id)
    assert (question is not None) == module.capabilities.search_by_our_id
    if question is not None:
        assert isinstance(question, HttpRequest)
        assert MESSAGE.id in question.url + question.body.decode()
        assert account(kind).secret.reveal() not in question.url


@every_provider
@pytest.mark.parametrize("reply", UNREADABLE, ids=repr)
def test_an_answer_that_cannot_be_read_tells_nothing(kind: str, reply: Any) -> None:
    """Else a mail would be sent twice, or not at all, for a proxy's error page."""
    assert REGISTRY[kind].answered(reply) is None


@pytest.mark.parametrize(
    ("body", "told"),
    [
        (b'{"TotalCount": 0, "Messages": []}', False),
        (b'{"TotalCount": 1, "Messages": [{"MessageID": "x"}]}', True),
        (b'{"TotalCount": true}', None),
        (b'{"TotalCount": "1"}', None),
        (b"[]", None),
    ],
)
def test_postmark_tells_whether_it_has_a_message(body: bytes, told: bool | None) -> None:
    assert REGISTRY["postmark"].answered(HttpReply(200, {}, body)) is told
