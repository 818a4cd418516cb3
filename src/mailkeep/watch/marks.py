"""The allow list of hosts that may appear in our own mail when it arrives (pure)."""

from urllib.parse import urlsplit

import msgspec

from mailkeep.base import addresses
from mailkeep.providers import registry
from mailkeep.providers.types import ProviderConfig

from . import reading
from .types import CanarySettings


class Allowed(msgspec.Struct, frozen=True):
    """Hosts that may stand in the head of a mail; in what people read of it; and there of recovery
    mail, which is never tracked."""

    head: frozenset[str]
    shown: frozenset[str]
    secret: frozenset[str]


def own(settings: CanarySettings, url: str) -> frozenset[str]:
    """Hosts that are in our mail because we put them there; ``url``: of our own pages."""
    host = urlsplit(url).hostname or ""
    return frozenset({host, addresses.domain(settings.sender), settings.domain, *settings.allow})


def of_provider(settings: CanarySettings, url: str, config: ProviderConfig | None) -> Allowed:
    """Our own hosts, and those that a provider is known to add; None: it is not known.

    To what people read it adds any only where it tracks links or openings: its own redirections
    would else lead anywhere, unseen, for whoever has our account or is in its house.
    """
    ours = own(settings, url)
    if config is None:
        return Allowed(ours, ours, ours)
    capabilities = registry.get(config.kind).capabilities
    named = (config.options.get(name, "") for name in capabilities.mark_options)
    theirs = ours | {*capabilities.marks, *(one.lower() for one in named if one)}
    by_itself = capabilities.tracking_off == "relay"
    tracks = by_itself or any(
        name.startswith("track_") and value == "true" for name, value in config.options.items()
    )
    return Allowed(theirs, theirs if tracks else ours, theirs if by_itself else ours)


def strangers(
    found: reading.Reading, allowed: Allowed, more: frozenset[str], *, secret: bool
) -> tuple[str, ...]:
    """The hosts of a mail that nothing allows, sorted.

    Args:
        more: hosts that may stand anywhere in this one.
        secret: it is recovery mail, or looks so.
    """
    shown = allowed.secret if secret else allowed.shown
    return tuple(
        sorted(
            {
                *reading.strangers(found.hosts, allowed.head | more),
                *reading.strangers(found.shown, shown | more),
            }
        )
    )
