"""Routes of the console."""

from litestar import Router
from litestar.di import Provide

from mailkeep.base.errors import MailkeepError
from mailkeep.http.port import Services

from .audit import AuditPages
from .cases import Cases
from .claims import ClaimPages
from .cutover import CutoverPages
from .exposed import ExposedPages
from .factors import FactorPages
from .incident_forms import IncidentForms
from .incidents import Approvals, Incidents
from .leaving import LeavingPages
from .messages import MessagePages
from .notices import NoticesPages
from .openid import OpenIdSignIn
from .operator import on_error, operator
from .overview import Overview
from .people import AccountPages, RecoveryPages
from .providers import ProviderPages
from .settings import SettingsPages
from .sign_in import SignIn
from .suspicions import Suspected, SuspicionPages
from .touched import TouchedPages
from .trust import TrustPages

#: The pages of who is signed in.
PAGES = (
    *(Overview, Incidents, IncidentForms, Approvals),
    *(ExposedPages, NoticesPages, TouchedPages),
    *(SuspicionPages, MessagePages, ProviderPages, LeavingPages, CutoverPages, ClaimPages),
    *(TrustPages, RecoveryPages, AccountPages, FactorPages, AuditPages, SettingsPages),
)


def router(running: Services, most: int) -> Router:
    """Every page below ``/console``.

    Args:
        most: octets of a form.
    """
    shared = Cases(running.database, running.response.means)

    weighed = Suspected(running.database, running.incidents)

    async def cases() -> Cases:
        return shared

    async def suspected() -> Suspected:
        return weighed

    return Router(
        "/",
        route_handlers=[SignIn, OpenIdSignIn, *PAGES],
        dependencies={
            "operator": Provide(operator),
            "cases": Provide(cases, use_cache=True),
            "suspected": Provide(suspected, use_cache=True),
        },
        exception_handlers={MailkeepError: on_error},
        request_max_body_size=most,
    )
