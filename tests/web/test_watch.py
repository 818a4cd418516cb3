"""A suspended provider is noticed, with its reason, while the mail goes on."""

import asyncio
import sys
from pathlib import Path

from .conftest import Up


async def _watch(home: Path) -> str:
    process = await asyncio.create_subprocess_exec(
        str(Path(sys.executable).with_name("mailkeep")),
        *("watch", "--home", str(home)),
        stdout=asyncio.subprocess.PIPE,
    )
    printed, _ = await process.communicate()
    assert process.returncode == 0
    return printed.decode()


async def test_a_suspension_is_noticed_and_explained(up: Up) -> None:
    assert "Nothing speaks" in await _watch(up.home)
    await up.fault("mandrill", suspend=True)
    for number in range(12):
        sent = await up.send(to=f"user{number}@example.net")
        await up.until(sent["ids"][0], "delivered")
    printed = ""
    async with asyncio.timeout(30):
        while "provider_refusal" not in printed:
            await asyncio.sleep(0.3)
            printed = await _watch(up.home)
    assert "of mandrill" in printed
    assert "of postmark" not in printed
