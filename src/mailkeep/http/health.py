"""The health of each provider, as the console and the API show it."""

from collections.abc import Mapping

import msgspec

from mailkeep.base.clock import Instant
from mailkeep.mail import queries
from mailkeep.store.database import Tx

from .port import Services


class ProviderHealth(msgspec.Struct, frozen=True):
    """How a provider stands. ``state``: ``cut``, ``resting``, ``failing``, ``suspected`` or
    ``standing``; ``since``: of the first two; ``streams``: whose breakers keep it out here."""

    name: str
    kind: str
    state: str
    since: Instant | None
    why: str
    streams: tuple[str, ...]


async def providers(tx: Tx, running: Services) -> list[ProviderHealth]:
    """Every provider of the settings, those that need a look first."""
    states = await queries.states(tx)
    out = []
    for name, config in running.providers.items():
        streams = tuple(one for one in running.streams if name in running.dispatcher.ailing(one))
        state, since, why = "standing", None, ""
        kept = states.get(name)
        if kept is not None and kept.cut_at is not None:
            state, since, why = "cut", kept.cut_at, kept.cut_reason
        elif kept is not None and kept.rested_at is not None:
            state, since, why = "resting", kept.rested_at, kept.rest_reason
        elif streams:
            state = "failing"
        elif kept is not None and kept.doubted_at is not None:
            state, since = "suspected", kept.doubted_at
        out.append(ProviderHealth(name, config.kind, state, since, why, streams))
    return sorted(out, key=lambda one: one.state == "standing")


class Former(msgspec.Struct, frozen=True):
    """A provider that carries nothing any more. ``party``: whose it was; "": the settings do not
    say. ``exposed``: how many addresses it was ever given, which it knows for good."""

    name: str
    party: str
    exposed: int


def former(running: Services, exposed: Mapping[str, int]) -> list[Former]:
    """Providers that were left, by the settings or the ledger alone.

    Args:
        exposed: as ``mail.queries.exposed_to_each`` has it.
    """
    left = running.response.means.house.left
    names = sorted((left.keys() | exposed.keys()) - running.providers.keys())
    return [Former(one, left.get(one, ""), exposed.get(one, 0)) for one in names]
