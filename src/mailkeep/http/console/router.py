"""The console's pages: who comes in, and what each is for."""

from litestar import Router
from litestar.di import Provide

from mailkeep.base.errors import MailkeepError
from mailkeep.http.port import Services

from .cases import Cases
from .incidents import Incidents
from .openid import OpenIdSignIn
from .operator import on_error, operator
from .overview import Overview
from .sign_in import SignIn


def router(running: Services, most: int) -> Router:
    """Every page below ``/console``.

    Args:
        most: octets of a form.
    """
    shared = Cases(running.database, running.response.means)

    async def cases() -> Cases:
        return shared

    return Router(
        "/",
        route_handlers=[SignIn, OpenIdSignIn, Overview, Incidents],
        dependencies={"operator": Provide(operator), "cases": Provide(cases, use_cache=True)},
        exception_handlers={MailkeepError: on_error},
        request_max_body_size=most,
    )
