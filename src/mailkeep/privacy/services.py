"""The service of the privacy room, for the API, the console and the command line."""

from typing import Any

from mailkeep.base.keys import KeyRing
from mailkeep.store.database import Database

from . import export
from .erasing import Erasing
from .types import PrivacySettings


class Privacy:
    """The room of a running Mailkeep.

    Args:
        database: of everything.
        keys: know an address by its pseudonym.
        settings: ``[privacy]``.
        lead: seconds before an incident's first sign from which its evidence counts.
    """

    def __init__(
        self, database: Database, keys: KeyRing, settings: PrivacySettings, lead: float
    ) -> None:
        self._database = database
        self._keys = keys
        self.settings = settings
        self.erasing = Erasing(database, settings, lead)

    async def export(self, who: str, *, by: str) -> dict[str, Any]:
        """All that is kept about a person, see ``export.take``."""
        return await export.take(self._database, self._keys, self.settings, who, by=by)
