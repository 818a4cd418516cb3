"""What Prometheus, a load balancer and a log reader meet at a running process."""

import asyncio
import re
import sqlite3
from pathlib import Path

from prometheus_client.parser import text_string_to_metric_families

from mailkeep.app.telemetry.catalogue import METRICS

from .conftest import READY_SECONDS, Up

DEPLOY = Path(__file__).parents[2] / "deploy"
Samples = dict[tuple[str, frozenset[tuple[str, str]]], float]


async def scrape(up: Up, **headers: str) -> tuple[set[str], Samples]:
    """(names of the families, the samples)."""
    async with up.session.get(f"{up.url}/metrics", headers=headers) as reply:
        assert reply.status == 200
        assert reply.headers["Content-Type"].startswith("text/plain; version=")
        text = await reply.text()
    families, samples = set(), {}
    for family in text_string_to_metric_families(text):
        families.add(family.name + ("_total" if family.type == "counter" else ""))
        for sample in family.samples:
            samples[sample.name, frozenset(sample.labels.items())] = sample.value
    return families, samples


def of(samples: Samples, name: str, **labels: str) -> float:
    return sum(
        value
        for (one, its), value in samples.items()
        if one == name and labels.items() <= dict(its).items()
    )


async def until_ready(up: Up) -> None:
    """At the start it is not, until the relay has had its first turn."""
    async with asyncio.timeout(READY_SECONDS):
        while True:
            async with up.session.get(f"{up.url}/readyz") as reply:
                if reply.status == 200:
                    return
                assert reply.status == 503
                assert (await reply.json())["status"] == "not ready"
            await asyncio.sleep(0.05)


async def test_the_life_of_a_message_is_seen_from_outside(up: Up) -> None:
    await up.fault("mandrill", suspend=True)
    for number in range(6):
        sent = await up.send(stream="bulk", to=f"user{number}@example.net")
        await up.until(sent["id"], "delivered")
    async with up.session.post(f"{up.url}/hooks/postmark", json={}) as reply:
        assert reply.status == 401
    families, samples = await scrape(up)
    assert {one.name for one in METRICS} <= families
    assert {"process_resident_memory_bytes", "python_gc_objects_collected_total"} <= families
    assert of(samples, "mailkeep_messages_accepted_total", stream="bulk") == 6
    accepted = {"stream": "bulk", "outcome": "accepted"}
    assert of(samples, "mailkeep_attempts_total", provider="postmark", **accepted) == 6
    refused = of(samples, "mailkeep_attempts_total", stream="bulk", outcome="suspended")
    moved = of(samples, "mailkeep_failovers_total", left="mandrill", taken="postmark")
    assert of(samples, "mailkeep_breaker_open", stream="bulk", provider="mandrill") == (refused > 0)
    assert moved >= refused
    assert of(samples, "mailkeep_delivery_seconds_count", stream="bulk") == 6
    assert of(samples, "mailkeep_claims_refused_total", provider="postmark") == 1
    assert of(samples, "mailkeep_cutover", state="paused") == 0
    assert of(samples, "mailkeep_commit_jobs_count") > 6
    assert of(samples, "mailkeep_loop_running", loop="dispatch") == 1
    assert of(samples, "mailkeep_ready") == 1
    assert of(samples, "mailkeep_queue_depth", stream="bulk") == 0
    assert 0 < of(samples, "mailkeep_disk_free_bytes") < of(samples, "mailkeep_disk_size_bytes")
    assert of(samples, "mailkeep_http_requests_total", route="/v1/messages", status="202") == 6


async def test_every_rule_and_panel_asks_for_what_a_running_process_tells(up: Up) -> None:
    families, samples = await scrape(up)
    names = {name for name, _ in samples} | families
    histograms = {one.name for one in METRICS if one.kind == "histogram"}
    names |= {f"{one}_{end}" for one in histograms & families for end in ("bucket", "sum", "count")}
    for file in (DEPLOY / "prometheus" / "alerts.yml", DEPLOY / "grafana" / "mailkeep.json"):
        asked = set(re.findall(r"\b(?:mailkeep|process)_\w+", file.read_text()))
        assert len(asked) > 15
        assert asked <= names, file.name


async def test_no_address_id_or_key_is_in_the_metrics(up: Up) -> None:
    sent = await up.send(to="ada.lovelace@example.net", metadata={"x": "planted-7f3a"})
    await up.until(sent["id"], "delivered")
    async with up.session.get(f"{up.url}/nothing/ada.lovelace@example.net?key={up.key}"):
        pass
    async with up.session.get(f"{up.url}/metrics") as reply:
        text = await reply.text()
    assert "mailkeep_messages_accepted_total" in text
    for told in ("lovelace", "planted", up.key, sent["id"], "address_", "nothing/"):
        assert told not in text


async def test_the_metrics_are_not_open_to_the_world(up: Up) -> None:
    """A proxy that nobody named makes everyone seem to come from loopback."""
    await until_ready(up)
    for name in ("X-Forwarded-For", "Forwarded", "Via", "X-Real-Ip", "X-Forwarded-Host"):
        async with up.session.get(f"{up.url}/metrics", headers={name: "127.0.0.1"}) as reply:
            assert reply.status == 401
        async with up.session.get(f"{up.url}/readyz", headers={name: "127.0.0.1"}) as reply:
            assert await reply.json() == {"status": "ready"}
    _, samples = await scrape(up, Via="1.1 proxy", **up.bearer())
    assert samples
    wrong = {"Via": "1.1 proxy", "Authorization": "Bearer mk_guess"}
    async with up.session.get(f"{up.url}/metrics", headers=wrong) as reply:
        assert reply.status == 401


async def test_it_is_ready_with_each_check_named_and_answers_quickly(up: Up) -> None:
    await until_ready(up)
    loop = asyncio.get_running_loop()
    started = loop.time()
    for _ in range(50):
        async with up.session.get(f"{up.url}/readyz") as reply:
            assert reply.status == 200
            said = await reply.json()
    assert loop.time() - started < 10
    assert said == {
        "status": "ready",
        "checks": dict.fromkeys(("schema", "database", "dispatch", "relay", "running"), True),
    }


async def test_a_failed_request_can_be_found_by_its_id(up: Up) -> None:
    async with up.session.get(f"{up.url}/v1/messages/msg_1") as reply:
        first = reply.headers["X-Request-Id"]
    async with up.session.get(
        f"{up.url}/v1/messages/msg_1", headers={"X-Request-Id": "mine"}
    ) as reply:
        assert reply.headers["X-Request-Id"] not in {first, "mine"}


async def test_a_trace_goes_with_a_message_and_the_same_mail_in_another_is_the_same(
    up: Up,
) -> None:
    trace = "4bf92f3577b34da6a3ce929d0e0e4736"
    body = {
        "stream": "recovery",  # its body goes when it is handed over
        "from": "us@example.com",
        "to": "ada@example.net",
        "subject": "Traced",
        "text": "words",
        "idempotency_key": "one",
    }
    ids = set()
    for span in ("00f067aa0ba902b7", "00f067aa0ba902b8"):
        headers = up.bearer() | {"traceparent": f"00-{trace}-{span}-01"}
        async with up.session.post(f"{up.url}/v1/messages", json=body, headers=headers) as reply:
            assert reply.status == 202
            ids.add((await reply.json())["id"])
    assert len(ids) == 1
    async with asyncio.timeout(READY_SECONDS):
        await up.until(ids.pop(), "delivered")
    with sqlite3.connect(up.home / "mailkeep.db") as database:
        caught = [raw for (raw,) in database.execute("SELECT raw FROM caught_mail")]
        kept = list(database.execute("SELECT data FROM message_bodies"))
    assert any(b"Traced" in raw for raw in caught)
    assert not any(trace.encode() in raw for raw in caught)
    assert not any(trace.encode() in data for (data,) in kept)  # erased with the body
