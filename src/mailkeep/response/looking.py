"""Looking at the accounts and the owners of an incident one by one: written into the audit log
before anything is shown, like every list that somebody takes."""

from mailkeep.base.errors import Invalid
from mailkeep.base.ids import is_id
from mailkeep.events import audit
from mailkeep.incidents import queries as incidents
from mailkeep.incidents import touched
from mailkeep.incidents.touched import Asked, Page
from mailkeep.store.database import Tx

from . import queries, telling
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
    """A page of them; see ``touched.page``. Raises ``NotFound``, ``Invalid``."""
    await _write(means, incident, "list_touched", {"outcome": asked.value, "after": after}, by)
    async with means.database.read() as tx:
        one = await incidents.one(tx, incident)
        how = (tx, means.house, one, means.incidents.settings, asked)
        return await touched.page(*how, after=after, limit=min(limit, touched.MOST))


async def owners(
    means: Means,
    incident: str,
    *,
    by: str,
    unreached: bool = False,
    after: str = "",
    limit: int = telling.PAGE,
) -> tuple[telling.Counts, telling.Page]:
    """Which owners were told, counted and a page of them; see ``telling.page``. Raises
    ``NotFound``, ``Invalid``."""
    await _write(means, incident, "list_owners", {"unreached": unreached, "after": after}, by)
    async with means.database.read() as tx:
        case = queries.case_of(tx, means, await incidents.one(tx, incident))
        found = await telling.page(tx, means, case, unreached=unreached, after=after, limit=limit)
        return await telling.counts(tx, means, case), found


async def _write(means: Means, incident: str, act: str, what: dict[str, object], by: str) -> None:
    """In a transaction of its own: mail does not wait for somebody who looks."""
    if what["after"] and not is_id("acc", str(what["after"])):
        # The audit chain outlives every erasure: nobody writes an address into it.
        raise Invalid("this is not what the page before gave", field="after")

    async def work(tx: Tx) -> None:
        one = await incidents.one(tx, incident)
        await audit.write(tx, by, act, {"incident": one.id, **what})

    await means.database.retrying(work)
