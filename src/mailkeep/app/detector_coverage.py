"""At which of our accounts at providers each detector looks: a detector that is on may see nothing
of the one that falls."""

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from mailkeep.providers import registry
from mailkeep.providers.posture import registry as readers
from mailkeep.providers.posture.types import Kind

from . import detector_blindness, wiring_observation, wiring_watch
from .settings import ProviderSettings, Settings

_UNREAD = "our account at {0} is not read"
_UNTOLD = "{0} tells us of no mail by webhook"
_TAKEN = frozenset({Kind.EXPORT, Kind.READING})


class Places(NamedTuple):
    """Where a detector looks: accounts of the settings, or parties; ``elsewhere`` says why it sees
    nothing of another one, ``{0}``."""

    at: tuple[str, ...]
    elsewhere: str


def reports(provider: ProviderSettings) -> bool:
    """Whether its webhooks tell what becomes of mail: of a kind that has them, and believed."""
    able = registry.get(provider.kind).capabilities
    return able.webhook_auth != "none" and provider.webhook_secret is not None


def read(settings: Settings) -> dict[str, str]:
    """Our accounts that are read, with the kind of each: of a relay that of its company."""
    kinds = {one.name: one.kind for one in settings.provider}
    accounts = () if settings.posture is None else settings.posture.account
    return {one.name: one.kind or kinds[one.name] for one in accounts}


def places(settings: Settings) -> Mapping[str, Places]:
    """By detector; one that is not here looks at no account in particular."""
    names = [one.name for one in settings.provider]
    known = read(settings)
    told = [name for name, heard in detector_blindness.hooked(settings).items() if heard]
    said = settings.reports
    tried = wiring_watch.carriers(settings)
    honey = {one.provider for one in settings.honey}
    taken = [name for name, kind in known.items() if any(readers.shows(kind, of) for of in _TAKEN)]
    noticed = names if said.notices else list(said.status)
    no_canary = "no canary goes through {0}"
    no_honey = "no [[honey]] address was given to {0}"
    return {
        "account_drift": Places(tuple(known), _UNREAD),
        "export_seen": Places(
            tuple(taken), "our account at {0} is not read, or tells of no exports"
        ),
        "volume_mismatch": Places(
            detector_blindness.counting(settings), "{0} does not tell how much it sent"
        ),
        "unknown_message": Places(tuple(told), _UNTOLD),
        "accepted_not_delivered": Places(tuple(told), _UNTOLD),
        "delivery_silence": Places(
            _either(names, told, tried), "{0} tells of no delivery, and no canary goes through it"
        ),
        "canary_missing": Places(_either(names, tried), no_canary),
        "stranger_in_mail": Places(_either(names, tried), no_canary),
        "honey_hit": Places(_either(names, honey), no_honey),
        "honey_account": Places(_either(names, honey), no_honey),
        "provider_notice": Places(tuple(noticed), "no notice or status page of {0} is read"),
        "console_sign_in": Places(
            tuple(_consoles(settings)), "no audit log of {0} is brought in ([[console_log]])"
        ),
    }


def _either(names: Iterable[str], *some: Iterable[str]) -> tuple[str, ...]:
    wanted = {one for each in some for one in each}
    return tuple(one for one in names if one in wanted)


def _consoles(settings: Settings) -> dict[str, None]:
    """Parties of whose consoles somebody tells; a log may name our account there instead."""
    parties = {one.name: one.party for one in settings.provider}
    return {parties.get(one, one): None for one in wiring_observation.seen(settings)}
