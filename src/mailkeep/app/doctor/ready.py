"""Finds providers for which no request could be built, by building one ahead of the first mail."""

from collections.abc import Mapping

from mailkeep.app import environment
from mailkeep.app.settings import ProviderSettings, Settings
from mailkeep.base.errors import BadSettings
from mailkeep.base.secret import Secret
from mailkeep.providers import registry
from mailkeep.providers.errors import MisconfiguredProvider
from mailkeep.providers.message import Address, OutgoingMessage
from mailkeep.providers.types import ProviderConfig


def unready(settings: Settings, environ: Mapping[str, str]) -> dict[str, str]:
    """By provider, why no request to it can be built; empty where one can. A provider whose secret
    cannot be read is left out: another check says so."""
    opening = {route.provider for one in settings.stream if one.secret for route in one.routes}
    found = {}
    for one in settings.provider:
        try:
            secret = environment.reveal(one.secret, "secret", environ) if one.secret else ""
        except BadSettings:
            continue
        found[one.name] = _why(one, secret, opens=one.name in opening)
    return found


def _why(one: ProviderSettings, secret: str, *, opens: bool) -> str:
    config = ProviderConfig(
        one.name, one.kind, one.base_url, Secret(secret), None, None, one.options, one.party
    )
    try:
        # Secret and ordinary mail have different requirements: TLS for the one, tracking for the
        # other.
        for kind in (False, True) if opens else (False,):
            registry.get(one.kind).build(config, _letter(secret=kind))
    except MisconfiguredProvider as error:
        return str(error)
    return ""


def _letter(*, secret: bool) -> OutgoingMessage:
    """A mail that goes nowhere."""
    return OutgoingMessage(
        id="doctor",
        attempt="doctor",
        stream="doctor",
        sender=Address("doctor@example.com"),
        to=Address("doctor@example.net"),
        reply_to=None,
        subject="doctor",
        text="doctor",
        html=None,
        headers=(),
        secret=secret,
        tags=(),
        metadata={},
    )
