"""The interface that entry points need of a running Mailkeep; ``app.Application`` implements it."""

from typing import Any, Protocol

import msgspec
from litestar import Request
from litestar.datastructures import State
from litestar.params import SkipValidation

from mailkeep.accounts.services import Accounts
from mailkeep.base.keys import KeyRing
from mailkeep.base.signing import SigningKeys
from mailkeep.cutover.checklist import Leaving
from mailkeep.cutover.looks import Seen
from mailkeep.cutover.offboarding import Offboarding, OffboardingView
from mailkeep.cutover.services import Cutover
from mailkeep.events.anchors import Anchor
from mailkeep.incidents.services import Incidents
from mailkeep.mail.api_keys import Grants
from mailkeep.mail.claims import Claims
from mailkeep.mail.dispatch import Dispatcher
from mailkeep.mail.intake import Intake
from mailkeep.mail.journal import Journal
from mailkeep.mail.taking import Taking
from mailkeep.mail.types import StreamSettings
from mailkeep.operators.provider import Provider
from mailkeep.posture.ready import Ready
from mailkeep.privacy.services import Privacy
from mailkeep.providers.posture.types import AccountConfig
from mailkeep.providers.types import ProviderConfig
from mailkeep.recovery.services import Recovery
from mailkeep.response.services import Response
from mailkeep.signals.services import Signals
from mailkeep.store.database import Database, Tx
from mailkeep.store.shared import SharedCommit
from mailkeep.watch.abuse import Abuse
from mailkeep.watch.consoles import Consoles
from mailkeep.watch.reports import Reports

from .client import Network


class Telemetry(Protocol):
    """The process's metrics, and the networks that may read them without a key."""

    networks: tuple[Network, ...]

    async def exposition(self, accept: str) -> tuple[bytes, str]: ...

    def checks(self) -> dict[str, bool]: ...

    def request(self, route: str, method: str, status: int) -> None: ...


class Anchored(Protocol):
    """The places where heads of the audit chain are anchored."""

    every: int  # microseconds between two

    @property
    def named(self) -> tuple[str, ...]: ...

    async def kept(self) -> list[Anchor] | None: ...


class Ticks(Protocol):
    """What is known of a provider that is left, and what is seen of the items of its list."""

    async def known(self, tx: Tx, provider: str) -> Leaving: ...

    async def look(self, view: OffboardingView, item: str) -> Seen: ...


#: A request as the framework hands it in; no user or session of the framework's own is used.
Incoming = Request[Any, Any, State]


class StandInView(msgspec.Struct, frozen=True):
    """A stand-in provider of development mode, with the address of its control port."""

    name: str
    control: str


class Services(Protocol):
    """The services behind the entry points."""

    dev: bool
    standins: tuple[StandInView, ...]  # of development mode; empty in production
    public_url: str
    trusted_proxies: tuple[Network, ...]
    country_header: str
    keys: KeyRing
    signing: SigningKeys
    grants: Grants
    database: Database
    shared: SharedCommit
    streams: dict[str, StreamSettings]
    providers: dict[str, ProviderConfig]
    accounts_read: dict[str, AccountConfig]  # our accounts at providers that are read
    intake: Intake
    taking: Taking
    claims: Claims
    dispatcher: Dispatcher
    accounts: Accounts
    recovery: Recovery | None
    incidents: Incidents
    cutover: Cutover
    leaving: Offboarding
    response: Response
    reports: Reports
    abuse: Abuse
    consoles: Consoles
    journal: Journal | None
    trust: Ready  # answers about the chain of trust
    privacy: Privacy
    signals: Signals | None
    openid: Provider | None  # by which operators come to the console

    @property
    def looking(self) -> bool: ...  # names like ours are looked up

    @property
    def anchors(self) -> Anchored: ...

    @property
    def ticking(self) -> Ticks: ...

    @property
    def telemetry(self) -> Telemetry: ...


#: As handlers ask for them. To check a protocol member by member for each request, as the framework
#: would, takes longer than to decode a message.
Running = SkipValidation[Services]
