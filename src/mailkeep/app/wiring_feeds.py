"""Builds what goes to other systems from the settings: security signals, feeds and webhooks of
delivery events."""

from collections.abc import Mapping
from typing import Protocol

from mailkeep.base.keys import KeyRing
from mailkeep.base.secret import Secret
from mailkeep.base.signing import SigningKeys
from mailkeep.feed.outlets import Outlet, event_webhook, outlet
from mailkeep.feed.services import Feeds
from mailkeep.feed.types import EventWebhookSettings, FeedSettings
from mailkeep.signals.services import Signals
from mailkeep.store.database import Database

from . import environment
from .settings import Settings


class SignalsParts(Protocol):
    """The parts of the application that the signals room is built of."""

    settings: Settings
    dev: bool
    keys: KeyRing
    signing: SigningKeys
    database: Database


def signals(parts: SignalsParts) -> Signals | None:
    """The transmitter of security events; None where the settings have none."""
    settings = parts.settings.signals
    if settings is None:
        return None
    issuer = parts.settings.public_url
    return Signals(parts.database, parts.keys, parts.signing, issuer, settings, loopback=parts.dev)


def feeds(settings: Settings, database: Database, environ: Mapping[str, str]) -> Feeds | None:
    """Who tells signals and incidents, and applications what became of messages; None where the
    settings have neither. Raises ``BadSettings`` for a secret that is not there."""
    if not settings.feed and not settings.event_webhook:
        return None
    outlets: dict[str, Outlet] = {}
    for one in settings.feed:
        what = f"feed {one.name}: secret"
        found = None if one.secret is None else environment.reveal(one.secret, what, environ)
        # Read-only commands run with an environment in which every secret is empty.
        secret = None if found is None else Secret(found)
        if found != "":
            outlets[one.name] = outlet(one, secret, database.clock)
    for hook in settings.event_webhook:
        secrets = signing_secrets(hook, environ)
        if secrets:
            outlets[hook.name] = event_webhook(hook, secrets, database.clock)
    every: tuple[FeedSettings | EventWebhookSettings, ...]
    every = (*settings.feed, *settings.event_webhook)
    return Feeds(database, every, outlets, alone=database.is_sqlite)


def feed_names(settings: Settings) -> list[str]:
    """The names of all feeds, webhooks of delivery events among them."""
    return [one.name for one in settings.feed] + [one.name for one in settings.event_webhook]


def signing_secrets(hook: EventWebhookSettings, environ: Mapping[str, str]) -> list[Secret]:
    """What signs delivery events, the newest first; none for who only reads, with an environment
    in which every secret is empty. Raises ``BadSettings`` for one that is not there."""
    out = []
    for field in ("secret", "former_secret"):
        where: str | None = getattr(hook, field)
        if where is not None:
            what = f"event_webhook {hook.name}: {field}"
            found = environment.reveal(where, what, environ)
            out += [Secret(found)] if found else []
    return out
