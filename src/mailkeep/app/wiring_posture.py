"""Checks the settings ``[posture]``: our accounts at providers, which are read and compared.

They are handed to the collector with reading keys, which are separate from the keys that send.
"""

import os
from collections.abc import Mapping
from math import isfinite
from typing import TYPE_CHECKING, Protocol
from urllib.parse import urlsplit

import msgspec

from mailkeep.base.clock import Clock
from mailkeep.base.errors import BadSettings
from mailkeep.base.keys import KeyRing
from mailkeep.base.secret import Secret
from mailkeep.base.wording import nearest
from mailkeep.providers.errors import MisconfiguredProvider, UnknownProvider
from mailkeep.providers.posture import registry
from mailkeep.providers.posture.types import AccountConfig
from mailkeep.recovery.types import RecoverySettings
from mailkeep.store.database import Database
from mailkeep.watch.types import CanarySettings, PostureAccount, PostureSettings

from . import environment

if TYPE_CHECKING:  # its HTTP client is not quick to import, for who only wants the settings
    from mailkeep.watch.collectors.posture import Posture

LEAST_INTERVAL = 1.0  #: seconds: for tests and drills; providers' own limits want more


class Named(Protocol):
    """A ``[[provider]]`` table, as far as it is needed here."""

    @property
    def name(self) -> str: ...

    @property
    def kind(self) -> str: ...

    @property
    def base_url(self) -> str: ...

    @property
    def secret(self) -> str | None: ...

    @property
    def options(self) -> dict[str, str]: ...


class Watched(Protocol):
    """The part of the settings that is about accounts at providers."""

    @property
    def posture(self) -> PostureSettings | None: ...

    @property
    def provider(self) -> tuple[Named, ...]: ...

    @property
    def public_url(self) -> str: ...

    @property
    def canary(self) -> CanarySettings | None: ...

    @property
    def recovery(self) -> RecoverySettings | None: ...


def check(settings: Watched) -> None:
    """Raises ``BadSettings``."""
    posture = settings.posture
    if posture is None:
        return
    for name, least in (("interval", LEAST_INTERVAL), ("gap", 0.0), ("patience", 1)):
        value = getattr(posture, name)
        if not isfinite(value) or value < least:
            raise BadSettings(f"posture: {name} must be {least:g} at least")
    names = [one.name for one in posture.account]
    for one in posture.account:
        where = f"posture.account {one.name}"
        if names.count(one.name) > 1:
            raise BadSettings(f"two tables of [[posture.account]] are called {one.name!r}")
        provider = of_provider(settings, one.name)
        if provider is None:
            # A signal about a name that no route has would make every provider suspect with it.
            known = {its.name for its in settings.provider}
            raise BadSettings(f"{where}: no provider is called so{nearest(one.name, known)}")
        kind = one.kind or provider.kind
        if kind != provider.kind and provider.kind not in registry.WITHOUT:
            raise BadSettings(f"{where}: the provider of that name is a {provider.kind}")
        if one.secret is None and one.account_secret is None:
            raise BadSettings(f"{where}: secret is missing: the key that reads the account")
        try:
            registry.check(kind, one.options)
        except (UnknownProvider, MisconfiguredProvider) as error:
            raise BadSettings(f"{where}: {error}") from error


def of_provider(settings: Watched, name: str) -> Named | None:
    """The provider of that name."""
    return next((one for one in settings.provider if one.name == name), None)


def accounts(
    settings: Watched, environ: Mapping[str, str] = os.environ
) -> dict[str, AccountConfig]:
    """The accounts with their keys. Raises ``BadSettings`` for a key that is not there."""
    if settings.posture is None:
        return {}
    return {one.name: _config(settings, one, environ) for one in settings.posture.account}


def kind_of(settings: Watched, name: str) -> str:
    """The kind of a provider's account: that of its table, or of ``[[posture.account]]`` where that
    says more."""
    known = () if settings.posture is None else settings.posture.account
    read = next((one.kind for one in known if one.name == name), "")
    provider = of_provider(settings, name)
    return read or ("" if provider is None else provider.kind)


def with_key(settings: Watched, name: str, key: str, environ: Mapping[str, str]) -> AccountConfig:
    """The account of a provider with another key than the reading one, for a single use.

    Args:
        key: where it is: ``env:NAME`` or ``file:PATH``.

    Raises:
        BadSettings: the key is not there.
    """
    known = () if settings.posture is None else settings.posture.account
    table = next((one for one in known if one.name == name), PostureAccount(name))
    bare = msgspec.structs.replace(table, secret=None, account_secret=None)
    secret = Secret(environment.reveal(key, "--key", environ))
    return msgspec.structs.replace(_config(settings, bare, environ), secret=secret)


def collector(
    settings: Watched,
    database: Database,
    keys: KeyRing,
    clock: Clock,
    found: Mapping[str, AccountConfig],
) -> "Posture | None":
    """The collector that reads the accounts found by ``accounts``; None where there are none."""
    if settings.posture is None:
        return None
    from mailkeep.watch.collectors.posture import Posture

    return Posture(
        database,
        keys,
        clock,
        settings.posture,
        accounts=found,
        ours=ours(settings),
    )


def shares_key(settings: Watched, account: PostureAccount) -> bool:
    """Whether an account is read by the very key that its provider's mail is sent with."""
    provider = of_provider(settings, account.name)
    return provider is not None and account.secret is not None and account.secret == provider.secret


def ours(settings: Watched) -> frozenset[str]:
    """Hosts that webhooks may point to, and domains that may be sent from, without counting as
    strange."""
    host = urlsplit(settings.public_url).hostname or ""
    senders = [one.sender for one in (settings.canary, settings.recovery) if one is not None]
    domains = (one.rpartition("@")[2].strip("> ") for one in senders)
    return frozenset(one.lower() for one in (host, *domains) if one)


def _config(settings: Watched, one: PostureAccount, environ: Mapping[str, str]) -> AccountConfig:
    provider = of_provider(settings, one.name)
    where = f"posture.account {one.name}"
    kind, base_url, options = one.kind, one.base_url, dict(one.options)
    if provider is not None and kind in {"", provider.kind}:
        kind, base_url = provider.kind, base_url or provider.base_url
        if "cleartext" in provider.options:
            options.setdefault("cleartext", provider.options["cleartext"])
    return AccountConfig(
        one.name,
        kind,
        base_url,
        _secret(one.secret, f"{where}: secret", environ) or Secret(""),
        _secret(one.account_secret, f"{where}: account_secret", environ),
        options,
    )


def _secret(where: str | None, what: str, environ: Mapping[str, str]) -> Secret | None:
    return None if where is None else Secret(environment.reveal(where, what, environ))
