"""What the providers' APIs tell of the account, the mail server, and the life of the processes."""

import asyncio
import base64
import hashlib
import subprocess
import sys
import time
from contextlib import suppress

import aiohttp
import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding
from cryptography.hazmat.primitives.serialization import load_der_public_key


async def mandrill(world, call, **fields):
    url = f"{world.at['mandrill']['api']}/{call}.json"
    return await world.call("POST", url, {"key": world.key, **fields})


async def postmark(world, method, path, body=None, token="X-Postmark-Server-Token"):
    url = world.at["postmark"]["api"] + path
    return await world.call(method, url, body, **{token: world.key})


async def test_mandrill_answers_as_its_specification_says(world):
    base = world.at["mandrill"]["api"]
    newer = base.replace("1.0", "1.3")

    assert await mandrill(world, "users/ping") == (200, "PONG!")
    assert await mandrill(world, "users/ping2") == (200, {"PING": "PONG!"})
    assert (await world.call("POST", f"{newer}/users/ping2", {"key": world.key}))[0] == 200
    assert await world.call("POST", f"{base}/users/info.json", {"key": "no"}) == (
        401,
        {"status": "error", "code": -1, "name": "Invalid_Key", "message": "Invalid API key"},
    )
    status, info = await mandrill(world, "users/info")
    assert status == 200
    assert {"username", "public_id", "reputation", "hourly_quota", "backlog", "stats"} <= set(info)
    unknown = await mandrill(world, "messages/send", message={"to": []})
    assert (unknown[0], unknown[1]["name"]) == (500, "ValidationError")


async def test_mandrill_shows_content_unless_it_was_to_be_kept_out(world):
    _, (shown,) = await world.send("mandrill")
    _, (secret,) = await world.send("mandrill", view_content_link=False)

    status, content = await mandrill(world, "messages/content", id=shown["_id"])
    assert status == 200
    assert "reset#s=1" in content["text"]
    assert content["headers"]["X-Mailkeep-Id"] == "0190c1f2"
    assert (await mandrill(world, "messages/content", id=secret["_id"]))[0] == 500


async def test_mandrill_lists_senders_exports_and_webhooks_as_they_change(world):
    address = f"evil-{world.address}"
    await world.control("mandrill", "POST", "/account", {"list": "exports", "entry": {}})
    await mandrill(world, "webhooks/add", url="http://evil.example/", events=["send"])
    await world.send("mandrill", from_email=address)

    exports = (await mandrill(world, "exports/list"))[1]
    webhooks = (await mandrill(world, "webhooks/list"))[1]
    senders = (await mandrill(world, "senders/list"))[1]
    found = (await mandrill(world, "messages/search", query=f"email:{world.address}"))[1]
    assert {"id", "created_at", "type", "finished_at", "state", "result_url"} == set(exports[-1])
    assert webhooks[-1]["url"] == "http://evil.example/"
    assert address in [sender["address"] for sender in senders]
    assert [mail["sender"] for mail in found] == [address]


async def test_mandrill_sends_raw_mime_and_obeys_its_commands(world):
    raw = (
        f"From: Example <a@example.com>\nTo: {world.address}\nSubject: raw\n"
        "X-MC-Track: none\nX-MC-Tags: one,two\nX-Mailkeep-Id: 7\n\nhello\n"
    )
    status, answer = await mandrill(world, "messages/send-raw", raw_message=raw)
    (mail,) = await world.mails()

    assert (status, answer[0]["status"]) == (200, "sent")
    assert mail["text"].strip() == "hello"
    assert "X-MC-" not in mail["raw"]
    assert "X-Mailkeep-Id: 7" in mail["raw"]


async def test_postmark_answers_as_its_documentation_says(world):
    _, sent = await world.send("postmark", Tag="reset")
    await world.mails()
    status, server = await postmark(world, "GET", "/server")
    assert (status, server["DeliveryType"]) == (200, "Live")
    _, details = await postmark(world, "GET", f"/messages/outbound/{sent['MessageID']}/details")
    assert details["Recipients"] == [world.address]
    assert details["Metadata"] == {"mailkeep_id": "0190c1f2"}
    path = f"/messages/outbound?count=5&offset=0&recipient={world.address}"
    assert (await postmark(world, "GET", path))[1]["TotalCount"] == 1
    assert "InactiveMails" in (await postmark(world, "GET", "/deliveryStats/"))[1]
    assert (await postmark(world, "GET", "/message-streams"))[1]["TotalCount"] == 3
    assert (await postmark(world, "GET", "/senders?count=1&offset=0"))[0] == 401


async def test_both_count_what_they_sent(world):
    """The running totals that are compared with what they were given, by recipient."""

    async def totals():
        info = (await mandrill(world, "users/info"))[1]
        overview = (await postmark(world, "GET", "/stats/outbound?messagestream=outbound"))[1]
        other = (await postmark(world, "GET", "/stats/outbound?messagestream=broadcast"))[1]
        return info["stats"]["all_time"]["sent"], overview["Sent"], other["Sent"]

    before = await totals()
    await world.send("mandrill")
    await world.send("postmark")
    for _ in range(100):
        if await totals() == (before[0] + 1, before[1] + 1, before[2]):
            break
        await asyncio.sleep(0.1)
    assert await totals() == (before[0] + 1, before[1] + 1, before[2])


async def test_a_postmark_batch_has_its_errors_in_its_items(world):
    good = {"From": "a@example.com", "To": world.address, "TextBody": "x"}
    status, items = await postmark(
        world,
        "POST",
        "/email/batch",
        [good, {**good, "To": "nobody"}, {**good, "MessageStream": "unknown"}],
    )

    assert status == 200
    assert [item["ErrorCode"] for item in items] == [0, 300, 1235]


async def test_postmark_keeps_a_message_id_only_when_asked(world):
    own = [{"Name": "Message-ID", "Value": "<mine@example.com>"}]
    await world.send("postmark", Headers=own)
    await world.send("postmark", Headers=[*own, {"Name": "X-PM-KeepID", "Value": "true"}])
    mails = await world.mails(2)

    kept = ["Message-ID: <mine@example.com>" in mail["raw"] for mail in mails]
    assert sorted(kept) == [False, True]
    assert all("X-PM-KeepID" not in mail["raw"] for mail in mails)


@pytest.mark.parametrize("kind", ["mandrill", "postmark", "smtp"])
async def test_the_signatures_are_real(world, kind):
    """RFC 6376, verified here by hand with the published key."""
    body = {"from": {"email": "a@example.com"}, "to": [world.address], "text": "hi  there \n\n\n"}
    await world.control(kind, "POST", "/inject", body)
    state = await world.control(kind, "GET", "/state")
    (mail,) = await world.mails()
    key = load_der_public_key(base64.b64decode(state["dkim_public_key"]))
    head, _, text = mail["raw"].encode().partition(b"\r\n\r\n")
    fields: list[list[bytes]] = []
    for line in head.split(b"\r\n"):
        if line[:1] in b" \t" and fields:
            fields[-1][1] += line
        else:
            name, _, value = line.partition(b":")
            fields.append([name.lower(), value])

    def relaxed(value: bytes) -> bytes:
        return b" ".join(value.split())

    signatures = [value for name, value in fields if name == b"dkim-signature"]
    assert signatures
    for signature in signatures:
        tags = dict(part.strip().split(b"=", 1) for part in signature.split(b";"))
        lines = [relaxed(b"." + line + b".")[1:-1].rstrip() for line in text.split(b"\r\n")]
        canonical = b"\r\n".join(lines).rstrip(b"\r\n") + b"\r\n"
        assert base64.b64encode(hashlib.sha256(canonical).digest()) == tags[b"bh"]
        names = tags[b"h"].split(b":")
        signed = b"".join(
            name + b":" + relaxed(dict(map(tuple, fields))[name]) + b"\r\n" for name in names
        )
        empty = signature[: signature.rindex(b" b=") + 3]
        signed += b"dkim-signature:" + relaxed(empty)
        blob = base64.b64decode(b"".join(tags[b"b"].split()))
        key.verify(blob, signed, padding.PKCS1v15(), hashes.SHA256())


async def test_the_mail_server_defers_and_the_provider_tries_again(world, hooks):
    host = world.at["mailhost"]["http"]
    await world.control("mandrill", "POST", "/config", {"hurry": 5000})
    await world.call("POST", f"{host}/config", {"defer": [{"match": world.address}]})
    await world.send("mandrill")
    bodies = ""
    while "deferral" not in bodies:
        bodies += (await hooks.next(world.address))[1]
    await world.call("POST", f"{host}/config", {"defer": []})

    assert len(await world.mails()) == 1


async def test_the_mail_server_forwards_a_domain(world, other_mailhost):
    """Two mail servers: what is for the one's domain passes through the other."""
    host = world.at["mailhost"]["http"]
    forward = {"forward": {"canary.example": other_mailhost["smtp"]}}
    assert (await world.call("POST", f"{host}/config", forward))[0] == 200
    address = world.address.replace("customer.example", "canary.example")
    await world.send("mandrill", to=[{"email": address}])
    inbox = f"{other_mailhost['http']}/mailboxes/{address}?wait=15"
    _, answer = await world.call("GET", inbox)

    assert answer["mails"][0]["subject"] == "Réinitialiser"
    assert await world.mails(address=address, wait=0) == []
    await world.call("POST", f"{host}/config", {"forward": {}})


async def test_a_long_poll_waits_for_mail(world):
    waiting = asyncio.create_task(world.mails())
    await asyncio.sleep(0)
    await world.send("postmark")

    assert len(await waiting) == 1


async def test_too_large_a_body_is_refused(world):
    url = world.at["mandrill"]["api"] + "/messages/send.json"
    status = 413  # what is seen when the connection is closed before the answer could be read
    with suppress(aiohttp.ClientError):
        async with world.http.post(url, data=_zeros(60)) as reply:
            status = reply.status
    assert status == 413
    assert (await mandrill(world, "users/ping"))[0] == 200


async def _zeros(megabytes):
    for _ in range(megabytes):
        yield bytes(1024 * 1024)


@pytest.mark.parametrize("how", ["stdin", "terminate"])
def test_a_process_ends_with_its_parent(processes, how):
    deliver = processes["mailhost"]["smtp"]
    arguments = ["mandrill", "--deliver", deliver, "--key", "-begins-with-a-dash"]
    process = subprocess.Popen(
        [sys.executable, "-m", "mailkeep_drill.standins", *arguments, "--exit-with-stdin"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    assert process.stdout.readline().startswith(b'{"ready": true')
    began = time.monotonic()
    process.stdin.close() if how == "stdin" else process.terminate()
    assert process.wait(10) == 0
    assert time.monotonic() - began < 10
    process.stdout.close()
    if how == "terminate":
        process.stdin.close()
