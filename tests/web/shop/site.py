"""A running site, and what its operator types at its command line."""

import asyncio
import json
import os
import socket
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import warm

HERE = Path(__file__).parent
CONNECTOR = HERE.parents[2] / "connectors" / "django" / "src"
READY_SECONDS = 60
NAME = "Shop"
PASSWORD = "the-old-one-of-the-shop"


class Running(Protocol):
    """A running Mailkeep."""

    url: str
    home: Path


def cli(up: Running, *words: str) -> dict[str, object]:
    """What a command of ours prints."""
    command = [warm.mailkeep(), *words, "--json"]
    done = subprocess.run(
        [*command, "--home", str(up.home)], check=True, capture_output=True, text=True
    )
    return json.loads(done.stdout)


@dataclass
class Site:
    """A site that was registered as an application."""

    url: str
    environ: dict[str, str]
    process: asyncio.subprocess.Process

    def manage(self, code: str) -> str:
        """Run Python in the site's own setting; what it prints."""
        whole = f"import django; django.setup()\n{code}"
        done = subprocess.run(
            [warm.python(), "-c", whole],
            env=self.environ,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    def command(self, *words: str, **environ: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [warm.python(), "-m", "django", *words],
            env=self.environ | environ,
            capture_output=True,
            text=True,
            check=False,
        )

    def join(self, name: str, address: str) -> None:
        """A user signs up."""
        self.manage(
            "from django.contrib.auth import get_user_model as g\n"
            f"g().objects.create_user({name!r}, {address!r}, {PASSWORD!r})"
        )


async def start(up: Running, kind: str, home: Path) -> Site:
    """Register a site and start it."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    url = f"http://127.0.0.1:{port}"
    back, begin = f"{url}/accounts/mailkeep/back/", f"{url}/accounts/mailkeep/start/"
    made = cli(up, "applications", "add", NAME, "--redirect", back, "--start", begin)
    key = cli(up, "keys", "create", "shop", "--scope", "recover", "--application", NAME)
    environ = {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": f"{CONNECTOR}:{HERE.parent}",
        "DJANGO_SETTINGS_MODULE": "shop.settings",
        "SHOP_KIND": kind,
        "SHOP_DATABASE": str(home / "shop.sqlite3"),
        "SHOP_ISSUER": up.url,
        "SHOP_CLIENT_ID": str(made["client_id"]),
        "SHOP_CLIENT_SECRET": str(made["client_secret"]),
        "SHOP_API_KEY": str(key["key"]),
    }
    process = await asyncio.create_subprocess_exec(
        warm.python(),
        str(HERE / "serve.py"),
        str(port),
        env=environ,
        stdout=asyncio.subprocess.PIPE,
    )
    assert process.stdout is not None
    async with asyncio.timeout(READY_SECONDS):
        assert (await process.stdout.readline()).strip() == b"ready"
    return Site(url, environ, process)
