"""Builds incidents and response from the settings."""

from typing import Protocol

from mailkeep.accounts.services import Accounts
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

from . import left_providers, wiring_observation, wiring_trust
from .provider_dns_records import houses, published
from .provider_keys import keyrings
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
    house = left_providers.suspects(settings, wiring_trust.graph(settings, database.clock), keeps)
    return Incidents(database, house, settings.watch, settings.incidents)


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
        acts=wiring_observation.level(settings) is not Level.OBSERVE,
    )
    return Response(means, settings.playbook, rooms.pagers, settings.paging)
