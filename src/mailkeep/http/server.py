"""Builds the HTTP application: its routes, its limits and the headers of every response."""

from pathlib import Path

from litestar import Litestar, Router, get
from litestar.di import Provide
from litestar.exceptions import HTTPException, NotFoundException
from litestar.openapi import OpenAPIConfig
from litestar.plugins import PluginProtocol
from litestar.plugins.core import MsgspecDIPlugin
from litestar.plugins.jinja import JinjaTemplateEngine
from litestar.response import Redirect
from litestar.static_files import create_static_files_router
from litestar.template.config import TemplateConfig
from litestar.types import ASGIApp, ControllerRouterHandler

from mailkeep import __version__
from mailkeep.base.errors import MailkeepError

from . import policy, problems, rewritten, ssf
from .api import messages, whole
from .api.accounts import AccountsApi
from .api.approvals import ApprovalsApi
from .api.audit import AuditApi
from .api.claims import ClaimsApi
from .api.cutovers import CutoversApi
from .api.events import EventsApi
from .api.evidence import EvidenceApi
from .api.exposed import ExposedApi
from .api.factors import FactorsApi
from .api.house import KeysApi, OperatorsApi
from .api.incidents import IncidentsApi
from .api.notices import NoticesApi
from .api.observations import ConsoleLogApi, JournalApi
from .api.offboardings import OffboardingsApi
from .api.opinions import OpinionsApi
from .api.posture import PostureApi
from .api.privacy import PrivacyApi
from .api.providers import ProvidersApi
from .api.recoveries import RecoveriesApi
from .api.reports import LookalikesApi, ReportsApi
from .api.resets import ResetsApi
from .api.subjects import SubjectsApi
from .api.suppressions import SuppressionsApi
from .api.touched import TouchedApi
from .api.trust import TrustApi
from .api.verdicts import VerdictsApi
from .console.router import router as console
from .failing import answering
from .hooks.webhooks import probe, receive
from .hosts import Hosts
from .mailbox.router import router as mailbox
from .oauth.authorize import Authorize
from .oauth.metadata import metadata
from .oauth.token import token, userinfo
from .openapi import Document
from .pages.account import AccountPages
from .pages.addresses import AddressPages
from .pages.factors import FactorPages
from .pages.genuine import GenuinePages, RecentMailPages
from .pages.keep import KeepPages
from .pages.language import LanguagePages
from .pages.recover import RecoverPages
from .pages.sessions import SessionPages
from .pages.sign_in import SignInPages
from .pages.sign_up import SignUpPages
from .pages.visit import PageServices, on_error, visit
from .port import Incoming, Running
from .requests import Requests
from .short import ShortWay
from .telemetry import healthz, metrics, readyz
from .well_known import key_set

HERE = Path(__file__).parent
MAX_FORM = 64 * 1024

HEADERS = {
    policy.NAME: policy.policy(),
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "Cache-Control": "no-store",
}
#: Of a house that is reached over TLS (RFC 6797): who types its name without ``https`` meets nobody
#: in between. Its other hosts are not ours to speak for.
OVER_TLS = {"Strict-Transport-Security": "max-age=31536000"}


class Lean(Litestar):
    """Without what reads models of other libraries: nothing of ours is one, and to import the
    largest of them is a tenth of a start."""

    @staticmethod
    def _get_default_plugins(plugins: list[PluginProtocol]) -> list[PluginProtocol]:
        return [*plugins, MsgspecDIPlugin()]


def create(running: Running, hosts: tuple[str, ...] = ()) -> Litestar:
    """The application in front of a running Mailkeep.

    Args:
        hosts: the ``Host`` headers (with port) to answer; empty answers every one.
    """

    async def provide() -> Running:
        return running

    handlers: list[ControllerRouterHandler] = [
        *(messages.Messages, FactorsApi, IncidentsApi, PostureApi, RecoveriesApi, ReportsApi),
        *(ApprovalsApi, AuditApi, ClaimsApi, ConsoleLogApi, CutoversApi, EvidenceApi, ExposedApi),
        *(NoticesApi, OffboardingsApi, TouchedApi),
        *(JournalApi, KeysApi, OperatorsApi, PrivacyApi, ProvidersApi, SubjectsApi, TrustApi),
        *(EventsApi, LookalikesApi, OpinionsApi, ResetsApi, SuppressionsApi, VerdictsApi),
        *(receive, probe, healthz, readyz, metrics, key_set),
        create_static_files_router("/static", [HERE / "static"], include_in_schema=False),
    ]
    handlers.append(console(running, MAX_FORM))
    handlers.append(pages(running, GenuinePages, LanguagePages))
    if running.signals is not None:
        handlers.append(ssf.router())
    if running.recovery is not None:
        accounts = (SignUpPages, SignInPages, AccountPages, AddressPages, SessionPages)
        more = (RecentMailPages, FactorPages, KeepPages, RecoverPages, Authorize)
        handlers += [AccountsApi, pages(running, *accounts, *more), metadata, token, userinfo]
    if running.dev:
        handlers += [mailbox(running), to_mailbox]
    languages = running.accounts.languages
    brand = "" if running.recovery is None else running.recovery.settings.sender_name
    app = Lean(
        handlers,
        dependencies={"running": Provide(provide, use_cache=True)},
        before_request=names_something,
        exception_handlers={
            MailkeepError: answering(problems.on_our_error, languages, brand),
            HTTPException: answering(problems.on_http_error, languages, brand),
            NotFoundException: answering(rewritten.on_not_found, languages, brand),
            Exception: answering(problems.on_fault, languages, brand),
        },
        template_config=TemplateConfig(directory=HERE / "templates", engine=JinjaTemplateEngine),
        openapi_config=OpenAPIConfig(
            "Mailkeep",
            __version__,
            openapi_router=Router(
                "/v1/openapi.json",
                route_handlers=[],
                include_in_schema=False,
                before_request=nothing_below,
            ),
            render_plugins=[Document()],
        ),
        request_max_body_size=whole.MOST,
        logging_config=None,
    )
    rest: ASGIApp = ShortWay(app, app.asgi_handler, messages.PATH, messages.accept, running)
    if hosts:
        rest = Hosts(rest, hosts)
    headers = HEADERS | (OVER_TLS if running.public_url.startswith("https://") else {})
    app.asgi_handler = Requests(rest, running.telemetry.request, headers)
    return app


def pages(house: PageServices, *handlers: ControllerRouterHandler) -> Router:
    """Pages for people: small forms, errors as pages."""

    async def provide() -> PageServices:
        return house

    return Router(
        "/",
        route_handlers=handlers,
        dependencies={"house": Provide(provide), "visit": Provide(visit)},
        exception_handlers={MailkeepError: on_error(house)},
        request_max_body_size=MAX_FORM,
    )


async def names_something(request: Incoming) -> None:
    """Refuse a path that no name of ours can be: PostgreSQL takes no NUL, not even to look for. The
    API names the word of a query in which one stands."""
    path, query = request.scope["path"], request.scope["query_string"]
    if "\0" in path or (b"%00" in query and not path.startswith("/v1/")):
        raise NotFoundException


async def nothing_below(request: Incoming) -> None:
    """Below the description there is nothing; the framework would say so in HTML."""
    if request.scope["path"].rstrip("/") != "/v1/openapi.json":
        raise NotFoundException


@get("/", include_in_schema=False)
async def to_mailbox() -> Redirect:
    return Redirect("/mailbox")
