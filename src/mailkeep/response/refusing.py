"""One person says no to the same thing once in a day.

Attack met here: the thief of one operator's session takes every request away, so that nobody ever
acts. Taking back one's own request is no refusal.
"""

import msgspec

from mailkeep.base.clock import DAY
from mailkeep.base.errors import NotAllowed
from mailkeep.events import audit
from mailkeep.operators import people
from mailkeep.store.database import Tx


class _Said(msgspec.Struct, frozen=True):
    """What an entry of the audit chain says of a refusal."""

    provider: str = ""
    asked_by: str = ""


async def once(tx: Tx, act: str, provider: str, *, by: str, asked_by: str) -> None:
    """Raises ``NotAllowed`` where the same person did ``act`` about a provider within a day, with
    whichever key; the caller audits the refusal as ``act``, with ``provider`` and ``asked_by``."""
    if by == asked_by:
        return
    who = await whose(tx, by)
    for row in await audit.acts(tx, (act,), tx.now - DAY):
        said = msgspec.json.decode(row["data"], type=_Said)
        if said.provider != provider or row["actor"] == said.asked_by:
            continue
        if await whose(tx, row["actor"]) == who:
            raise NotAllowed(
                "you have refused this once today, and it was asked for again: it is another"
                " person's to refuse"
            )


async def whose(tx: Tx, actor: str) -> str:
    """The person behind an actor; all keys that belong to nobody count as one."""
    try:
        return await people.person(tx, actor)
    except NotAllowed:
        return "nobody"
