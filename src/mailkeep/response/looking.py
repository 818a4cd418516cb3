"""Looking at the accounts of an incident one by one: written into the audit log before anything is
shown, like every list that somebody takes."""

from mailkeep.events import audit
from mailkeep.incidents import queries as incidents
from mailkeep.incidents import touched
from mailkeep.incidents.touched import Asked, Page
from mailkeep.store.database import Tx

from .actions.port import Means


async def look(
    means: Means,
    incident: str,
    asked: Asked,
    *,
    by: str,
    after: str = "",
    limit: int = touched.PAGE,
) -> Page:
    """A page of them; see ``touched.page``. Raises ``NotFound``."""

    async def write(tx: Tx) -> None:
        one = await incidents.one(tx, incident)
        said = {"incident": one.id, "outcome": asked.value, "after": after}
        await audit.write(tx, by, "list_touched", said)

    # In a transaction of its own: mail does not wait for somebody who looks.
    await means.database.retrying(write)
    async with means.database.read() as tx:
        one = await incidents.one(tx, incident)
        how = (tx, means.house, one, means.incidents.settings, asked)
        return await touched.page(*how, after=after, limit=min(limit, touched.MOST))
