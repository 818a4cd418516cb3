"""Builds incidents, response, security signals and feeds from the settings."""

from collections.abc import Mapping
from typing import Protocol

from mailkeep.accounts.services import Accounts
from mailkeep.base.keys import KeyRing
from mailkeep.base.secret import Secret
from mailkeep.base.signing import SigningKeys
from mailkeep.feed.outlets import Outlet, event_webhook, outlet
from mailkeep.feed.services import Feeds
from mailkeep.feed.types import EventWebhookSettings, FeedSettings
from mailkeep.incidents.services import Incidents
from mailkeep.mail.intake import Intake
from mailkeep.mail.types import StreamSettings
from mailkeep.providers import registry
from mailkeep.providers.keeping import keeps_days
from mailkeep.recovery.services import Recovery
from mailkeep.recovery.types import RecoverySettings
from mailkeep.response.actions.port import Means, NoticeSettings
from mailkeep.response.paging.types import Pager
from mailkeep.response.services import Response
from mailkeep.signals.services import Signals
from mailkeep.store.database import Database
from mailkeep.trust.graph import TrustGraph
from mailkeep.watch.levels import Level

from . import environment, leaving, observing, trusting
from .publishing import houses, published
from .rekeying import keyrings
from .settings import Settings


class Rooms(Protocol):
    """The rooms below, as the application has them."""

    settings: Settings
    database: Database
    streams: dict[str, StreamSettings]
    graph: TrustGraph
    intake: Intake
    accounts: Accounts
    recovery: Recovery | None
    incidents: Incidents
    signals: Signals | None
    pagers: tuple[Pager, ...]


def incidents(settings: Settings, database: Database) -> Incidents:
    """The incidents room, from the settings alone: read-only commands need no keys."""
    keeps = {
        one.name: keeps_days(one.options, registry.get(one.kind).capabilities)
        for one in settings.provider
    }
    house = leaving.suspects(settings, trusting.graph(settings, database.clock), keeps)
    return Incidents(database, house, settings.watch, settings.incidents)


class Household(Protocol):
    """What the signals room needs of the application."""

    settings: Settings
    dev: bool
    keys: KeyRing
    signing: SigningKeys
    database: Database


def signals(house: Household) -> Signals | None:
    """The transmitter of security events; None where the settings have none."""
    settings = house.settings.signals
    if settings is None:
        return None
    issuer = house.settings.public_url
    return Signals(house.database, house.keys, house.signing, issuer, settings, loopback=house.dev)


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


def told(settings: Settings) -> list[str]:
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


def response(rooms: Rooms) -> Response:
    """The response room over the rooms that it acts through."""
    settings = rooms.settings
    mails = settings.recovery or RecoverySettings()
    senders = [mails.sender] + ([settings.canary.sender] if settings.canary else [])
    means = Means(
        rooms.database,
        rooms.incidents.house,
        rooms.incidents,
        rooms.streams,
        rooms.intake,
        rooms.accounts,
        rooms.recovery,
        NoticeSettings(mails.sender, mails.sender_name, mails.notices, settings.public_url),
        settings.response,
        rooms.signals,
        published=published(settings.provider, senders, houses(settings.party)),
        keyrings=keyrings(settings.provider),
        acts=observing.level(settings) is not Level.OBSERVE,
    )
    return Response(means, settings.playbook, rooms.pagers, settings.paging)
