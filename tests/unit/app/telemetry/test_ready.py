"""Readiness, the settings, and the heartbeat to a server on loopback."""

from pathlib import Path

import pytest
from aiohttp import web
from structlog.testing import capture_logs

from mailkeep.app.loops import Pulse
from mailkeep.app.settings import heartbeat_url, parse
from mailkeep.app.telemetry.heartbeat import Heartbeat
from mailkeep.app.telemetry.metrics import Metrics
from mailkeep.app.telemetry.readiness import CHECKS, Seen, checks
from mailkeep.base.errors import BadSettings
from mailkeep.base.secret import Secret

WELL = Seen(wrote=0.4, placed=0.4, dispatching=True, schema=True, stopping=False)


@pytest.mark.parametrize(
    ("seen", "fails"),
    [
        (WELL, None),
        (Seen(16.0, 16.0, True, True, False), ("database", "relay")),
        (Seen(0.1, float("inf"), True, True, False), ("relay",)),
        (Seen(0.1, 0.1, False, True, False), ("dispatch",)),
        (Seen(0.1, 0.1, True, False, False), ("schema",)),
        (Seen(0.1, 0.1, True, True, True), ("running",)),
    ],
)
def test_each_check_fails_for_its_own_reason(seen: Seen, fails: tuple[str, ...] | None) -> None:
    found = checks(seen)
    assert tuple(found) == CHECKS
    assert tuple(name for name, good in found.items() if not good) == (fails or ())


def test_a_loop_that_never_did_its_step_is_silent_for_ever() -> None:
    pulse = Pulse()
    assert pulse.silent_for("relay") == float("inf")
    pulse.beat("relay")
    assert pulse.silent_for("relay") < 1


@pytest.mark.parametrize(
    ("table", "words"),
    [
        ({"networks": ["0.0.0.0/0"]}, "telemetry: networks: 0.0.0.0/0 is everyone"),
        ({"networks": ["proxy"]}, "'proxy' is not a network"),
        ({"heartbeat_seconds": 0.2}, "1 at least"),
        ({"heartbeat_seconds": float("nan")}, "1 at least"),
        ({"heartbeat_ur": "env:X"}, "did you mean heartbeat_url?"),
    ],
)
def test_settings_that_cannot_be_are_refused(table: dict[str, object], words: str) -> None:
    with pytest.raises(BadSettings) as caught:
        parse({"telemetry": table})
    assert words in str(caught.value)


@pytest.mark.parametrize(
    ("where", "environ"),
    [
        ("https://hc.example.com/ping-secret-path", {}),
        ("env:MISSING", {}),
        ("env:URL", {"URL": "http://hc.example.com/ping-secret-path"}),
        ("env:URL", {"URL": "ping-secret-path"}),
        ("env:URL", {"URL": "https://[ping-secret-path"}),
    ],
)
def test_a_heartbeat_url_is_a_secret_and_goes_over_tls(where: str, environ: dict[str, str]) -> None:
    settings = parse({"telemetry": {"heartbeat_url": where}})
    with pytest.raises(BadSettings) as caught:
        heartbeat_url(settings, environ)
    assert "ping-secret-path" not in str(caught.value)


def test_a_heartbeat_url_from_a_file(tmp_path: Path) -> None:
    file = tmp_path / "url"
    file.write_text("https://hc.example.com/x\n")
    settings = parse({"telemetry": {"heartbeat_url": f"file:{file}"}})
    assert heartbeat_url(settings, {}) == Secret("https://hc.example.com/x")
    assert heartbeat_url(parse({}), {}) is None


class _Outside:
    """The service that waits for the heartbeat."""

    def __init__(self) -> None:
        self.heard: list[str] = []
        self.status = 200

    async def hear(self, request: web.Request) -> web.Response:
        self.heard.append(f"{request.method} {request.path}")
        return web.Response(status=self.status, headers={"Location": "/elsewhere"})


async def test_a_heartbeat_goes_out_only_while_all_is_well() -> None:
    outside, metrics, well = _Outside(), Metrics(), True
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", outside.hear)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    port = runner.addresses[0][1]
    beat = Heartbeat(
        Secret(f"http://127.0.0.1:{port}/ping/5ecret"), metrics, lambda: well, lambda: 17.0
    )

    def counted() -> list[float | None]:
        name = "mailkeep_heartbeats_total"
        return [
            metrics.registry.get_sample_value(name, {"result": result})
            for result in ("sent", "failed", "withheld")
        ]

    with capture_logs() as logs:
        assert counted() == [0, 0, 0]
        await beat.beat()
        assert counted() == [1, 0, 0]
        outside.status = 302  # not followed, and not heard
        await beat.beat()
        assert counted() == [1, 1, 0]
        well = False
        await beat.beat()
        assert counted() == [1, 1, 1]
        well = True
        await runner.cleanup()
        await beat.beat()
        assert counted() == [1, 2, 1]
    assert outside.heard == ["POST /ping/5ecret"] * 2
    name = "mailkeep_heartbeat_last_success_timestamp_seconds"
    assert metrics.registry.get_sample_value(name) == 17
    assert [one["event"] for one in logs] == [
        "heartbeat.failed",
        "heartbeat.withheld",
        "heartbeat.failed",
    ]
    assert "5ecret" not in str(logs)
