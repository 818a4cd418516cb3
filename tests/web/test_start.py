"""A start on real settings says what the doctor would, and is not held up by it."""

import asyncio
import json
import sys
from pathlib import Path

SETTINGS = """
public_url = "http://mail.example.com"

[[provider]]
name = "a"
kind = "smtp"
party = "a"

[[party]]
id = "a"

[[stream]]
name = "alert"
priority = 1
routes = [{ provider = "a" }]
"""


async def test_what_is_not_right_is_in_the_log_of_the_start(tmp_path: Path) -> None:
    (tmp_path / "mailkeep.toml").write_text(SETTINGS)
    process = await asyncio.create_subprocess_exec(
        str(Path(sys.executable).with_name("mailkeep")),
        *("up", "--json", "--port", "0", "--home", str(tmp_path)),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env={"PATH": "/usr/bin:/bin", "MAILKEEP_STREAM": '[{"name": "x", "priority": 1, '
             '"routes": [{"provider": "a"}]}]'},
    )  # fmt: skip
    assert process.stdout is not None
    assert process.stderr is not None
    try:
        async with asyncio.timeout(60):
            ready = json.loads(await process.stdout.readline())
            assert ready["url"].startswith("http://127.0.0.1:")
            said: dict[str, dict[str, str]] = {}
            while not {"doctor.public_url", "doctor.streams.routes"} <= said.keys():
                line = json.loads(await process.stderr.readline())
                said[line["event"]] = line
    finally:
        process.terminate()
        await asyncio.wait_for(process.wait(), 30)
    assert said["doctor.public_url"]["state"] == "failed"
    assert said["doctor.public_url"]["next"]
    assert said["doctor.streams.routes"]["about"] == "x", "the environment is over the file"
    assert await process.stdout.read() == b""
