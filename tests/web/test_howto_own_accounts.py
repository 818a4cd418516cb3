"""The page about accounts that are kept elsewhere does what it says, by its own commands."""

import asyncio
import json
import re
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

from .conftest import Up
from .shop.site import cli
from .test_oauth import asked, come_back
from .visitor import Visitor

PAGE = Path(__file__).parents[2] / "docs" / "how-to" / "recover-for-your-own-accounts.md"
ADDRESS = "ada@example.net"  # as the page has it
BACK = "http://127.0.0.1:9/back"


async def shell(environ: dict[str, str], script: str) -> str:
    """What commands of the page print."""
    process = await asyncio.create_subprocess_exec(
        *("bash", "-c", f"set -euo pipefail\n{script}"),
        env=environ,
        stdout=asyncio.subprocess.PIPE,
    )
    printed, _ = await process.communicate()
    assert process.returncode == 0, script
    return printed.decode()


async def test_the_commands_of_the_page(up: Up) -> None:
    register, vouch, bind, send, take, acknowledge = re.findall(
        r"```bash\n(.*?)```", PAGE.read_text(), re.DOTALL
    )
    made = cli(up, "applications", "add", "Shop", "--redirect", BACK)
    key = cli(up, "keys", "create", "shop", "--scope", "recover", "--application", "Shop")
    environ = {
        "PATH": "/usr/local/bin:/usr/bin:/bin",
        "MAILKEEP": up.url,
        "BACK": BACK,
        "API_KEY": str(key["key"]),
        "CLIENT_ID": str(made["client_id"]),
        "CLIENT_SECRET": str(made["client_secret"]),
    }
    assert json.loads(await shell(environ, register))["subject"] == "41"
    assert await shell(environ, vouch) == "", "there is nothing to answer for"
    moved = register.replace(ADDRESS, "ada@example.org")
    assert json.loads(await shell(environ, moved))["held"]["agreed"] is None
    assert json.loads(await shell(environ, vouch))["held"]["agreed"] == "application"
    kept = register.replace("/41", "/42").replace(ADDRESS, "eve@example.org")
    await shell(environ, kept.replace("kept_there", "kept_here"))
    page = (await shell(environ, bind)).strip()
    assert re.fullmatch(re.escape(up.url) + "/keep#[0-9A-Z]{26}", page)
    sent = await shell(environ, f"{send}\necho $VERIFIER")
    url, verifier = sent.split()
    async with Visitor(up.url) as ada:
        await asked(ada, url, ADDRESS)
        back = parse_qs(urlsplit(await come_back(ada, ADDRESS)).query)
    assert back["iss"] == [up.url]
    environ |= {"CODE": back["code"][0], "VERIFIER": verifier}
    printed = await shell(environ, f"{take}\n{acknowledge}")
    assert '"keys":' in printed
    assert json.loads(printed[printed.rindex('{"id":"vrd_') :])["state"] == "secured"
