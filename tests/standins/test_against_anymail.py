"""Against django-anymail: its backends send to the stand-ins, its views read their webhooks."""

import base64
import json
from email import message_from_string, policy
from urllib.parse import parse_qs

import pytest

VIEWS = {
    "mandrill": "anymail.webhooks.mandrill.MandrillTrackingWebhookView",
    "postmark": "anymail.webhooks.postmark.PostmarkTrackingWebhookView",
}
AUTH = "hook-user:5f2c0c7e1b8d4f6aa3b9"


def options(world, kind, key=None):
    base = {"api_url": world.at[kind]["api"]}
    return {**base, "api_key" if kind == "mandrill" else "server_token": key or world.key}


def message(world):
    return {
        "subject": "Réinitialiser le mot de passe",
        "body": "Bonjour\n",
        "html": "<p>Bonjour</p>",
        "from_email": "Exämple <no-reply@example.com>",
        "to": [world.address],
        "headers": {"X-Mailkeep-Id": "0190c1f2"},
        "reply_to": ["help@example.com"],
        "metadata": {"mailkeep_id": "0190c1f2"},
    }


def settings_for(kind, url):
    if kind == "mandrill":
        return {"MANDRILL_WEBHOOK_KEY": "UHeOnTqMBMGqAEMadhA6xQ", "MANDRILL_WEBHOOK_URL": url}
    return {"WEBHOOK_SECRET": AUTH}


@pytest.mark.parametrize("kind", ["mandrill", "postmark"])
async def test_a_mail_that_anymail_sends_arrives_whole(world, oracle, kind):
    said = oracle(do="send", backend=kind, options=options(world, kind), message=message(world))

    assert said["recipients"] == {world.address: ["sent", said["message_id"]]}
    (mail,) = await world.mails()
    headers = {name.lower(): value for name, value in mail["headers"]}
    assert mail["subject"] == "Réinitialiser le mot de passe"
    assert mail["text"].strip() == "Bonjour"
    assert "<p>Bonjour</p>" in mail["html"]
    assert headers["x-mailkeep-id"] == "0190c1f2"
    assert headers["reply-to"] == "help@example.com"
    assert {"mandrill": "d=mandrillapp.com", "postmark": "d=pm.mtasv.net"}[kind] in mail["raw"]
    assert said["message_id"] in mail["raw"]


@pytest.mark.parametrize("kind", ["mandrill", "postmark"])
async def test_copies_and_files_that_anymail_sends_arrive_whole(world, oracle, kind):
    """Our own module writes the same fields; what they mean is not ours to say."""
    pdf, png = b"%PDF-1.7\r\n\0\xff\n", b"\x89PNG\r\n\x1a\n\0"
    copy, blind = (f"{name}.{world.address}" for name in ("copy", "blind"))
    fields = message(world) | {
        "cc": [f"Cleo <{copy}>"],
        "bcc": [blind],
        "html": '<p><img src="cid:logo.png"></p>',
        "files": [("März.pdf", base64.b64encode(pdf).decode(), "application/pdf")],
        "images": [("logo.png", base64.b64encode(png).decode(), "image/png")],
    }
    if kind == "mandrill":  # else each is shown a mail to himself
        fields["esp_extra"] = {"message": {"preserve_recipients": True}}
    said = oracle(do="send", backend=kind, options=options(world, kind), message=fields)

    # Mandrill queues what has files; anymail says so.
    status = {"mandrill": "queued", "postmark": "sent"}[kind]
    everybody = (world.address, copy, blind)
    found = {to: one[0] for to, one in said["recipients"].items()}
    assert found == dict.fromkeys(everybody, status)
    for to in everybody:
        (mail,) = await world.mails(address=to)
        arrived = message_from_string(mail["raw"], policy=policy.default)
        assert arrived["To"] == world.address
        assert arrived["Cc"] == f"Cleo <{copy}>"
        assert blind not in mail["raw"] or to == blind  # trace fields name who gets it
        assert arrived["Bcc"] is None
        files = {
            part.get_filename(): (
                part.get_content_type(),
                part.get_content_disposition(),
                part["Content-ID"],
                part.get_payload(decode=True),
            )
            for part in arrived.walk()
            if part.get_filename()
        }
        assert files == {
            "März.pdf": ("application/pdf", "attachment", None, pdf),
            "logo.png": ("image/png", "inline", "<logo.png>", png),
        }
        related = [one for one in arrived.walk() if one.get_content_type() == "multipart/related"]
        assert [part.get_content_type() for part in related[0].iter_parts()] == [
            "text/html",
            "image/png",
        ]


@pytest.mark.parametrize("kind", ["mandrill", "postmark"])
async def test_anymail_reads_refusals_as_refusals(world, oracle, kind):
    wrong = oracle(
        do="send", backend=kind, options=options(world, kind, "no"), message=message(world)
    )
    await world.control(kind, "POST", "/suppressions", {"address": world.address})
    listed = oracle(do="send", backend=kind, options=options(world, kind), message=message(world))

    assert wrong["error"] == "AnymailRequestsAPIError"
    assert "401" in wrong["text"]
    assert listed == {"refused": "AnymailRecipientsRefused"}
    assert await world.mails(wait=0) == []


@pytest.mark.parametrize("kind", ["mandrill", "postmark"])
async def test_anymail_reads_the_webhooks(world, hooks, oracle, kind):
    _, answer = await world.send(kind)
    mail_id = answer[0]["_id"] if kind == "mandrill" else answer["MessageID"]
    types = []
    while "delivered" not in types and types[-1:] != ["unknown"]:
        headers, body = await hooks.next(world.address)
        events = oracle(
            do="read",
            view=VIEWS[kind],
            settings=settings_for(kind, hooks.url),
            url=hooks.url,
            headers=headers,
            body=body,
        )
        for event in events:
            assert event["message_id"] == mail_id
            assert event["recipient"] == world.address
            assert event["metadata"] == {"mailkeep_id": "0190c1f2"}
            types.append(event["type"])
    # anymail does not know Mandrill's "delivered" yet, and calls it unknown.
    assert types == (["sent", "unknown"] if kind == "mandrill" else ["delivered"])


@pytest.mark.parametrize("kind", ["mandrill", "postmark"])
@pytest.mark.parametrize("proof", ["wrong", "none"])
async def test_anymail_sees_that_a_forged_webhook_is_forged(world, hooks, oracle, kind, proof):
    told = {"event": "bounced", "recipient": world.address, "diag": "550 5.1.1 no"}
    await world.control(kind, "POST", "/events", {"events": [told], "proof": proof})
    headers, body = await hooks.next(world.address)

    assert oracle(
        do="read",
        view=VIEWS[kind],
        settings=settings_for(kind, hooks.url),
        url=hooks.url,
        headers=headers,
        body=body,
    ) == {"forged": "AnymailWebhookValidationFailure"}


@pytest.mark.parametrize("kind", ["mandrill", "postmark"])
@pytest.mark.parametrize(
    ("event", "type_"),
    [
        ("deferred", "deferred"),
        ("bounced", "bounced"),
        ("soft_bounced", "bounced"),
        ("opened", "opened"),
        ("clicked", "clicked"),
        ("complained", "complained"),
        ("unsubscribed", "unsubscribed"),
    ],
)
async def test_every_event_means_to_anymail_what_it_says(world, hooks, oracle, kind, event, type_):
    told = {"event": event, "recipient": world.address, "url": "https://a.example/"}
    await world.control(kind, "POST", "/events", {"events": [told]})
    headers, body = await hooks.next(world.address)
    (read,) = oracle(
        do="read",
        view=VIEWS[kind],
        settings=settings_for(kind, hooks.url),
        url=hooks.url,
        headers=headers,
        body=body,
    )

    assert (read["type"], read["recipient"]) == (type_, world.address)
    assert read["timestamp"] is not None
    if event == "clicked":
        assert read["url"] == "https://a.example/"


async def test_mandrill_writes_its_webhooks_as_php_does(world, hooks):
    await world.send("mandrill", metadata={})
    headers, body = await hooks.next(world.address)

    assert headers["User-Agent"] == "Mandrill-Webhook/1.0"
    (payload,) = parse_qs(body)["mandrill_events"]
    mine = [one for one in json.loads(payload) if one["msg"]["email"] == world.address]
    assert mine[0]["event"] == "send"
    assert mine[0]["msg"]["metadata"] == []  # an empty map in PHP
    assert "R\\u00e9initialiser" in payload
