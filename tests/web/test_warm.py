"""What stands for a start is one: its files, its arguments, its end, and whoever kills it."""

import asyncio
import os
import signal
from pathlib import Path

import pytest
import warm

SAYS = "import os, sys; print(os.environ['A'], sys.argv[1:], os.getcwd(), sys.stdin.read())"
WAITS = "import os, time; print(os.getpid(), flush=True); time.sleep(60)"


def _hears() -> None:
    signal.signal(signal.SIGINT, signal.SIG_DFL)


async def _begun(code: str, *words: str, **more: object) -> asyncio.subprocess.Process:
    pipe = asyncio.subprocess.PIPE
    pipes = {"stdin": pipe, "stdout": pipe, "stderr": pipe}
    return await asyncio.create_subprocess_exec(warm.python(), "-c", code, *words, **pipes, **more)


async def test_it_has_its_own_words_environment_directory_and_files(tmp_path: Path) -> None:
    process = await _begun(SAYS, "x", "ü y", env={"A": "b\nc"}, cwd=tmp_path)
    said, wrong = await asyncio.wait_for(process.communicate(b"given"), 30)
    assert (process.returncode, wrong) == (0, b"")
    assert said.decode() == f"b\nc ['x', 'ü y'] {tmp_path} given\n"


@pytest.mark.parametrize(
    ("code", "ends", "says"),
    [
        ("raise SystemExit(3)", 3, b""),
        ("raise SystemExit('no')", 1, b"no\n"),
        ("1 / 0", 1, b"ZeroDivisionError"),
        ("import os; os.kill(os.getpid(), 15)", -15, b""),
    ],
)
async def test_it_ends_as_what_it_stands_for(code: str, ends: int, says: bytes) -> None:
    process = await _begun(code)
    _, wrong = await asyncio.wait_for(process.communicate(), 30)
    assert process.returncode == ends
    assert says in wrong


@pytest.mark.parametrize("by", [signal.SIGTERM, signal.SIGINT, signal.SIGKILL])
async def test_who_ends_it_ends_what_runs(by: signal.Signals) -> None:
    # A shell that began these tests in the background has them ignore SIGINT; this one does not.
    process = await _begun(WAITS, preexec_fn=_hears)
    assert process.stdout is not None
    child = int(await asyncio.wait_for(process.stdout.readline(), 30))
    assert child != process.pid
    process.send_signal(by)
    await asyncio.wait_for(process.communicate(), 30)
    assert process.returncode == -by
    # What is started from now on finds nothing of it, not even where it was killed.
    await asyncio.wait_for((await _begun("pass")).communicate(), 30)
    with pytest.raises(ProcessLookupError):
        os.kill(child, 0)


async def test_two_draw_different_numbers() -> None:
    drawn = [
        (
            await asyncio.wait_for(
                (await _begun("import random; print(random.random())")).communicate(), 30
            )
        )[0]
        for _ in range(2)
    ]
    assert drawn[0] != drawn[1]
