"""Writes the `mailkeep.toml` of the drill, as an operator would.

Production mode with defaults, but for what is listed in `CHANGED`.
"""

import json
import os
from collections.abc import Mapping
from pathlib import Path

from .providers import Provider

Tables = Mapping[str, Mapping[str, float]]

STREAMS = (
    ("recovery", 0, True),
    ("confirmation", 1, True),
    ("security", 1, False),
    ("alert", 2, False),
    ("bulk", 9, False),
)
HONEYED = ("A", "B")  #: providers that have a honey account
SENDER = "no-reply@shop.example"
_CLASS = "accounts.class.customer"
CHANGED = {
    "playbook": "a compromised provider is cut off, open recoveries are revoked and owners told "
    "without waiting for a person, where the evidence is our own; the default waits. Freezing "
    "accounts still waits: it would freeze honest ones too",
    "canary": "on: one every 5 seconds through each provider, to a domain of its own; the relay's "
    "own host is allowed in it",
    "bind_hold": "0: a new second factor counts in a recovery at once: the accounts are "
    "opened minutes before the attack, and stand for such as had theirs for long",
    "honey": "one account for each of the two main providers that nobody uses",
}
"""Every setting of Mailkeep that is not the default, and why."""


def settings(
    key: str,
    url: str,
    providers: dict[str, Provider],
    secrets: Path,
    canary: str,
    listen: int,
    brief: Tables,
) -> str:
    """The file's text.

    Args:
        key: of the system; it names the customers' domain.
        url: under which people reach it.
        providers: by letter; C is a standby with weight 0.
        secrets: directory of the files that hold the keys.
        canary: domain of the canaries' mailboxes.
        listen: port of the listener for that domain.
        brief: further settings by table, in seconds.
    """
    lines = [f"public_url = {json.dumps(url)}", ""]
    for one in providers.values():
        lines += _provider(one, secrets)
    routes = ", ".join(
        f'{{ provider = "{letter.lower()}", weight = {0.0 if letter == "C" else 1.0} }}'
        for letter in providers
    )
    for name, priority, secret in STREAMS:
        lines += ["[[stream]]", f'name = "{name}"', f"priority = {priority}"]
        lines += ["secret = true"] if secret else []
        lines += ["expires = 3600.0"] if name == "recovery" else []
        lines += [f"routes = [{routes}]", ""]
    lines += ["[recovery]", f'sender = "{SENDER}"', 'sender_name = "Example Shop"']
    lines += [*(f"{name} = {value}" for name, value in brief.get("recovery", {}).items()), ""]
    lines += [
        "[canary]",
        f'domain = "{canary}"',
        f'sender = "{SENDER}"',
        f'listen = "127.0.0.1:{listen}"',
        "interval = 5.0",
        'allow = ["smtp.example", ".smtp.example"]',
        "",
        "[[playbook]]",
        'hypothesis = "provider_compromised"',
        'actions = ["cut_provider", "revoke_recoveries", "secure_accounts", "notify_owners"]',
        'automatic = ["cut_provider", "revoke_recoveries", "notify_owners"]',
        "",
    ]
    for letter in HONEYED:
        lines += ["[[honey]]", f'address = "{honey_address(letter, key)}"']
        lines += [f'provider = "{letter.lower()}"', ""]
    tables = {**brief, _CLASS: {"bind_hold": 0.0, **brief.get(_CLASS, {})}}
    for table, values in tables.items():
        if table != "recovery":
            lines += [f"[{table}]", *(f"{name} = {value}" for name, value in values.items()), ""]
    return "\n".join(lines)


def honey_address(letter: str, key: str) -> str:
    """The address that only this provider is ever given; it looks like a customer's."""
    name = {"A": "edda-lindqvist-311", "B": "bruno-castell-418"}[letter]
    return f"{name}@{key}.customers.example"


def _provider(one: Provider, secrets: Path) -> list[str]:
    name = one.letter.lower()
    _write(secrets / f"{name}.key", one.key)
    _write(secrets / f"{name}.hook", one.hook_key)
    base = f"smtp://{one.api}" if one.kind == "smtp" else one.api
    lines = [
        "[[party]]",
        f'id = "party-{name}"',
        f'name = "Provider {one.letter} (stand-in)"',
        "",
        "[[provider]]",
        f'name = "{name}"',
        f'kind = "{one.kind}"',
        f'party = "party-{name}"',
        f"base_url = {json.dumps(base)}",
        f"secret = {json.dumps(f'file:{secrets / name}.key')}",
    ]
    if one.kind == "smtp":
        lines.append(f'options = {{ username = "{one.user}", starttls = "off" }}')
    else:
        lines.append(f"webhook_secret = {json.dumps(f'file:{secrets / name}.hook')}")
    return [*lines, ""]


def _write(path: Path, secret: str) -> None:
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
        file.write(secret)
