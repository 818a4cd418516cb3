"""The allow list of hosts that may appear in our own mail when it arrives (pure)."""

from collections.abc import Mapping
from urllib.parse import urlsplit

import msgspec

from mailkeep.base import addresses
from mailkeep.providers import registry
from mailkeep.providers.types import ProviderConfig

from . import reading
from .types import DECOY_MAILBOX, CanarySettings


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


class Marks:
    """What may stand in canaries, by provider and mailbox.

    Args:
        url: our own pages.
        decoys: hosts that decoys have besides those of canaries.
    """

    def __init__(
        self,
        settings: CanarySettings,
        url: str,
        providers: Mapping[str, ProviderConfig],
        decoys: tuple[str, ...] = (),
    ) -> None:
        self._settings = settings
        self._of = {name: of_provider(settings, url, one) for name, one in providers.items()}
        self._unknown = of_provider(settings, url, None)
        self._decoys = frozenset(decoys)

    def judged(
        self, found: reading.Reading, provider: str, mailbox: str
    ) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """The strangers in a canary, and those of them that were planted."""
        allowed, secret = self._of.get(provider, self._unknown), mailbox == DECOY_MAILBOX
        more = self._added_by(mailbox)
        return (
            strangers(found, allowed, more, secret=secret),
            planted(found, allowed, more, secret=secret),
        )

    def _added_by(self, mailbox: str) -> frozenset[str]:
        """Hosts that a mailbox of others, and its forwarding, write into a mail; or decoys have."""
        if mailbox == DECOY_MAILBOX:
            return self._decoys
        return frozenset(
            host
            for one in self._settings.mailbox
            if one.name == mailbox
            # A local part with a dot in it reads like a host.
            for host in (*one.address.lower().rsplit("@", 1), *one.allow)
        )


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


def covered(
    strange: tuple[str, ...],
    plants: tuple[str, ...],
    signed_strange: tuple[str, ...],
    signed_planted: tuple[str, ...],
) -> bool:
    """Whether what is wrong with a canary stands in what is signed of it: all that was planted, or
    where nothing was, all that is strange. Fields that no signature covers anybody may add."""
    if plants:
        return {*plants} <= {*signed_planted}
    return {*strange} <= {*signed_strange}
