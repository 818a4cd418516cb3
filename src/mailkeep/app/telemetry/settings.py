"""Settings ``[telemetry]`` of ``mailkeep.toml``."""

from math import isfinite
from urllib.parse import urlsplit

import msgspec

from mailkeep.base.errors import BadSettings, Invalid
from mailkeep.base.secret import Secret
from mailkeep.http import client

LOOPBACK = ("127.0.0.0/8", "::1/128")


class TelemetrySettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Who may read the metrics, and where heartbeats go.

    Attributes:
        networks: from where they are read without a key; others need one with the scope ``read``.
        heartbeat_url: where the URL is that is asked while all is well, ``env:NAME`` or
            ``file:PATH``: who has it can keep the alarm quiet.
        heartbeat_seconds: how often.
    """

    networks: tuple[str, ...] = LOOPBACK
    heartbeat_url: str | None = None
    heartbeat_seconds: float = 60.0


def networks(settings: TelemetrySettings) -> tuple[client.Network, ...]:
    """The networks. Raises ``BadSettings``."""
    try:
        return client.networks(settings.networks)
    except Invalid as error:
        raise BadSettings(f"telemetry: networks: {error}") from error


def check(settings: TelemetrySettings) -> None:
    """Raises ``BadSettings``."""
    networks(settings)
    if not (isfinite(settings.heartbeat_seconds) and settings.heartbeat_seconds >= 1):
        raise BadSettings("telemetry: heartbeat_seconds must be 1 at least")


def heartbeat(url: Secret) -> Secret:
    """The URL when it can be asked. Raises ``BadSettings``, which does not show it."""
    try:
        parts = urlsplit(url.reveal())
        good = bool(parts.hostname) and (
            parts.scheme == "https"
            or (parts.scheme == "http" and parts.hostname in {"127.0.0.1", "::1", "localhost"})
        )
    except ValueError:
        good = False
    if not good:
        raise BadSettings("telemetry: heartbeat_url: say https://…; its path is a secret")
    return url
