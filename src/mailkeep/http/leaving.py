"""How a provider is left from outside the house's shell: one way for the API and the console.

Security: a key or session that was stolen leaves a provider in an attacker's favour, or frames one.
So what goes past a look or a gate (``--anyway``) is for the shell of the house alone; a hostile
leave cuts off as any cut by hand does, with a second person's word, and none that would stop a
stream's mail; and a word that counts no more is given back at the shell.
"""

from mailkeep.base.errors import Conflict, NotFound
from mailkeep.cutover import offboarding
from mailkeep.cutover.looks import noted
from mailkeep.cutover.offboarding import OffboardingView
from mailkeep.mail import queries as mail
from mailkeep.response import leaving
from mailkeep.response.leaving import Begun
from mailkeep.store.database import Tx

from .port import Services


async def view(running: Services, provider: str) -> OffboardingView:
    """The list of a provider. Raises ``NotFound``."""
    async with running.database.read() as tx:
        found = await offboarding.view(tx, provider)
    if found is None:
        raise NotFound("no provider of that name is being left", field="provider")
    return found


async def begin(running: Services, provider: str, *, hostile: bool, by: str, reason: str) -> Begun:
    """Begin a list. Raises as ``response.leaving.begin``; ``NotFound``: no such provider."""
    if provider not in running.providers:
        raise NotFound("no provider of that name", field="provider")

    async def work(tx: Tx) -> Begun:
        known = await running.ticking.known(tx, provider)
        means, rooms = running.response.means, running.leaving
        return await leaving.begin(tx, means, rooms, known, hostile=hostile, by=by, reason=reason)

    return await running.database.retrying(work)


async def tick(
    running: Services, provider: str, item: str, note: str, *, by: str
) -> OffboardingView:
    """Say that an item is done that a person does; one that is done stays as it is.

    Raises:
        NotFound: no such provider is being left, or no such item.
        Conflict: it is seen not to be done, or Mailkeep does it itself.
        Invalid: there is no note, and nothing that can be looked at; or it does not fit beside what
            was seen.
    """
    found = await view(running, provider)
    if offboarding.is_ticked(found, item):
        return found
    offboarding.by_hand(found, item)
    seen = await running.ticking.look(found, item)
    if seen.stands:
        raise Conflict(
            f"{seen.stands}: see to it, and wait until that is seen (only `mailkeep offboard done"
            " --anyway` goes past that)"
        )
    words = noted(seen, note)
    return await running.database.retrying(
        lambda tx: running.leaving.done(tx, provider, item, by=by, note=words)
    )


async def stop(running: Services, provider: str, reason: str, *, by: str) -> None:
    """Leave a provider no more. Raises as ``Offboarding.stop``; ``Conflict`` too once its word
    counts no more."""

    async def work(tx: Tx) -> None:
        if provider in await mail.distrusted(tx):
            raise Conflict(
                f"no word of {provider} counts any more: `mailkeep offboard stop` at the shell"
                " gives it back"
            )
        await running.leaving.stop(tx, provider, by=by, reason=reason)

    await running.database.retrying(work)
