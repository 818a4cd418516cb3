"""The tutorial works when it is pasted: each of its blocks, one after the other, in a shell."""

import asyncio
import re
import sys
from pathlib import Path

import pytest

from .conftest import Up, cold

ROOT = Path(__file__).parents[2]
TUTORIAL = (ROOT / "docs" / "tutorial.md").read_text(encoding="utf-8")
COMMANDS = Path(sys.executable).parent
#: Where `make up` is typed, everything else runs against what the fixture started.
PASTED = [block for block in re.findall(r"```sh\n(.*?)```", TUTORIAL, re.S) if block != "make up\n"]
#: A command within a sentence, which somebody will paste as well.
NAMED = re.findall(r"`((?:\.venv/bin/)?mailkeep [^`]+)`", TUTORIAL)


def filled(block: str, up: Up, message: str) -> str:
    """What a reader types: the words that stand for something are replaced by what was printed."""
    port = up.controls["mandrill"].rsplit(":", 1)[1]
    block = re.sub(r"(?<![\w/.-])(?:\.venv/bin/)?mailkeep ", f"{COMMANDS / 'mailkeep'} ", block)
    block = block.replace("http://localhost:8025", up.url)
    block = re.sub(r"\bPORT\b", port, block)
    block = block.replace("--wait", "--wait --timeout 100")  # on a busy machine
    return re.sub(r"\bID\b", message, re.sub(r"\bKEY\b", up.key, block))


async def pasted(line: str, home: Path) -> str:
    """Run it as a shell does, failing where any line fails; what it printed."""
    process = await asyncio.create_subprocess_exec(
        *("bash", "-euc", line.replace("curl -s ", "curl -sf ")),
        cwd=home.parent,
        env={"PATH": "/usr/bin:/bin", "MAILKEEP_HOME": str(home)},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    printed = (await process.communicate())[0].decode()
    assert process.returncode == 0, f"{line}\n{printed}"
    return printed


@cold
@pytest.mark.timeout(300)
async def test_every_block_can_be_pasted(up: Up) -> None:
    sent = await up.send()
    message = str(sent["id"])
    await up.until(message, "delivered")
    assert len(PASTED) > 5
    for block in [*NAMED, *PASTED]:  # the blocks end with a provider that drops all mail
        await pasted(filled(block, up, message), up.home)
