"""Tells recovery which providers and campaigns open incidents speak against.

Recovery is below the watch and never asks it: the suspicion goes down as a command, in the
transaction that handles the incident's change, and is withdrawn in the same way.
"""

from mailkeep.events.types import Recorded
from mailkeep.incidents import queries as incidents
from mailkeep.store.database import Tx
from mailkeep.watch.types import RESETS

from .actions.port import Means

CAMPAIGN = ""  #: about no route


class Warner:
    """Tells recovery which routes are in doubt.

    Args:
        means: the services that we act through.
    """

    def __init__(self, means: Means) -> None:
        self._means = means

    async def on_incident(self, tx: Tx, _recorded: Recorded) -> None:
        """What is held changed: say all that is held now, so that what was missed is mended too."""
        means = self._means
        if means.recovery is None:
            return
        held: set[tuple[str, str]] = set()
        for incident in await incidents.live(tx):
            campaign = {CAMPAIGN} if incident.subject == RESETS else set()
            suspects = means.house.suspects(incident.subject) or campaign
            held |= {
                (provider, view.hypothesis.value)
                for view in incident.opinions
                if view.open
                for provider in suspects
            }
        await means.recovery.suspect(tx, held)
