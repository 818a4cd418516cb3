"""No stand-in outlives who started it, however that ended."""

import asyncio
import signal
import subprocess
import sys
from pathlib import Path

import pytest

WITHIN = 60.0

_PARENT = """
import asyncio
from mailkeep.cli.standins import StandIn, StandIns

async def main():
    kinds = ("mandrill", "postmark")
    ones = StandIns([StandIn(kind, 9, "s", "a:b", "http://127.0.0.1:9/x") for kind in kinds])
    await ones.start()
    assert all(one.api and one.control for one in ones.ones)
    print(ones.pid, flush=True)
    await asyncio.Event().wait()

asyncio.run(main())
"""

_STUCK = """
import asyncio
from mailkeep_drill.standins import process

class Stuck:
    async def start(self):
        {start}
        return {{}}

    async def stop(self):
        await asyncio.Event().wait()

process.PATIENCE_SECONDS = 0.1
process.run(Stuck, exit_with_stdin=True)
"""


def _python(code: str, **pipes: int) -> subprocess.Popen[str]:
    return subprocess.Popen([sys.executable, "-c", code], text=True, **pipes)


def _runs(process: int) -> bool:
    try:
        state = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state != "Z"  # ended; whoever has it now will look


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="looks at /proc")
async def test_stand_ins_end_with_a_parent_that_was_killed() -> None:
    with _python(_PARENT, stdout=subprocess.PIPE) as parent:
        assert parent.stdout is not None
        children = int(parent.stdout.readline())
        assert _runs(children)
        parent.send_signal(signal.SIGKILL)
        parent.wait()
    async with asyncio.timeout(WITHIN):
        while _runs(children):  # noqa: ASYNC110
            await asyncio.sleep(0.05)


@pytest.mark.parametrize("start", ["pass", "await asyncio.Event().wait()"])
def test_one_that_hangs_while_it_ends_or_starts_is_ended_by_force(start: str) -> None:
    child = _python(_STUCK.format(start=start), stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    child.communicate(timeout=WITHIN)  # closes its standard input
    assert child.returncode == 1
