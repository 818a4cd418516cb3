"""Resolves every secret that the settings name, and gathers what is missing or malformed.

Security: findings name tables, variables and files, never what they hold.
"""

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import msgspec

from mailkeep.app import audit_anchors, environment, wiring_pagers
from mailkeep.app.audit_anchors import AuditSettings
from mailkeep.app.settings import Settings
from mailkeep.app.telemetry.settings import heartbeat
from mailkeep.base.errors import BadSettings
from mailkeep.base.secret import Secret
from mailkeep.feed import signing
from mailkeep.response.paging.types import PagerSettings
from mailkeep.smtp.tls import Certificate

from .types import SecretFact


class _Named(msgspec.Struct, frozen=True):
    """A secret that a table names, where it is, and the function that uses it at the start."""

    table: str
    name: str
    field: str
    where: str | None
    take: Callable[[Secret], object] = lambda found: found


def wrong(settings: Settings, environ: Mapping[str, str]) -> tuple[SecretFact, ...]:
    """Every secret that the settings name, each with what is wrong with it."""
    found = []
    for one in _named(settings, environ):
        if one.where is not None:
            fact = SecretFact(one.table, one.name, one.field)
            said = _wrong(one, one.where, environ).removeprefix(f"{fact.about}: ")
            found.append(msgspec.structs.replace(fact, wrong=said))
    return (*found, *_files(settings))


def _named(settings: Settings, environ: Mapping[str, str]) -> Iterator[_Named]:
    """All of them but the database's URL, which the database check tests."""
    for provider in settings.provider:
        for field in ("secret", "webhook_secret", "manager"):
            yield _Named("provider", provider.name, field, getattr(provider, field))
    for account in () if settings.posture is None else settings.posture.account:
        for field in ("secret", "account_secret"):
            yield _Named("posture.account", account.name, field, getattr(account, field))
    for mailbox in () if settings.canary is None else settings.canary.mailbox:
        if mailbox.imap is not None:
            yield _Named("canary.mailbox", mailbox.name, "imap.secret", mailbox.imap.secret)
    if settings.operators is not None:
        yield _Named("operators", "", "client_secret", settings.operators.client_secret)
    for pager in settings.pager:
        yield _Named("pager", pager.name, "url", pager.url, _ringing(pager, environ))
    yield from _telling(settings)
    for place in settings.audit.anchors:
        if place.startswith("webhook:"):
            alone = msgspec.structs.replace(settings.audit, anchors=(place,))
            where = place.removeprefix("webhook:")
            yield _Named("audit", "", "anchors", where, _anchoring(alone, environ))
    yield _Named("telemetry", "", "heartbeat_url", settings.telemetry.heartbeat_url, heartbeat)


def _telling(settings: Settings) -> Iterator[_Named]:
    for feed in settings.feed:
        yield _Named("feed", feed.name, "secret", feed.secret, signing.key)
    for hook in settings.event_webhook:
        for field in ("secret", "former_secret"):
            where = getattr(hook, field)
            yield _Named("event_webhook", hook.name, field, where, signing.key)


def _ringing(one: PagerSettings, environ: Mapping[str, str]) -> Callable[[Secret], object]:
    return lambda _: wiring_pagers.pagers((one,), environ)


def _anchoring(alone: AuditSettings, environ: Mapping[str, str]) -> Callable[[Secret], object]:
    return lambda _: audit_anchors.places(alone, environ)


def _wrong(one: _Named, where: str, environ: Mapping[str, str]) -> str:
    try:
        found = environment.reveal(where, one.field, environ)
        if found:
            one.take(Secret(found))
    except BadSettings as error:
        return str(error)
    return "" if found else f"{one.field} is empty"


def _files(settings: Settings) -> Iterator[SecretFact]:
    """Of the one secret whose file stands in the settings itself: the certificate's key."""
    door = settings.submission
    if door is None or not door.certificate:
        return
    said = ""
    try:
        Certificate(Path(door.certificate), Path(door.private_key))
    except BadSettings as error:
        said = str(error)
    yield SecretFact("submission", "", "private_key", said)
