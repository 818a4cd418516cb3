"""Reads and checks ``mailkeep.toml``, with secrets from the environment or from files.

An unknown key is an error that suggests the nearest valid one: a mistyped setting that is silently
ignored is a protection that is silently missing.
"""

import os
import tomllib
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import urlsplit

import msgspec

from mailkeep.accounts import language
from mailkeep.accounts.classes import Classes
from mailkeep.accounts.language import LanguageSettings
from mailkeep.accounts.types import AccountsTable
from mailkeep.base.errors import BadSettings, Invalid
from mailkeep.base.secret import Secret
from mailkeep.base.wording import nearest
from mailkeep.cutover.types import Left
from mailkeep.feed import types as feed_types
from mailkeep.feed.types import EventWebhookSettings, FeedSettings
from mailkeep.http import client
from mailkeep.incidents.types import IncidentSettings
from mailkeep.mail import types as mail_types
from mailkeep.mail.types import BounceSettings, JournalSettings, Keeping, StreamSettings
from mailkeep.operators import types as operator_types
from mailkeep.operators.types import OperatorSettings
from mailkeep.posture import types as posture_types
from mailkeep.posture.types import TrustSettings
from mailkeep.privacy import types as privacy_types
from mailkeep.privacy.types import PrivacySettings
from mailkeep.providers import registry
from mailkeep.providers.errors import MisconfiguredProvider, UnknownProvider
from mailkeep.providers.types import ProviderConfig
from mailkeep.recovery.types import RecoverySettings
from mailkeep.response.paging.types import PagerSettings, PagingSettings
from mailkeep.response.types import PlaybookSettings, ResponseSettings
from mailkeep.signals import types as signal_types
from mailkeep.signals.types import SignalSettings
from mailkeep.smtp import types as smtp_types
from mailkeep.smtp.types import SubmissionSettings
from mailkeep.store.database import PATIENCE
from mailkeep.trust import register
from mailkeep.watch.console_types import ConsoleLog
from mailkeep.watch.levels import Level
from mailkeep.watch.report_types import LookalikeSettings, ReportSettings
from mailkeep.watch.types import (
    CanarySettings,
    HoneyAddress,
    PostureSettings,
    WatchSettings,
)

from . import (
    audit_anchors,
    environment,
    left_providers,
    provider_keys,
    retention,
    settings_mistyped,
    settings_recovery,
    settings_response,
    wiring_observation,
    wiring_pagers,
    wiring_posture,
    wiring_watch,
)
from .audit_anchors import AuditSettings
from .retention import RetentionSettings
from .telemetry import settings as telemetry
from .telemetry.settings import TelemetrySettings

_DATABASES = ("sqlite:///", "postgresql://")


class ProviderSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A ``[[provider]]`` table.

    ``secret`` and ``webhook_secret`` say where the secret is: ``env:NAME`` or ``file:PATH``. A
    secret written into the file itself is refused (ASVS 13.3.1). ``manager``: likewise, of the key
    that makes and revokes keys, where ``options.keys`` names an API for it.
    """

    name: str
    kind: str
    party: str
    secret: str | None = None
    webhook_secret: str | None = None
    webhook_url: str | None = None
    base_url: str = ""
    manager: str | None = None
    options: dict[str, str] = {}


class Settings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The whole file.

    Attributes:
        level: how much goes through us; without it, as far as the other tables lead.
        public_url: under which people and providers reach the pages and webhooks.
        trusted_proxies: networks of our own reverse proxies, whose ``X-Forwarded-For`` is believed.
        country_header: header in which they tell a visitor's country, if one does.
        database: ``sqlite:///…`` or ``postgresql://…``, or where such a URL is: ``env:NAME``,
            ``file:PATH``; empty means a file in the home directory.
        database_patience: seconds in which PostgreSQL has to answer before it counts as away.
        keep_unconfirmed: seconds for which an ordinary body is kept until a delivery is reported.
        keep_doubted: seconds for which a body is kept while something speaks against the provider
            that has the mail.
        keep_given_up: seconds, after its time is over, for which an ordinary message that was given
            up can still be requeued by hand.
        recovery: Mailkeep keeps the accounts: their pages exist when this table does.
        accounts: what holds for the accounts that Mailkeep keeps.
        languages: in which their owners are written to.
        bounces: where bounces of relays are taken in.
        canary: mail of our own through every provider; none is sent without it.
        honey: addresses that one provider each is ever given; needs ``canary``, whose sender and
            stream seed them.
        retention: days for which each class of rows is kept.
        audit: where heads of the audit chain are taken.
        privacy: how erasures wait, and how much may be handed out in a day.
        posture: our accounts at providers are read, and compared with what they were; none is
            without this table.
        lookalikes: names that look like our domains are looked up; none is without this table.
        reports: what receivers, providers and people tell us of our mail.
        console_log: audit logs of other houses, which tell who signs in to our accounts there.
        journal: applications say what they sent by themselves.
        watch: settings of the detectors and of the correlation, a table each.
        playbook: what to do about a hypothesis; replaces the default for it.
        pager: who is woken when an incident opens; nobody without one.
        paging: how often, and for how long.
        telemetry: who may read the metrics, and who is told that we live.
        signals: other services are told of security events; no receiver is heard without this
            table.
        feed: where signals and incidents are told as lines of JSON.
        event_webhook: applications that are told what became of messages.
        trust: single points that are borne, and how often parties are looked at again.
        left: providers that were left for good.
        submission: applications hand mail in by SMTP; nothing listens for it without this table.
        operators: people sign in to the console with an OpenID provider.
    """

    level: Level | None = None
    public_url: str = "http://localhost:8025"
    trusted_proxies: tuple[str, ...] = ()
    country_header: str = ""
    database: str = ""
    database_patience: float = PATIENCE
    keep_unconfirmed: float = 3600.0
    keep_doubted: float = 86_400.0
    keep_given_up: float = 604_800.0
    provider: tuple[ProviderSettings, ...] = ()
    stream: tuple[StreamSettings, ...] = ()
    party: tuple[dict[str, object], ...] = ()
    recovery: RecoverySettings | None = None
    accounts: AccountsTable = AccountsTable()
    bounces: BounceSettings = BounceSettings()
    canary: CanarySettings | None = None
    honey: tuple[HoneyAddress, ...] = ()
    posture: PostureSettings | None = None
    lookalikes: LookalikeSettings | None = None
    reports: ReportSettings = ReportSettings()
    console_log: tuple[ConsoleLog, ...] = ()
    journal: JournalSettings | None = None
    watch: WatchSettings = WatchSettings()
    retention: RetentionSettings = RetentionSettings()
    privacy: PrivacySettings = PrivacySettings()
    audit: AuditSettings = AuditSettings()
    incidents: IncidentSettings = IncidentSettings()
    response: ResponseSettings = ResponseSettings()
    playbook: tuple[PlaybookSettings, ...] = ()
    pager: tuple[PagerSettings, ...] = ()
    paging: PagingSettings = PagingSettings()
    telemetry: TelemetrySettings = TelemetrySettings()
    submission: SubmissionSettings | None = None
    signals: SignalSettings | None = None
    languages: LanguageSettings = LanguageSettings()
    operators: OperatorSettings | None = None
    feed: tuple[FeedSettings, ...] = ()
    event_webhook: tuple[EventWebhookSettings, ...] = ()
    trust: TrustSettings = TrustSettings()
    left: tuple[Left, ...] = ()

    def streams(self) -> dict[str, StreamSettings]:
        return {stream.name: stream for stream in self.stream}

    def keeping(self) -> Keeping:
        """How long bodies are kept."""
        streams = {one.name: one.keep for one in self.stream if one.keep is not None}
        return Keeping(self.keep_unconfirmed, self.keep_given_up, self.keep_doubted, streams)

    def listens(self) -> list[tuple[str, int]]:
        """The addresses on which mail from outside is received, each once. Raises
        ``BadSettings``."""
        canary = "" if self.canary is None else self.canary.listen
        copies = None if self.journal is None else self.journal.copies
        places = [
            wiring_watch.address(one, what)
            for one, what in (
                (canary, "canary"),
                ("" if copies is None else copies.listen, "journal.copies"),
                (self.bounces.listen, "bounces"),
                (self.reports.listen, "reports"),
            )
            if one
        ]
        return list(dict.fromkeys(places))

    def proxies(self) -> tuple[client.Network, ...]:
        """The networks of ``trusted_proxies``. Raises ``BadSettings``."""
        try:
            return client.networks(self.trusted_proxies)
        except Invalid as error:
            raise BadSettings(f"trusted_proxies: {error}") from error

    def provider_names(self) -> set[str]:
        return {one.name for one in self.provider}

    def database_url(self, home: Path, environ: Mapping[str, str] = os.environ) -> str:
        """Where the database is; may hold a password. Raises ``BadSettings``."""
        url = self.database or f"sqlite:///{home / 'mailkeep.db'}"
        if url.startswith(("env:", "file:")):
            url = environment.reveal(url, "database", environ)
        if not url.startswith(_DATABASES):
            raise BadSettings("database: say sqlite:///PATH or postgresql://…")
        return url


def load(path: Path, environ: Mapping[str, str] = os.environ) -> Settings:
    """Read and check a settings file, overridden by the environment.

    Without a file the environment alone will do, when it says anything.

    Raises:
        BadSettings: it cannot be read, or says something that cannot be.
    """
    raw: dict[str, object] = {}
    if path.exists() or not environment.given(environ, Settings):
        try:
            raw = tomllib.loads(path.read_text())
        except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
            raise BadSettings(f"{path}: {error}") from error
    return parse(environment.overlay(raw, environ, Settings))


def of_development(raw: Mapping[str, object]) -> Settings:
    """The settings of development mode, overridden by the environment."""
    return parse(environment.overlay(raw, os.environ, Settings))


def parse(raw: Mapping[str, object]) -> Settings:
    """Check settings that were read from a file. Raises ``BadSettings``."""
    try:
        settings = msgspec.convert(raw, Settings)
    except msgspec.ValidationError as error:
        raise BadSettings(settings_mistyped.corrected(str(error), Settings)) from error
    if settings.database and not settings.database.startswith((*_DATABASES, "env:", "file:")):
        raise BadSettings("database: say sqlite:///PATH, postgresql://…, env:NAME or file:PATH")
    if not 0.1 <= settings.database_patience <= 600:
        raise BadSettings("database_patience: say 0.1 to 600 seconds")
    if urlsplit(settings.public_url).scheme not in {"http", "https"}:
        raise BadSettings("public_url: say http://HOST or https://HOST")
    _unique("provider", [one.name for one in settings.provider])
    _unique("stream", [one.name for one in settings.stream])
    settings.proxies()
    settings.listens()
    retention.check(settings.retention)
    privacy_types.check(settings.privacy)
    audit_anchors.check(settings.audit)
    telemetry.check(settings.telemetry)
    parties = register.load(settings.party)
    posture_types.check(settings.trust, parties)
    left_providers.check(settings, parties)
    for provider in settings.provider:
        register.require(parties, provider.party, where=f"provider {provider.name}: party")
        provider_keys.check(provider)
        try:
            registry.check(provider.kind, provider.options)
        except (UnknownProvider, MisconfiguredProvider) as error:
            raise BadSettings(f"provider {provider.name}: {error}") from error
    settings_recovery.check(settings)
    Classes(settings.accounts.classes)
    if settings.languages != LanguageSettings():
        language.load(settings.languages)
    settings_response.check(settings)
    wiring_pagers.check(settings.pager, settings.paging, parties)
    _check_streams(settings)
    if settings.submission is not None:
        smtp_types.check(settings.submission, settings.streams())
    if settings.signals is not None:
        signal_types.check(settings.signals)
    if settings.operators is not None:
        operator_types.check(settings.operators)
    _unique("feed", [one.name for one in settings.feed])
    feed_types.check(settings.feed)
    feed_types.check_webhooks(settings.event_webhook, settings.streams(), settings.feed)
    canary, honey = wiring_watch.check(settings)
    wiring_posture.check(settings)
    wiring_observation.check(settings)
    for provider in settings.provider:
        bounces = provider.options.get("return_path_domain", "").strip().lower()
        if provider.kind == "smtp" and canary is not None and bounces == canary.domain:
            raise BadSettings(
                f"provider {provider.name}: return_path_domain is the canaries': nothing else comes"
                " to that domain; take another one"
            )
    return msgspec.structs.replace(settings, canary=canary, honey=honey)


def _check_streams(settings: Settings) -> None:
    names = settings.provider_names()
    for stream in settings.stream:
        for route in stream.routes:
            if route.provider not in names:
                raise BadSettings(
                    f"stream {stream.name}: no provider {route.provider!r}"
                    + nearest(route.provider, names)
                )
        mail_types.check(stream)


def provider_configs(
    settings: Settings, environ: Mapping[str, str] = os.environ
) -> dict[str, ProviderConfig]:
    """The providers with their secrets. Raises ``BadSettings`` for one that is not there."""
    return {
        one.name: ProviderConfig(
            name=one.name,
            kind=one.kind,
            base_url=one.base_url,
            secret=_secret(one.secret, f"provider {one.name}: secret", environ) or Secret(""),
            webhook_secret=_secret(
                one.webhook_secret, f"provider {one.name}: webhook_secret", environ
            ),
            webhook_url=one.webhook_url or f"{settings.public_url.rstrip('/')}/hooks/{one.name}",
            options=one.options,
            party=one.party,
        )
        for one in settings.provider
    }


def heartbeat_url(settings: Settings, environ: Mapping[str, str] = os.environ) -> Secret | None:
    """Where the heartbeat goes. Raises ``BadSettings``, which does not show it."""
    found = _secret(settings.telemetry.heartbeat_url, "telemetry: heartbeat_url", environ)
    # Read-only commands run with an environment in which every secret is empty.
    return telemetry.heartbeat(found) if found is not None and found.reveal() else None


def _secret(where: str | None, what: str, environ: Mapping[str, str]) -> Secret | None:
    return None if where is None else Secret(environment.reveal(where, what, environ))


def _unique(what: str, names: list[str]) -> None:
    for name in names:
        if names.count(name) > 1:
            raise BadSettings(f"two tables of [[{what}]] are called {name!r}")
