"""The allow list of hosts that may appear in our own mail when it arrives (pure)."""

from urllib.parse import urlsplit

import msgspec

from mailkeep.base import addresses
from mailkeep.providers import registry
from mailkeep.providers.types import ProviderConfig

from . import reading
from .types import CanarySettings


class Allowed(msgspec.Struct, frozen=True):
    """Hosts that may stand in a mail, and in what people read of recovery mail.

    ``untouched``: the provider leaves what people read of recovery mail as it is.
    """

    anywhere: frozenset[str]
    secret: frozenset[str]
    untouched: bool


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
        return Allowed(ours, ours, untouched=False)
    capabilities = registry.get(config.kind).capabilities
    named = (config.options.get(name, "") for name in capabilities.mark_options)
    theirs = ours | {*capabilities.marks, *(one.lower() for one in named if one)}
    untouched = capabilities.tracking_off == "message"
    return Allowed(theirs, ours if untouched else theirs, untouched)


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


def planted(
    found: reading.Reading, allowed: Allowed, more: frozenset[str], *, secret: bool
) -> tuple[str, ...]:
    """Of the strangers those that stand where no honest provider writes, sorted: whom the mail is
    from, whom an answer goes to, and what people read of recovery mail. A new return path or host
    of redirections is none: they change now and then.

    Args: as of ``strangers``.
    """
    out = set(reading.strangers(found.answered, allowed.anywhere | more))
    if secret and allowed.untouched:
        out |= {*reading.strangers(found.shown, allowed.secret | more)}
    return tuple(sorted(out))
