"""Tells the mail room which providers open incidents are about, so that it does not trust their
delivery reports."""

from mailkeep.events.types import Recorded
from mailkeep.incidents import queries
from mailkeep.incidents.suspects import ProviderParties
from mailkeep.mail import bodies
from mailkeep.store.database import Tx


class ProviderDoubts:
    """Keeps the mail room's doubts those of the open incidents.

    Args:
        house: who could read what a suspect reads: the same party's other providers.
    """

    def __init__(self, house: ProviderParties) -> None:
        self._house = house

    async def on_incident(self, tx: Tx, _recorded: Recorded) -> None:
        """Subscriber: an incident was opened, changed or closed."""
        await self.look(tx)

    async def look(self, tx: Tx) -> None:
        """Set the doubted providers from the open incidents."""
        live = await queries.live(tx)
        known = self._house.parties.keys()
        suspects = {name for one in live for name in self._house.suspects(one.subject)}
        await bodies.doubt(tx, suspects & known)
