"""Reloads provider keys when their files change, and rotates them where a provider's API allows it.

A new key is written into its file, by hand or by ``rotate_keys``; every process takes it up within
seconds, without a restart.
"""

import asyncio
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Protocol

import msgspec
import structlog

from mailkeep.base.errors import BadSettings
from mailkeep.base.secret import Secret
from mailkeep.providers.keys import registry
from mailkeep.providers.keys.types import Holder, Manager
from mailkeep.providers.types import ProviderConfig

from . import environment

log = structlog.get_logger(__name__)

SECONDS = 5.0  #: between two looks at the files; ``rotate_keys`` waits for several of them


class Keyed(Protocol):
    """A ``[[provider]]`` table, as far as it is needed here."""

    @property
    def name(self) -> str: ...

    @property
    def kind(self) -> str: ...

    @property
    def secret(self) -> str | None: ...

    @property
    def manager(self) -> str | None: ...

    @property
    def options(self) -> dict[str, str]: ...


def check(one: Keyed) -> None:
    """Raises ``BadSettings`` for a managing key of a provider whose key API is not supported."""
    kind = one.options.get("keys", "")
    if kind and kind not in registry.KEYS and kind not in registry.BY_HAND:
        known = ", ".join(sorted(registry.KEYS))
        raise BadSettings(f"provider {one.name}: options.keys: no {kind!r}; there are {known}")
    if one.manager is not None and kind not in registry.KEYS:
        raise BadSettings(f"provider {one.name}: manager needs options.keys, whose API it is for")


def take_up(
    providers: dict[str, ProviderConfig],
    tables: tuple[Keyed, ...],
    environ: Mapping[str, str] = os.environ,
) -> list[str]:
    """Reload keys from their files; returns for which providers they changed. A file that cannot be
    read just now changes nothing."""
    changed = []
    for one in tables:
        where = one.secret or ""
        if not where.startswith("file:") or one.name not in providers:
            continue
        try:
            found = environment.reveal(where, f"provider {one.name}: secret", environ)
        except BadSettings:
            continue
        if found and found != providers[one.name].secret.reveal():
            config = msgspec.structs.replace(providers[one.name], secret=Secret(found))
            providers[one.name] = config
            changed.append(one.name)
            log.info("provider.key_changed", provider=one.name)
    return changed


async def look(providers: dict[str, ProviderConfig], tables: tuple[Keyed, ...]) -> None:
    """``take_up`` as the step of a loop: files are read beside it."""
    await asyncio.to_thread(take_up, providers, tables)


def keyrings(
    tables: tuple[Keyed, ...], environ: Mapping[str, str] = os.environ
) -> dict[str, Holder]:
    """The key managers of the providers that have one."""
    return {one.name: _holder(one, environ) for one in tables}


def _holder(one: Keyed, environ: Mapping[str, str]) -> Holder:
    kind = one.options.get("keys", "") or one.kind
    by_hand = registry.BY_HAND.get(kind, registry.OTHERWISE.format(name=one.name))
    manager, file = None, None
    if one.manager is not None and kind in registry.KEYS:
        try:
            secret = environment.reveal(one.manager, f"provider {one.name}: manager", environ)
        except BadSettings:
            secret = ""
        if secret:
            manager = Manager(kind, Secret(secret), one.options.get("keys_url", ""))
    path = Path((one.secret or "").removeprefix("file:"))
    if (one.secret or "").startswith("file:") and os.access(path.parent, os.W_OK):
        file = path
    return Holder(one.name, by_hand, manager, file)
