"""The allow list of hosts that may appear in our own mail when it arrives (pure)."""

from urllib.parse import urlsplit

import msgspec

from mailkeep.base import addresses
from mailkeep.providers import registry
from mailkeep.providers.types import ProviderConfig

from . import reading
from .types import CanarySettings


class Allowed(msgspec.Struct, frozen=True):
    """Hosts that may stand in a mail, and in what people read of recovery mail."""

    anywhere: frozenset[str]
    secret: frozenset[str]


def own(settings: CanarySettings, url: str) -> frozenset[str]:
    """Hosts that are in our mail because we put them there; ``url``: of our own pages."""
    host = urlsplit(url).hostname or ""
    return frozenset({host, addresses.domain(settings.sender), settings.domain, *settings.allow})


def of_provider(settings: CanarySettings, url: str, config: ProviderConfig | None) -> Allowed:
    """Our own hosts, and those that a provider is known to add; None: it is not known.

    To what people read of recovery mail it adds none, as that is never tracked: its redirections
    would else lead anywhere, unseen, for whoever has our account or is in its house.
    """
    ours = own(settings, url)
    if config is None:
        return Allowed(ours, ours)
    capabilities = registry.get(config.kind).capabilities
    named = (config.options.get(name, "") for name in capabilities.mark_options)
    theirs = ours | {*capabilities.marks, *(one.lower() for one in named if one)}
    return Allowed(theirs, ours if capabilities.tracking_off == "message" else theirs)


def strangers(
    found: reading.Reading, allowed: Allowed, more: frozenset[str], *, secret: bool
) -> tuple[str, ...]:
    """The hosts of a mail that nothing allows, sorted.

    Args:
        more: hosts that may stand anywhere in this one.
        secret: it looks like recovery mail.
    """
    out = set(reading.strangers(found.hosts, allowed.anywhere | more))
    if secret:
        out |= {*reading.strangers(found.shown, allowed.secret | more)}
    return tuple(sorted(out))
