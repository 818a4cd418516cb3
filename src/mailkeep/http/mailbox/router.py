"""Routes of the development mailbox, and what its pages share."""

from litestar import Router
from litestar.di import Provide

from mailkeep.base.errors import MailkeepError
from mailkeep.http.port import Running

from .faults import Faults
from .pages import Mailbox, on_error
from .shelf import Shelf
from .standins import StandIns

MAX_FORM = 64 * 1024


def router(running: Running) -> Router:
    """The mailbox of a Mailkeep in development mode."""
    kept, known = Shelf(running.database), StandIns(running.standins)

    async def shelf() -> Shelf:
        return kept

    async def faults() -> StandIns:
        return known

    return Router(
        "/",
        route_handlers=[Mailbox, Faults],
        dependencies={"shelf": Provide(shelf), "faults": Provide(faults)},
        exception_handlers={MailkeepError: on_error},
        request_max_body_size=MAX_FORM,
    )
