"""The health of each provider, as the console and the API show it."""

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
