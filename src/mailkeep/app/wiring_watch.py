"""Checks the settings ``[canary]``, ``[[honey]]`` and ``[watch.…]``, and builds what uses them."""

import asyncio
import random
from collections.abc import Mapping, Sequence
from functools import partial
from math import isfinite
from typing import Protocol

import msgspec

from mailkeep.base import addresses
from mailkeep.base.errors import BadSettings, Invalid
from mailkeep.base.keys import KeyRing
from mailkeep.base.loops import Loop
from mailkeep.base.secret import Secret
from mailkeep.base.wording import nearest
from mailkeep.cutover.types import Left
from mailkeep.events import turns
from mailkeep.events.log import record
from mailkeep.mail import families
from mailkeep.mail.intake import Intake
from mailkeep.mail.types import StreamSettings
from mailkeep.providers.types import ProviderConfig
from mailkeep.recovery.services import Recovery
from mailkeep.store.database import Database
from mailkeep.watch import letters, marks, signatures
from mailkeep.watch.canaries import Canaries
from mailkeep.watch.collectors import Collector
from mailkeep.watch.collectors.volume import Volume
from mailkeep.watch.decoys import Decoys
from mailkeep.watch.honey import HoneyMail
from mailkeep.watch.mailbox_types import CanaryMailbox, ImapSettings
from mailkeep.watch.mailboxes import Mailboxes
from mailkeep.watch.report_types import (
    DmarcStrangerSettings,
    LookalikeSettings,
    ReportSettings,
)
from mailkeep.watch.types import (
    OURS,
    CanarySettings,
    HoneyAccount,
    HoneyAddress,
    WatchSettings,
)

from . import environment, provider_keys, provider_limits
from .loops import Keep


class Carrier(Protocol):
    """A provider as far as it is watched."""

    @property
    def name(self) -> str: ...

    @property
    def options(self) -> dict[str, str]: ...


class Watched(Protocol):
    """The settings as far as they are about watching."""

    @property
    def canary(self) -> CanarySettings | None: ...

    @property
    def honey(self) -> tuple[HoneyAddress, ...]: ...

    @property
    def watch(self) -> WatchSettings: ...

    @property
    def lookalikes(self) -> LookalikeSettings | None: ...

    @property
    def reports(self) -> ReportSettings: ...

    @property
    def provider(self) -> Sequence[Carrier]: ...

    @property
    def left(self) -> Sequence[Left]: ...

    @property
    def public_url(self) -> str: ...

    def streams(self) -> dict[str, StreamSettings]: ...

    def provider_names(self) -> set[str]: ...


class Watching(Protocol):
    """The part of the application that watching needs."""

    @property
    def settings(self) -> Watched: ...

    @property
    def database(self) -> Database: ...

    @property
    def keys(self) -> KeyRing: ...

    @property
    def intake(self) -> Intake: ...

    @property
    def providers(self) -> Mapping[str, ProviderConfig]: ...

    @property
    def recovery(self) -> Recovery | None: ...


def check(settings: Watched) -> tuple[CanarySettings | None, tuple[HoneyAddress, ...]]:
    """The canaries and the honey with their addresses in canonical form. Raises ``BadSettings``."""
    _reports(settings.reports, settings.provider_names())
    if settings.lookalikes is not None and not 1 <= settings.lookalikes.per_day <= 20_000:
        raise BadSettings("lookalikes: per_day must be 1 to 20000 names")
    for name in WatchSettings.__struct_fields__:
        _positive(getattr(settings.watch, name), f"watch.{name}")
    honey = tuple(_honey(one, settings) for one in settings.honey)
    known = [one.address for one in honey]
    for address in known:
        if known.count(address) > 1:
            # Two providers would know the address, and a use of it would point to neither.
            raise BadSettings("honey: an address is given twice")
    if honey and settings.canary is None:
        raise BadSettings("honey: [canary] is missing, whose sender and stream seed the addresses")
    canary = None if settings.canary is None else _canary(settings.canary, settings)
    return canary, honey


def carriers(settings: Watched) -> frozenset[str]:
    """Providers through which canaries can go: those of their stream."""
    if settings.canary is None:
        return frozenset()
    stream = settings.streams()[settings.canary.stream]
    return frozenset(route.provider for route in stream.routes)


def reserved(settings: Watched) -> dict[str, str]:
    """Honey addresses and the one provider that each may be given to."""
    return {one.address: one.provider for one in settings.honey}


def seeded(settings: Watched) -> tuple[HoneyAddress, ...]:
    """Those that our mail seeds; of a provider that carries nothing any more they only listen."""
    carry = carriers(settings)
    return tuple(one for one in settings.honey if one.provider in carry)


def detectors(settings: Watched, keys: KeyRing) -> WatchSettings:
    """The detectors' settings, with the honey addresses under the names that facts have."""
    accounts = tuple(
        HoneyAccount(keys.pseudonym("address", one.address), one.provider) for one in settings.honey
    )
    honey = settings.watch.honey_account
    named = msgspec.structs.replace(honey, accounts=(*honey.accounts, *accounts))
    return msgspec.structs.replace(
        settings.watch, honey_account=named, dmarc_stranger=_stranger(settings)
    )


def _stranger(settings: Watched) -> DmarcStrangerSettings:
    """With the selectors that we published, and the reporters that are believed."""
    ours = dict.fromkeys((one.lower() for one in settings.reports.selectors), "")
    theirs = {
        selector.lower(): one.name
        for one in settings.provider
        if (selector := one.options.get("dkim_selector", "").strip())
    }
    return msgspec.structs.replace(
        settings.watch.dmarc_stranger,
        selectors={**ours, **theirs, **settings.watch.dmarc_stranger.selectors},
        believe=settings.reports.believe,
    )


def canaries(app: Watching, signed: signatures.Signatures | None = None) -> Canaries | None:
    """The sender of canaries, where they are set; of decoys, where accounts are recovered."""
    settings, recovery = app.settings, app.recovery
    if settings.canary is None:
        return None
    carry, decoys = carriers(settings), None
    if recovery is not None:
        sender = addresses.domain(recovery.settings.sender)
        decoys = Decoys(recovery.settings.stream, recovery.carriers, (sender,), recovery.decoy)
    return Canaries(
        app.database,
        app.keys,
        app.intake,
        settings.canary,
        honey=seeded(settings),
        public_url=settings.public_url,
        providers={name: one for name, one in app.providers.items() if name in carry},
        decoys=decoys,
        signatures=signed,
    )


def honey_mail(app: Watching) -> HoneyMail:
    """The recorder of mail to honey addresses."""
    canary = app.settings.canary
    domains = [] if canary is None else [addresses.domain(canary.sender)]
    return HoneyMail(app.database, app.keys, app.settings.honey, domains)


def beside(
    keep: Keep,
    database: Database,
    providers: dict[str, ProviderConfig],
    tables: tuple[provider_keys.Keyed, ...],
    counted: Mapping[str, ProviderConfig],
) -> dict[str, Loop]:
    """The collectors' loops, by name. ``counted``: providers with the keys for asking how much they
    sent."""
    look = partial(provider_keys.look, providers, tables)
    return {
        "collect": collect(keep, database, counted),
        "secrets": keep("secrets", look, provider_keys.SECONDS),
    }


async def collect(keep: Keep, database: Database, providers: Mapping[str, ProviderConfig]) -> None:
    """Poll each collector for ever, at its own pace, and record what it returns."""
    collectors: Sequence[Collector] = [Volume(database, providers, provider_limits.carry)]

    async def ask(one: Collector) -> None:
        turn = await turns.taken(database, f"collect {one.name}", one.seconds * turns.EARLY)
        facts = () if turn is None else await one.collect()
        if turn is not None and facts:
            async with database.write() as tx:
                if await turns.mine(tx, turn):
                    await record(database, tx, *facts)

    async def run(one: Collector) -> None:
        # Spread out, so that processes that start together do not all ask at once, nor at their
        # start.
        await asyncio.sleep(random.SystemRandom().uniform(0.1, 1.0) * one.seconds)
        await keep("collect", partial(ask, one), one.seconds, of=one.name)

    async with asyncio.TaskGroup() as group:
        for one in collectors:
            group.create_task(run(one))


def address(listen: str, table: str = "canary") -> tuple[str, int]:
    """(host, port) of ``host:port``, said in a table. Raises ``BadSettings``."""
    host, _, port = listen.rpartition(":")
    if not host or not port.isdigit() or not 0 < int(port) < 65_536:
        raise BadSettings(f"{table}: listen must be host:port, not {listen!r}")
    return host.strip("[]"), int(port)


def _canary(canary: CanarySettings, settings: Watched) -> CanarySettings:
    try:
        domain = addresses.domain(addresses.parse(f"x@{canary.domain}"))
        sender = addresses.parse(canary.sender)
    except Invalid as error:
        raise BadSettings("canary: domain or sender cannot be in an address") from error
    stream = settings.streams().get(canary.stream)
    if stream is None:
        known = set(settings.streams())
        raise BadSettings(f"canary: no stream {canary.stream!r}" + nearest(canary.stream, known))
    if stream.secret:
        raise BadSettings("canary: its stream must not be a secret one; nothing in it is secret")
    if canary.decoys and canary.decoys < 60:
        raise BadSettings("canary: decoys must be 60 seconds at least, or 0 for none")
    if canary.interval < 1:
        raise BadSettings("canary: interval must be 1 second at least")
    if canary.listen:
        address(canary.listen)
    used = {route.provider for one in settings.streams().values() for route in one.routes}
    for one in settings.honey:
        if addresses.domain(one.address.lower()) == domain:
            raise BadSettings("honey: an address at the canaries' domain is no account's")
        # One that carries nothing at all is being left, or was: it knows the address already.
        if one.provider in used - {route.provider for route in stream.routes}:
            raise BadSettings(f"honey: {one.provider} is no route of the stream {stream.name}")
    allow = tuple(one.lower() for one in canary.allow)
    _letters(msgspec.structs.replace(canary, domain=domain, sender=sender, allow=allow), settings)
    mailbox = tuple(_mailbox(one, domain) for one in canary.mailbox)
    for what in ("name", "arrives_as", "address"):
        values = [value for one in mailbox if (value := getattr(one, what))]
        if len(set(values)) < len(values):
            raise BadSettings(f"canary.mailbox: two have the same {what}")
    return msgspec.structs.replace(
        canary, domain=domain, sender=sender, allow=allow, mailbox=mailbox
    )


def _letters(canary: CanarySettings, settings: Watched) -> None:
    for number, letter in enumerate(canary.letter, start=1):
        if why := letters.wrong(letter, marks.own(canary, settings.public_url)):
            raise BadSettings(f"canary.letter {number}: {why}")


def _mailbox(mailbox: CanaryMailbox, domain: str) -> CanaryMailbox:
    """One with its addresses in canonical form and a name."""
    if (mailbox.imap is None) != bool(mailbox.arrives_as):
        raise BadSettings("canary.mailbox: say arrives_as where it forwards, or how to read it")
    try:
        given = addresses.parse(mailbox.address)
        arrives = mailbox.arrives_as and addresses.key(addresses.parse(mailbox.arrives_as))
    except Invalid as error:
        raise BadSettings("canary.mailbox: address or arrives_as is not a mail address") from error
    if arrives and addresses.domain(arrives) != domain:
        raise BadSettings("canary.mailbox: arrives_as is not at the canaries' domain")
    if addresses.domain(addresses.key(given)) == domain:
        raise BadSettings("canary.mailbox: address is at the canaries' domain, where all arrives")
    name = mailbox.name or families.of(given)
    if name in OURS or len(name) > 40 or not name.replace("-", "").isalnum():
        raise BadSettings("canary.mailbox: name is a word of letters, digits and '-', not 'own'")
    if not mailbox.interval >= 60:
        raise BadSettings("canary.mailbox: interval must be 60 seconds at least")
    how = mailbox.imap
    if how is not None:
        _imap(how, f"canary.mailbox {name}: imap")
    allow = tuple(one.lower() for one in mailbox.allow)
    return msgspec.structs.replace(
        mailbox, address=given, arrives_as=arrives, name=name, allow=allow
    )


def _imap(how: ImapSettings, where: str) -> None:
    if not how.host or any(one.isspace() or one in "/@:" for one in how.host):
        raise BadSettings(f"{where}: host is the name of a server")
    if not 0 <= how.port < 65_536:
        raise BadSettings(f"{where}: port must be 1 to 65535")
    if not how.poll >= 5 or not 1 <= how.timeout <= 120:
        raise BadSettings(f"{where}: poll must be 5 seconds at least, timeout 1 to 120")
    if not how.secret.startswith(("env:", "file:")):
        raise BadSettings(f"{where}: secret: say env:NAME or file:PATH, not the secret itself")


def mailboxes(
    app: Watching, canaries: Canaries | None, environ: Mapping[str, str]
) -> Mailboxes | None:
    """The reader of canary mailboxes hosted elsewhere; None where there is none. Raises
    ``BadSettings`` for a password that is not there."""
    settings = app.settings.canary
    if settings is None or canaries is None:
        return None
    secrets = {
        one.name: Secret(environment.reveal(one.imap.secret, f"canary.mailbox {one.name}", environ))
        for one in settings.mailbox
        if one.imap is not None
    }
    return Mailboxes(app.database, canaries, settings.mailbox, secrets) if secrets else None


def _reports(reports: ReportSettings, providers: set[str]) -> None:
    for name in (*reports.senders, *reports.status, *reports.components):
        if name not in providers:
            raise BadSettings(f"reports: no provider {name!r}" + nearest(name, providers))
    for url in reports.status.values():
        if not url.startswith(("https://", "http://127.0.0.1:", "http://localhost:")):
            raise BadSettings("reports: status: say https://…")
    for field, values in (
        ("address", (reports.address,) if reports.address else ()),
        ("notices", (reports.notices,) if reports.notices else ()),
        ("abuse", (reports.abuse,) if reports.abuse else ()),
        ("domains", tuple(f"x@{one}" for one in reports.domains)),
        ("believe", tuple(f"x@{one}" for one in reports.believe)),
    ):
        for one in values:
            try:
                addresses.parse(one)
            except Invalid as error:
                raise BadSettings(f"reports: {field}: {one.removeprefix('x@')!r}") from error
    named = [addresses.key(one) for one in (reports.address, reports.notices, reports.abuse) if one]
    if len(set(named)) < len(named):
        raise BadSettings("reports: address, notices and abuse must be three addresses")
    if reports.listen:
        address(reports.listen, "reports")
    if reports.per_day < 1:
        raise BadSettings("reports: per_day must be 1 at least")


def _honey(honey: HoneyAddress, settings: Watched) -> HoneyAddress:
    names = settings.provider_names() | {one.name for one in settings.left}
    if honey.provider not in names:
        near = nearest(honey.provider, names)
        raise BadSettings(f"honey: no provider {honey.provider!r}, nor [[left]] of that name{near}")
    try:
        parsed = addresses.parse(honey.address)
    except Invalid as error:
        raise BadSettings("honey: not a mail address") from error
    return msgspec.structs.replace(honey, address=addresses.key(parsed))


def _positive(table: msgspec.Struct, where: str) -> None:
    if where == "watch.correlation":  # log odds may be below 0
        return
    for name in table.__struct_fields__:
        value = getattr(table, name)
        if isinstance(value, int | float) and not (isfinite(value) and value > 0):
            raise BadSettings(f"{where}: {name} must be above 0")
