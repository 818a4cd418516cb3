"""The allow list of hosts that may appear in our own mail when it arrives (pure)."""

from urllib.parse import urlsplit

from mailkeep.base import addresses
from mailkeep.providers import registry
from mailkeep.providers.types import ProviderConfig

from .types import CanarySettings


def own(settings: CanarySettings, url: str) -> frozenset[str]:
    """Hosts that are in our mail because we put them there; ``url``: of our own pages."""
    host = urlsplit(url).hostname or ""
    return frozenset({host, addresses.domain(settings.sender), settings.domain, *settings.allow})


def of_provider(settings: CanarySettings, url: str, config: ProviderConfig) -> frozenset[str]:
    """Our own hosts, and those that a provider is known to add."""
    capabilities = registry.get(config.kind).capabilities
    named = (config.options.get(name, "") for name in capabilities.mark_options)
    return own(settings, url) | {*capabilities.marks, *(one.lower() for one in named if one)}
