"""What providers answer about several recipients: only the first one's fate is the message's."""

import json
from email import message_from_bytes
from email.policy import SMTP
from typing import Any

import msgspec
import pytest

from mailkeep.base.secret import Secret
from mailkeep.providers.mandrill import Mandrill
from mailkeep.providers.message import Address, Attachment, OutgoingMessage, Shown
from mailkeep.providers.postmark import Postmark
from mailkeep.providers.smtp import Smtp
from mailkeep.providers.types import HttpReply, HttpRequest, Outcome, ProviderConfig, SmtpReply

TO = ["ann@example.net", "bob@example.net", "cleo@example.net"]
ID = "0123456789abcdef0123456789abcdef"


def item(email: str, status: str = "sent", **more: object) -> dict[str, object]:
    return {"email": email, "status": status, "_id": ID, "reject_reason": None, **more}


def of_copies(said: Outcome) -> dict[str, str]:
    """What is known of each copy."""
    assert "@" not in repr(said)
    return {one.email: one.kind.value for one in said.copies}


def mandrill(*items: object, to: list[str] = TO) -> tuple[str, str, str | None]:
    said = Mandrill().read(HttpReply(200, {}, json.dumps(items).encode()), to)
    return said.kind.value, said.detail, said.provider_message_id


SENT = [item(one) for one in TO]
LISTED = {"status": "rejected", "reject_reason": "hard-bounce"}


def test_mandrill_answers_for_each_in_any_order() -> None:
    assert mandrill(*reversed(SENT)) == ("accepted", "HTTP 200: sent", ID)
    upper = [item(one.upper()) for one in TO]
    assert mandrill(*upper)[0] == "accepted"


def test_mandrill_refuses_a_copy_and_takes_the_mail() -> None:
    said = mandrill(SENT[0], SENT[1], SENT[2] | LISTED)
    assert said == ("accepted", "HTTP 200: sent; 1 of the copies refused", ID)


def test_mandrill_refuses_the_recipient_and_takes_the_copies() -> None:
    kind, detail, kept = mandrill(SENT[1], SENT[0] | LISTED, SENT[2])
    assert (kind, kept) == ("suppressed_there", None)
    assert detail == "HTTP 200: rejected, hard-bounce"


def test_mandrill_says_of_each_copy_what_came_of_it() -> None:
    items = [SENT[0] | LISTED, SENT[1] | {"email": TO[1].upper()}, SENT[2] | LISTED]
    said = Mandrill().read(HttpReply(200, {}, json.dumps(items).encode()), TO)
    assert said.kind.value == "suppressed_there"
    assert of_copies(said) == {TO[1]: "accepted", TO[2]: "suppressed_there"}


def test_mandrill_holds_all_of_it_when_the_account_is_suspended() -> None:
    held = [item(one, "queued", queued_reason="account-suspended") for one in TO]
    assert mandrill(*held)[0] == "suspended"


@pytest.mark.parametrize(
    "items",
    [
        SENT[:2],
        [*SENT, item("eve@example.org")],
        [item("eve@example.org"), *SENT[1:]],
        [SENT[0], SENT[0], SENT[1]],
        [SENT[0], SENT[1], None],
        [{**SENT[0], "email": 1}, *SENT[1:]],
    ],
)
def test_mandrill_answers_for_others_than_we_named(items: list[Any]) -> None:
    """Somebody added a recipient, or left one out: nobody knows what was sent."""
    assert mandrill(*items)[0] == "ambiguous"


def test_mandrill_answers_for_one_where_there_is_one() -> None:
    assert mandrill(SENT[0], to=[])[0] == mandrill(SENT[0], to=TO[:1])[0] == "accepted"
    assert mandrill(*SENT[:2], to=[])[0] == mandrill(*SENT[:2], to=TO[:1])[0] == "ambiguous"


@pytest.mark.parametrize(
    ("inactive", "expected"),
    [
        (TO[1:2], ("accepted", "HTTP 200: accepted; 1 of the copies refused")),
        ([TO[1].upper(), TO[2]], ("accepted", "HTTP 200: accepted; 2 of the copies refused")),
        (TO[:1], ("suppressed_there", "HTTP 200: inactive recipient")),
        ([TO[0], TO[1]], ("suppressed_there", "HTTP 200: inactive recipient")),
        (["eve@example.org"], ("suppressed_there", "HTTP 200: inactive recipient")),
    ],
)
def test_postmark_says_whom_it_leaves_out(inactive: list[str], expected: tuple[str, str]) -> None:
    body = {
        "To": TO[0],
        "SubmittedAt": "2024-01-01T00:00:00Z",
        "MessageID": "b7bc2f4a-e38e-4336-af7d-e6c392c2f817",
        "ErrorCode": 0,
        "Message": "Message OK, but will not deliver to these inactive addresses: "
        + ", ".join(inactive)
        + ".",
    }
    said = Postmark().read(HttpReply(200, {}, json.dumps(body).encode()), TO)
    assert (said.kind.value, said.detail) == expected
    known = {one.lower() for one in inactive}
    assert of_copies(said) == (
        {one: "suppressed_there" if one in known else "accepted" for one in TO[1:]}
        if known <= set(TO)
        else {}
    )


def test_a_relay_says_of_each_by_itself() -> None:
    refused = ((TO[2], SmtpReply(550, "5.1.1", "no such user")),)
    said = Smtp().read(SmtpReply(250, "2.0.0", "Ok: queued as 4XyZ12", refused), TO)
    assert said.detail == "SMTP 250 2.0.0: accepted; 1 of the copies refused"
    assert of_copies(said) == {TO[1]: "accepted", TO[2]: "rejected"}
    assert said.provider_message_id == "4XyZ12"


RAW = OutgoingMessage(
    id="m-1",
    attempt="a-1",
    stream="alert",
    sender=Address("no-reply@example.com", "Us"),
    to=Address("ann@example.net"),
    reply_to=None,
    subject="Hello",
    text="Hello",
    html=None,
    headers=(),
    secret=False,
    tags=("_reset", "grüße, alle"),
    metadata={"k": 'ä"\\ ' + "x" * 150, "emoji": "👩"},
    shown=Shown(cc=(Address("list@example.net", "Die Größten"),)),
    attachments=(Attachment("a.pdf", b"x"),),
)


def raw(message: OutgoingMessage, **options: str) -> tuple[dict[str, Any], Any]:
    config = ProviderConfig("m", "mandrill", "", Secret("key"), None, None, options, "party")
    request = Mandrill().build(config, message)
    assert isinstance(request, HttpRequest)
    assert request.url.endswith("/messages/send-raw.json")
    call = json.loads(request.body)
    mail = message_from_bytes(call["raw_message"].encode("ascii"), policy=SMTP)
    assert not mail.defects
    return call, mail


def test_a_raw_mail_for_mandrill_is_shown_to_others_than_get_it() -> None:
    call, mail = raw(RAW, subaccount="shop", return_path_domain="b.example.com")
    assert call["to"] == ["ann@example.net"]
    assert call["return_path_domain"] == "b.example.com"
    assert mail["To"] is None
    assert [one.addr_spec for one in mail["Cc"].addresses] == ["list@example.net"]
    assert mail["X-MC-Subaccount"] == "shop"
    assert mail["X-MC-Tags"] == "reset,grüße  alle"
    # Nobody decodes encoded words in JSON: it is ASCII as it stands.
    metadata = mail["X-MC-Metadata"]
    assert "=?" not in metadata
    assert metadata.isascii()
    assert json.loads(metadata) == {
        "mailkeep_id": "m-1",
        "mailkeep_attempt": "a-1",
        **RAW.metadata,
    }


@pytest.mark.parametrize(
    ("secret", "options", "track", "link"),
    [
        (True, {"track_opens": "true", "track_clicks": "true"}, "none", "false"),
        (False, {}, "none", "true"),
        (False, {"track_opens": "true"}, "opens", "true"),
        (False, {"track_opens": "true", "track_clicks": "true"}, "opens,clicks_htmlonly", "true"),
    ],
)
def test_a_raw_mail_for_mandrill_is_tracked_as_any_other(
    secret: bool, options: dict[str, str], track: str, link: str
) -> None:
    _, mail = raw(msgspec.structs.replace(RAW, secret=secret), **options)
    assert (mail["X-MC-Track"], mail["X-MC-ViewContentLink"]) == (track, link)
