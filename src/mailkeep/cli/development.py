"""Development mode: its settings, and the welcome text it prints."""

import os
import secrets
import time
from pathlib import Path

import msgspec
from rich.console import Console
from rich.markup import escape

from mailkeep.base.errors import BadSettings
from mailkeep.http.port import StandInView
from mailkeep.trust.catalogue import OF_PROVIDER

from .house import ACCOUNTS_FILE, KEY_FILE
from .standins import StandIn
from .tried import Given

KINDS = ("mandrill", "postmark")  #: two unrelated providers, so that a reset has two routes
CANARY_DOMAIN = "post.example.org"  #: mail to it is our own, and does not fill the mailbox


class Account(msgspec.Struct, frozen=True):
    """Our account at a stand-in. It outlives the stand-in's process, as one at a real provider
    would: a new key with each start is a change there that nobody announced.

    ``opened``: seconds since the epoch."""

    secret: str
    webhook_secret: str
    opened: float


def accounts(home: Path) -> dict[str, Account]:
    """The account at each of ``KINDS``: those of the last start, or new ones, which are kept.

    Raises:
        BadSettings: the file in which they are kept is no such file.
    """
    file = home / ACCOUNTS_FILE
    kept: dict[str, Account] = {}
    if file.exists():
        try:
            kept = msgspec.json.decode(file.read_bytes(), type=dict[str, Account])
        except msgspec.DecodeError as error:
            raise BadSettings(f"{file}: {error}; delete it to open new accounts") from error
    found = {kind: kept.get(kind) or _opened() for kind in KINDS}
    if found != kept:
        home.mkdir(parents=True, exist_ok=True, mode=0o700)
        _keep(file, msgspec.json.encode(found))
    return found


def _opened() -> Account:
    webhook = f"mailkeep:{secrets.token_urlsafe(18)}"
    return Account(secrets.token_urlsafe(18), webhook, float(round(time.time())))


def settings(url: str, standins: list[StandIn], smtp: int) -> dict[str, object]:
    """Settings as a file would give them: every stream over both stand-ins."""
    routes = [{"provider": one.kind} for one in standins]
    return {
        "public_url": url,
        "provider": [
            {
                "name": one.kind,
                "kind": one.kind,
                "party": one.kind,
                "base_url": one.api,
                "secret": f"env:{one.kind}_SECRET",
                "webhook_secret": f"env:{one.kind}_WEBHOOK",
            }
            for one in standins
        ],
        "submission": {"listen": f"127.0.0.1:{smtp}"},
        "recovery": {"sender": "accounts@example.com"},
        "signals": {},
        "response": {"two_people": []},  # whoever tries it out is alone
        "party": [
            {"id": one.kind, "name": f"{one.kind} (stand-in)", "known": OF_PROVIDER[one.kind]}
            for one in standins
        ],
        # Stand-ins have one key each; real accounts are read with another one than they send with.
        "posture": {
            "interval": 10.0,
            "gap": 0.02,
            "account": [{"name": one.kind, "secret": f"env:{one.kind}_SECRET"} for one in standins],
        },
        "canary": {"domain": CANARY_DOMAIN, "sender": "hello@example.com"},
        "stream": [
            {
                "name": "recovery",
                "priority": 0,
                "secret": True,
                "expires": 3600.0,
                "routes": routes,
            },
            {"name": "confirmation", "priority": 1, "secret": True, "routes": routes},
            {"name": "security", "priority": 1, "routes": routes},
            {"name": "alert", "priority": 2, "routes": routes},
            {"name": "bulk", "priority": 9, "concurrency": 10, "keep": 0.0, "routes": routes},
        ],
    }


def keep_key(home: Path, key: str) -> None:
    """Lay the key down for ``mailkeep send`` in another terminal, for its owner's eyes only."""
    _keep(home / KEY_FILE, f"{key}\n".encode())


def kept_key(home: Path) -> str:
    """The key of the last start; empty at the first."""
    file = home / KEY_FILE
    return file.read_text(encoding="utf-8", errors="replace").strip() if file.exists() else ""


def _keep(path: Path, content: bytes) -> None:
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(handle, "wb") as file:
        file.write(content)


def described(
    url: str, smtp: int, key: str, home: Path, standins: list[StandIn], tried: Given
) -> dict[str, object]:
    """The same as ``greet`` says, for a program."""
    return {
        "ready": True,
        "url": url,
        "mailbox": f"{url}/mailbox",
        "console": f"{url}/console",
        "smtp": {"host": "localhost", "port": smtp},
        "key": key,
        "home": str(home),
        "settings": {
            "file": None if tried.file is None else str(tried.file),
            "read": tried.read,
            "not_read": tried.unread,
        },
        "standins": [{"kind": one.kind, "api": one.api, "faults": one.control} for one in standins],
    }


def views(standins: list[StandIn]) -> tuple[StandInView, ...]:
    """The stand-ins as the page that switches their faults knows them."""
    return tuple(StandInView(one.kind, one.control) for one in standins)


def greet(
    out: Console,
    url: str,
    smtp: int,
    key: str,
    home: Path,
    standins: list[StandIn],
    tried: Given,
) -> None:
    """Say where everything is, and a line that works when pasted."""
    body = (
        '{"stream": "alert", "from": "hello@example.com", "to": "ada@example.net", '
        '"subject": "It works", "text": "Carried by Mailkeep."}'
    )
    out.print()
    out.print("[bold]Mailkeep is up[/], in development mode: loopback only, stand-in providers.")
    out.print(f"  Mailbox      [link={url}/mailbox]{url}/mailbox[/link]")
    out.print(f"  Faults       {url}/mailbox/faults, to break a provider and watch")
    out.print(f"  Accounts     {url}/sign-up, {url}/recover")
    out.print(f"  Console      {url}/console, the key below signs in")
    out.print(f"  API          {url}/v1/messages")
    out.print(f"  SMTP         localhost:{smtp}, any user name, the key below as password")
    for one in standins:
        out.print(f"  {one.kind:<12} {one.api}   (faults: {one.control})")
    out.print(f"  Data         {escape(str(home))}")
    for at, line in enumerate(tried.lines()):
        out.print(f"  {'Settings' if at == 0 else '':<12} {escape(line)}")
    out.print()
    out.print("Send a mail, and see it arrive in the mailbox:")
    out.print()
    line = (
        f"curl -s {url}/v1/messages -H 'Authorization: Bearer {key}' "
        f"-H 'Content-Type: application/json' -d '{body}'"
    )
    # Printed raw: a wrapped or coloured line would not work when pasted.
    out.file.write(line + "\n\n")
    out.print("Stop with Ctrl-C.", style="dim")
