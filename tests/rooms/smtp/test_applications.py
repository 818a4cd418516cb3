"""The page for applications: its settings, as Django and Postfix take them."""

import asyncio
import os
import re
import shutil
import smtplib
import socket
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from mailkeep.smtp import types
from mailkeep.smtp.types import SubmissionSettings

from .conftest import House, Pair

PAGE = (Path(__file__).parents[3] / "docs" / "how-to" / "submit-by-smtp.md").read_text()


def _snippets(kind: str) -> list[str]:
    return re.findall(rf"```{kind}\n(.*?)```", PAGE, re.DOTALL)


def test_the_settings_of_the_page_are_settings() -> None:
    (toml,) = _snippets("toml")
    settings = SubmissionSettings(**tomllib.loads(toml)["submission"])
    types.check(settings, {"alert"})
    assert settings.plain() == [("0.0.0.0", 587)]
    assert settings.tls() == [("0.0.0.0", 465)]


async def test_django_sends_as_the_page_says(house: House, pair: Pair) -> None:
    key = await house.key("alert", "bulk")
    async with house.open(listen=(), tls_listen="localhost:0", **pair.settings()) as running:
        # In a process of its own: there is one set of Django's settings in each.
        done = await asyncio.to_thread(
            subprocess.run,
            [sys.executable, "-c", _program(running.ports[0])],
            env={"MAILKEEP_KEY": key, "SSL_CERT_FILE": str(pair.certificate)},
            check=False,
            capture_output=True,
            text=True,
            timeout=60,
        )
        assert done.returncode == 0, done.stderr
    stored = {content.to: content for _, content in await house.stored()}
    assert len(await house.stored()) == 3, "the second try was the first one's message"
    assert stored["ada@example.net"].sender_name in {"Shop", "Läden"}
    assert (stored["b@c.example"].html or "").rstrip() == "<p>Wörter</p>"
    assert stored["b@c.example"].sender_name == "Läden"
    assert stored["b@c.example"].subject == "Grüße"


def _program(port: int) -> str:
    given, sends = _snippets("python")
    return f"""
import os
from django.conf import settings
from django.core.mail import EmailMessage, EmailMultiAlternatives
{given}
words = {{name: value for name, value in globals().items() if name.startswith("EMAIL_")}}
words |= {{"EMAIL_HOST": "localhost", "EMAIL_PORT": {port}}}
settings.configure(**words, USE_TZ=True)
{sends}
{sends}
both = EmailMultiAlternatives(
    "Grüße", "Wörter", "Läden <shop@example.com>", ["ada@example.net"], ["b@c.example"]
)
both.attach_alternative("<p>Wörter</p>", "text/html")
assert both.send() == 1
"""


POSTFIX = shutil.which("postfix", path="/usr/sbin:/usr/bin")


@pytest.mark.skipif(POSTFIX is None or os.geteuid() != 0, reason="needs Postfix, and root")
async def test_postfix_relays_as_the_page_says(house: House, pair: Pair) -> None:
    key = await house.key("alert")
    async with house.open(listen="localhost:0", **pair.settings()) as running:
        with (
            tempfile.TemporaryDirectory(prefix="postfix-") as base,
            _postfix(Path(base), running.ports[0], key, pair) as send,
        ):
            await asyncio.to_thread(send)
            for _ in range(300):
                if house.woken:
                    break
                await asyncio.sleep(0.2)
    ((_, content),) = await house.stored()
    assert (content.to, content.subject, content.text) == (
        "ada@example.net",
        "By Postfix",
        ".a line with a dot\n",
    )


@contextmanager
def _postfix(base: Path, port: int, key: str, pair: Pair) -> Iterator[Callable[[], None]]:
    """A Postfix of our own in a directory of its own, with the page's settings."""
    assert POSTFIX is not None
    base.chmod(0o755)  # its processes run under another user
    config, queue, data = base / "etc", base / "queue", base / "data"
    for one in (config, queue, data):
        one.mkdir()
    shutil.chown(data, "postfix")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        local = probe.getsockname()[1]
    relay = f"[localhost]:{port}"
    passwords = config / "mailkeep"
    passwords.write_text(f"{relay} shop:{key}\n")
    ini = next(one for one in _snippets("ini") if "relayhost" in one)
    ini = ini.replace("[submit.example.com]:587", relay)
    ini = ini.replace("/etc/postfix/mailkeep", str(passwords))
    ini = ini.replace("/etc/ssl/certs/ca-certificates.crt", str(pair.certificate))
    (config / "main.cf").write_text(
        f"compatibility_level = 3.6\nqueue_directory = {queue}\ndata_directory = {data}\n"
        "inet_interfaces = 127.0.0.1\ninet_protocols = ipv4\nmynetworks = 127.0.0.0/8\n"
        "myhostname = relay.example.com\nmydestination =\nalias_maps =\nalias_database =\n"
        f"smtp_host_lookup = native\nmaillog_file = {base}/log\nmaillog_file_prefixes = {base}\n"
        "smtpd_relay_restrictions = permit_mynetworks, reject\n" + ini
    )
    master = Path("/usr/share/postfix/master.cf.dist")
    text = (master if master.exists() else Path("/etc/postfix/master.cf")).read_text()
    text = re.sub(r"^(\S+\s+\S+\s+\S+\s+\S+\s+)y(\s)", r"\1n\2", text, flags=re.MULTILINE)
    text = re.sub(r"^smtp(\s+inet)", rf"127.0.0.1:{local}\1", text, flags=re.MULTILINE)
    (config / "master.cf").write_text(
        text + "\npostlog unix-dgram n - n - 1 postlogd\n" * ("postlogd" not in text)
    )

    def run(*arguments: str) -> None:
        done = subprocess.run(
            [POSTFIX, "-c", str(config), *arguments],
            check=False,
            capture_output=True,
            text=True,
            timeout=60,
        )
        assert done.returncode == 0, done.stderr

    def send() -> None:
        with smtplib.SMTP("127.0.0.1", local, timeout=20) as client:
            client.sendmail(
                "shop@example.com",
                ["ada@example.net"],
                b"From: shop@example.com\r\nSubject: By Postfix\r\n\r\n.a line with a dot\r\n",
            )

    run("start")
    try:
        yield send
    finally:
        run("stop")
        log = base / "log"
        print(log.read_text()[-3000:] if log.exists() else "no log")
