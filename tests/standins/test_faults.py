"""Every fault, through real HTTP and SMTP."""

import asyncio
import base64
import json
import smtplib
from urllib.parse import parse_qs, urlsplit

import aiohttp
import pytest

KINDS = ["mandrill", "postmark"]


async def record(world, kind):
    """The provider's own record of this test's last mail."""
    sent = await world.control(kind, "GET", "/sent")
    return [mail for mail in sent["mails"] if world.address in mail["to"]][-1]


@pytest.mark.parametrize("kind", KINDS)
async def test_a_hanging_provider_never_answers_and_lets_go_when_told(world, kind):
    await world.faults(kind, hang=True)
    request = asyncio.create_task(world.send(kind))
    async with asyncio.timeout(10):
        state = await world.control(kind, "GET", "/state")
        while not state["count"].get("hanging"):
            state = await world.control(kind, "GET", "/state")
    assert not request.done()

    await world.control(kind, "DELETE", "/faults")
    with pytest.raises(aiohttp.ClientError):
        await request
    assert await world.mails(wait=0) == []


@pytest.mark.parametrize("kind", KINDS)
async def test_a_slow_provider_takes_the_mail_though_the_client_has_gone(world, kind):
    await world.faults(kind, slow={"seconds": 0.3})
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.1):
            await world.send(kind)

    assert len(await world.mails()) == 1


@pytest.mark.parametrize("kind", KINDS)
async def test_a_failure_can_hide_that_the_mail_was_taken(world, kind):
    await world.faults(kind, fail={"times": 1})
    assert (await world.send(kind))[0] == 500
    await world.faults(kind, fail={"status": 503, "takes": True, "times": 1})
    assert (await world.send(kind))[0] == 503

    assert len(await world.mails()) == 1
    assert (await world.send(kind))[0] == 200  # struck once, as told


@pytest.mark.parametrize(("reset", "taken"), [(True, 0), ({"takes": True}, 1), ({"half": True}, 1)])
@pytest.mark.parametrize("kind", KINDS)
async def test_a_connection_breaks_off_before_or_after_the_mail_was_taken(
    world, kind, reset, taken
):
    await world.faults(kind, reset=reset)
    with pytest.raises(aiohttp.ClientError):
        await world.send(kind)

    assert len(await world.mails(wait=2 if taken else 0)) == taken


@pytest.mark.parametrize("kind", KINDS)
async def test_a_provider_that_throttles_can_say_for_how_long(world, kind):
    await world.faults(kind, throttle={"retry_after": 7})
    assert (await world.send(kind))[0] == 429


@pytest.mark.parametrize(("fault", "status"), [("throttle", 429), ("refuse_key", 401)])
@pytest.mark.parametrize("kind", KINDS)
async def test_refusals_have_their_status(world, kind, fault, status):
    await world.faults(kind, **{fault: True})

    assert (await world.send(kind))[0] == status


async def test_a_suspended_mandrill_account_queues_and_says_why(world):
    await world.faults("mandrill", suspend=True)
    status, (answer) = await world.send("mandrill")

    assert status == 200
    assert (answer[0]["status"], answer[0]["queued_reason"]) == ("queued", "account-suspended")
    assert (await record(world, "mandrill"))["fate"] == "held"

    await world.control("mandrill", "DELETE", "/faults")
    await world.control("mandrill", "POST", "/release")  # reinstated: the backlog goes out
    assert len(await world.mails()) == 1


@pytest.mark.parametrize(
    ("kind", "suspension", "status", "words"),
    [
        ("mandrill", "closed", 401, '"Invalid_Key"'),
        ("mandrill", "payment", 500, '"PaymentRequired"'),
        ("postmark", "account", 422, '"ErrorCode": 413'),
        ("postmark", "pending", 422, '"ErrorCode": 412'),
        ("postmark", "server", 422, '"ErrorCode": 422'),
    ],
)
async def test_other_suspensions_have_the_providers_own_words(
    world, kind, suspension, status, words
):
    await world.faults(kind, suspend={"kind": suspension})
    got, answer = await world.send(kind)

    assert got == status
    assert words in json.dumps(answer)


@pytest.mark.parametrize("fault", [{"suspend": {"kind": "silent"}}, {"accept_and_drop": True}])
@pytest.mark.parametrize("kind", KINDS)
async def test_what_is_dropped_silently_looks_like_success(world, hooks, kind, fault):
    await world.faults(kind, **fault)
    status, _ = await world.send(kind)
    assert status == 200
    assert (await record(world, kind))["fate"] == "dropped"

    await world.control(kind, "DELETE", "/faults")
    await world.send(kind)
    assert len(await world.mails()) == 1
    assert await world.mails(2, wait=0.1) == (await world.mails(1, wait=0))[:1]


@pytest.mark.parametrize("kind", KINDS)
async def test_a_stranger_in_the_mail(world, kind):
    kinds = ["reply_to", "from", "bcc", "text", "link"]
    stranger = f"x{world.address.partition('@')[0]}@arxxwalls.com"
    await world.faults(kind, foreign_sender={"kinds": kinds, "address": stranger})
    await world.send(kind)
    (mail,) = await world.mails()
    (copy,) = await world.mails(address=stranger)
    headers = {name.lower(): value for name, value in mail["headers"]}

    assert headers["reply-to"] == stranger
    assert stranger in headers["from"]
    assert stranger in mail["text"]
    assert "https://arxxwalls.com/account" in mail["html"]
    assert copy["text"] == mail["text"]


async def test_mandrill_rewrites_links_only_where_tracking_is_on(world):
    await world.send("mandrill", track_clicks=False)
    await world.send("mandrill", track_clicks=True)
    await world.faults("mandrill", rewrite_links=True)  # the account's default
    await world.send("mandrill", track_clicks=False)
    await world.send("mandrill")
    mails = await world.mails(4)

    tracked = ["mandrillapp.com/track/click" in mail["html"] for mail in mails]
    assert sorted(tracked) == [False, False, True, True]
    html = next(mail["html"] for mail in mails if "track/click" in mail["html"])
    url = html.partition('href="')[2].partition('"')[0]
    packed = parse_qs(urlsplit(url).query)["p"][0]
    inner = json.loads(json.loads(base64.urlsafe_b64decode(packed + "=="))["p"])
    assert inner["url"] == "https://app.example.com/reset?a=1&b=2"


async def test_postmark_rewrites_links_in_the_parts_it_is_told(world):
    await world.send("postmark", TrackLinks="None")
    await world.send("postmark", TrackLinks="HtmlAndText")
    off, on = sorted(await world.mails(2), key=lambda mail: "pstmrk" in mail["html"])

    assert "pstmrk" not in off["raw"]
    assert "https://click.pstmrk.it/3s/app.example.com%2Freset" in on["html"]
    assert "https://click.pstmrk.it/3s/" in on["text"]


@pytest.mark.parametrize("kind", KINDS)
async def test_a_leak_gives_the_attacker_everything(world, kind):
    state = await world.control(kind, "GET", "/state")
    await world.faults(kind, leak=True)
    waiting = asyncio.create_task(
        world.control(kind, "GET", f"/leak?after={state['leaked']}&wait=15")
    )
    await world.send(kind)
    (leaked,) = (await waiting)["mails"]

    assert leaked["to"] == [world.address]
    assert "reset#s=1" in leaked["text"]
    assert leaked["headers"]["X-Mailkeep-Id"] == "0190c1f2"
    assert leaked["metadata"] == {"mailkeep_id": "0190c1f2"}


@pytest.mark.parametrize("kind", KINDS)
async def test_what_the_attacker_injects_bears_the_providers_marks(world, hooks, kind):
    await world.control(
        kind,
        "POST",
        "/inject",
        {
            "from": {"email": "security@example.com", "name": "Example"},
            "to": [world.address],
            "subject": "Act now",
            "text": "https://arxxwalls.com/",
            "webhooks": True,
        },
    )
    (mail,) = await world.mails()
    await hooks.next(world.address)

    assert mail["from"] == "Example <security@example.com>"
    assert "d=example.com" in mail["raw"]  # signed with the customer's own domain
    assert (await record(world, kind))["injected"] is True


async def test_webhooks_that_lie(world, hooks):
    await world.faults("postmark", accept_and_drop=True, forge_webhooks={"event": "delivered"})
    await world.send("postmark")
    _, body = await hooks.next(world.address)

    assert json.loads(body)["RecordType"] == "Delivery"
    assert await world.mails(wait=0) == []


async def test_no_webhooks_and_late_ones(world, hooks):
    await world.faults("postmark", no_webhooks={"times": 1}, delay_webhooks={"seconds": 0.2})
    await world.send("postmark", Tag="mute")
    await world.mails(1)
    await world.send("postmark", Tag="late")
    _, body = await hooks.next(world.address)

    assert json.loads(body)["Tag"] == "late"


@pytest.mark.parametrize("kind", KINDS)
async def test_a_webhook_that_fails_is_tried_again(world, hooks, kind):
    hooks.statuses = [503, 503, 200]
    await world.control(kind, "POST", "/config", {"hurry": 5000})
    await world.send(kind)
    first = await hooks.next(world.address)
    again = await hooks.next(world.address)

    assert again[1] == first[1]
    if kind == "postmark":
        left = [int(headers["X-PM-Retries-Remaining"]) for headers, _ in (first, again)]
        assert left == [6, 5]
        trace = "X-PM-Webhook-Trace-Id"
        assert first[0][trace] == again[0][trace]


@pytest.mark.parametrize("kind", KINDS)
async def test_a_mailbox_that_is_gone_bounces_and_is_listed(world, hooks, kind):
    host = world.at["mailhost"]["http"]
    await world.call("POST", f"{host}/config", {"refuse": [{"match": world.address}]})
    await world.send(kind)
    bodies = ""
    while "550 5.1.1" not in bodies.replace("+", " "):
        bodies += (await hooks.next(world.address))[1]
    status, answer = await world.send(kind)

    if kind == "mandrill":
        assert (answer[0]["status"], answer[0]["reject_reason"]) == ("rejected", "hard-bounce")
    else:
        assert (status, answer["ErrorCode"]) == (422, 406)


async def test_a_share_strikes_evenly(world):
    await world.faults("mandrill", accept_and_drop={"share": 0.25})
    for _ in range(8):
        await world.send("mandrill")

    assert len(await world.mails(6)) == 6
    state = await world.control("mandrill", "GET", "/sent")
    fates = [mail["fate"] for mail in state["mails"] if world.address in mail["to"]]
    assert fates.count("dropped") == 2


async def test_faults_are_checked_before_they_are_switched(world):
    url = world.at["mandrill"]["control"] + "/faults"
    for wrong in ({"nonsense": True}, {"slow": {"second": 1}}, {"suspend": {"kind": "x"}}):
        status, _ = await world.call("POST", url, {"leak": True, **wrong})
        assert status == 400
    assert await world.control("mandrill", "GET", "/faults") == {}


async def test_nothing_goes_anywhere_but_loopback(world):
    url = world.at["mandrill"]["control"] + "/config"
    for body in ({"webhook_url": "https://example.com/hook"}, {"deliver": "192.0.2.1:25"}):
        assert (await world.call("POST", url, body))[0] == 400


@pytest.mark.parametrize(
    ("faults", "code"),
    [
        ({"suspend": True}, 554),
        ({"throttle": True}, 450),
        ({"fail": True}, 451),
        ({"refuse_key": True}, 530),
    ],
)
async def test_the_relay_refuses_in_smtp(world, faults, code):
    await world.faults("smtp", **faults)
    with pytest.raises(smtplib.SMTPDataError) as refused:
        await asyncio.to_thread(_submit, world)

    assert refused.value.smtp_code == code


async def test_the_relay_passes_mail_on_to_the_octet(world):
    await asyncio.to_thread(_submit, world)
    (mail,) = await world.mails()

    assert mail["raw"].endswith("Subject: hi\r\nX-Mailkeep-Id: 7\r\n\r\nhello\r\n")
    assert mail["raw"].startswith("DKIM-Signature:")


def _submit(world):
    host, _, port = world.at["smtp"]["smtp"].rpartition(":")
    with smtplib.SMTP(host, int(port)) as client:
        text = f"From: a@example.com\r\nTo: {world.address}\r\nSubject: hi\r\nX-Mailkeep-Id: 7\r\n"
        client.sendmail("a@example.com", [world.address], f"{text}\r\nhello\r\n")
