"""One request of a browser to the account pages: its cookies, its form, and the responses.

Security: cookies are ``__Host-``, so that no other host and no plain connection can set them
(browsers treat loopback, in development, as secure). Rooms below see browsers and networks as
pseudonyms only.
"""

import base64
from collections.abc import Callable, Mapping
from typing import Any, Protocol, runtime_checkable

from litestar import MediaType, Response
from litestar.datastructures import Cookie
from litestar.response import Redirect, Template

from mailkeep.accounts import language
from mailkeep.accounts.factors.types import Source, Typed
from mailkeep.accounts.services import Accounts
from mailkeep.accounts.types import Origin, SessionView, Stage
from mailkeep.base import tokens
from mailkeep.base.clock import DAY, SECOND
from mailkeep.base.errors import MailkeepError, NotSignedIn
from mailkeep.base.keys import KeyRing, Unsealable
from mailkeep.http import client, forms, speech
from mailkeep.http.client import Network
from mailkeep.http.failing import MISSING
from mailkeep.http.oauth.asking import AUTHORIZE
from mailkeep.http.port import Incoming
from mailkeep.http.speech import Speech
from mailkeep.mail.intake import Intake
from mailkeep.privacy.services import Privacy
from mailkeep.recovery.services import Recovery
from mailkeep.recovery.types import Nets
from mailkeep.store.database import Database

BROWSER = "__Host-browser"
SESSION = "__Host-session"
PENDING = "__Host-pending"  #: a right password that waits for its second factor
KEEPING = "__Host-keeping"  #: a user of an application, who may bind factors here
CONFIRMATION = "__Host-confirmation"
CONFIRMING = "__Host-confirming"  #: the address that is being confirmed, sealed
SENT = "__Host-sent"  #: what an application sent it here for, while somebody signs in
ASKED = "__Host-asked"  #: a reset was asked for here, of whatever address
CROWDED = "__Host-crowded"  #: others of its network had asked for many when it did
DENIED = "__Host-denied"  #: a mail was denied here, of whatever secret
CARRIED = "__Host-carried"  #: the address that was typed, sealed, on its way to another language
NEWS = "__Host-news"  #: a word about what was just done, for the next page
#: Where each page lies that can be opened once more, in another language.
ADDRESSES = {
    "account": "/account",
    "address_confirm": "/account/addresses/confirm",
    "addresses": "/account/addresses",
    "authorize": AUTHORIZE,
    "change": "/change",
    "confirm": "/sign-up/confirm",
    "denied": "/deny/said",
    "deny": "/deny",
    "done": "/recover/done",
    "factor": "/sign-in/factor",
    "factors": "/account/factors",
    "genuine": "/genuine",
    "keep": "/keep/factors",
    "keep_open": "/keep",
    "mail": "/account/mail",
    MISSING: "/missing",  # there is none, which is what it says
    "proof": "/recover/proof",
    "recover": "/recover",
    "sessions": "/account/sessions",
    "sign_in": "/sign-in",
    "sign_up": "/sign-up",
}
_NEWS_SECONDS = 60
_SENT_SECONDS = 900
_LONGEST_ADDRESS = 320
_LONGEST = 3000  #: characters of ``SENT``: browsers keep some four thousand of a cookie
YEAR = 365 * DAY // SECOND
_DAY_SECONDS = DAY // SECOND


@runtime_checkable
class PageServices(Protocol):
    """The services behind the account pages."""

    public_url: str
    trusted_proxies: tuple[Network, ...]
    country_header: str
    keys: KeyRing
    database: Database
    intake: Intake
    accounts: Accounts
    recovery: Recovery | None
    privacy: Privacy


class Visit:
    """One request to an account page.

    Args:
        request: of the browser.
        house: the services.
        form: the fields that were posted; empty for a GET.
    """

    def __init__(self, request: Incoming, house: PageServices, form: Mapping[str, str]) -> None:
        self._request = request
        self._house = house
        self.form = form
        known = request.cookies.get(BROWSER, "")
        self._new_browser = tokens.fold(known) != known or len(known) != tokens.LINK_LENGTH
        self._browser_secret = tokens.link_secret() if self._new_browser else known
        self._own_language = ""
        self._cookies: list[Cookie] = []
        if self._new_browser:
            self.keep(BROWSER, self._browser_secret, max_age=YEAR)

    @property
    def browser(self) -> str:
        """Pseudonym of the browser: of a secret that it has held since its first visit."""
        return self._house.keys.pseudonym("browser", self._browser_secret)

    @property
    def network(self) -> str:
        """Pseudonym of where it comes from: the /24 or /48 of its address."""
        return self._house.keys.pseudonym("network", client.network(self._address))

    @property
    def nets(self) -> Nets:
        """The same of every network that its address lies in."""
        name = self._house.keys.pseudonym
        return Nets(*(name("network", one) for one in client.around(self._address)))

    @property
    def _address(self) -> str:
        peer = self._request.client
        forwarded = self._request.headers.getall("x-forwarded-for", [])
        return client.address(peer.host if peer else "", forwarded, self._house.trusted_proxies)

    @property
    def origin(self) -> Origin:
        """Where it comes from, as an account's history keeps it."""
        request, house = self._request, self._house
        family = client.agent(request.headers.get("user-agent", ""))
        place = None
        if house.country_header:
            told = request.headers.get(house.country_header, "")
            peer = request.client.host if request.client else ""
            place = client.country(told, peer, house.trusted_proxies)
        return Origin(
            self.browser,
            self.network,
            house.keys.pseudonym("agent", family) if family else "",
            place,
        )

    @property
    def language(self) -> str:
        """The tag of what this visitor chose, or the browser likes best, of the languages that are
        written here; "": none."""
        return speech.wanted(self._request, self._house.accounts.languages)

    @property
    def speech(self) -> Speech:
        """The language of its pages."""
        languages = self._house.accounts.languages
        chosen = speech.chosen(self._request, languages)
        return Speech(languages.of(chosen or self._own_language or self.language))

    async def recognise(self) -> None:
        """Read the language of the account that is signed in here, and of no other: what a page
        speaks must not tell who has an account."""
        if not self.cookie(SESSION):
            return
        async with self._house.database.read() as tx:
            found = await self._house.accounts.sessions.find(tx, self.cookie(SESSION), Stage.FULL)
            if found is not None:
                self._own_language = await language.locale(tx, found.account)

    @property
    def source(self) -> Source:
        """From where something is bound."""
        return Source(self.browser, self.network)

    def answered(self, code: str = "code") -> bool:
        """Whether the form answers the question for a second factor at all."""
        return bool(self.form.get(code) or self.form.get("assertion"))

    def typed(self, code: str = "code") -> Typed:
        """What the form answers to the question for a second factor."""
        assertion = self.form.get("assertion", "")
        return Typed(self.form.get(code, ""), assertion, self.browser, self.network)

    @property
    def comes_from_here(self) -> bool:
        """A page of ours leads here, as far as the browser says so (Fetch Metadata)."""
        return self._request.headers.get("sec-fetch-site") == "same-origin"

    def cookie(self, name: str) -> str:
        return self._request.cookies.get(name, "")

    def keep(self, name: str, value: str, *, max_age: int | None = None) -> None:
        """Have the browser keep a cookie, to the end of its session unless ``max_age`` is given."""
        self._cookies.append(
            Cookie(
                key=name,
                value=value,
                path="/",
                max_age=max_age,
                secure=True,
                httponly=True,
                samesite="lax",
            )
        )

    def forget(self, *names: str) -> None:
        for name in names:
            self.keep(name, "", max_age=0)

    def tell(self, word: str) -> None:
        """Have the page that comes next say that something was done."""
        self.keep(NEWS, word, max_age=_NEWS_SECONDS)

    def told(self, word: str) -> bool:
        """Whether this page is to say so; it is said once."""
        if self.cookie(NEWS) != word:
            return False
        self.forget(NEWS)
        return True

    def confirming(self, confirmation: str, address: str) -> None:
        """Have the browser keep what confirms an address, and the page that does it say which one:
        sealed, so that a copy of the cookies names nobody, and only what this browser typed. It
        is sealed for its handle: what became of the handle of one address and another address
        together would tell who has an account."""
        sealed = self._house.keys.seal(f"{CONFIRMING} {confirmation}", address.encode())
        self.keep(CONFIRMATION, confirmation)
        self.keep(CONFIRMING, base64.urlsafe_b64encode(sealed).decode(), max_age=_DAY_SECONDS)

    @property
    def remembered_address(self) -> str:
        """The address of ``confirming``; "" when there is none."""
        purpose = f"{CONFIRMING} {self.cookie(CONFIRMATION)}"
        try:
            sealed = base64.urlsafe_b64decode(self.cookie(CONFIRMING).encode())
            return self._house.keys.unseal(purpose, sealed).decode()
        except (Unsealable, ValueError):
            return ""

    def confirmed(self) -> None:
        """Nothing is being confirmed any more."""
        self.forget(CONFIRMATION, CONFIRMING)

    def asked(self, *, crowded: bool, window: float) -> None:
        """Have the browser keep that a reset was asked for here, whether or not there is an
        account: its page then says that two mails are on their way.

        Args:
            crowded: so many were asked for from its network that the page says that as well.
            window: seconds in which they are counted; what was before is not of late any more.
        """
        self.keep(ASKED, "1", max_age=_DAY_SECONDS)
        self.keep(CROWDED, "1" if crowded else "", max_age=round(window) if crowded else 0)

    def carry(self, address: str) -> None:
        """Have the next page that asks for an address fill it in: once, and sealed, as above."""
        if 0 < len(address) <= _LONGEST_ADDRESS:
            sealed = self._house.keys.seal(CARRIED, address.encode())
            self.keep(CARRIED, base64.urlsafe_b64encode(sealed).decode(), max_age=_NEWS_SECONDS)

    def _carried(self) -> str:
        if not self.cookie(CARRIED) or self._request.method != "GET":
            return ""
        self.forget(CARRIED)
        try:
            sealed = base64.urlsafe_b64decode(self.cookie(CARRIED).encode())
            return self._house.keys.unseal(CARRIED, sealed).decode()
        except (Unsealable, ValueError):
            return ""

    def send(self, query: str) -> bool:
        """Keep what an application sent this browser for; False when it is too long for that."""
        if len(query) <= _LONGEST:
            self.keep(SENT, query, max_age=_SENT_SECONDS)
        return len(query) <= _LONGEST

    @property
    def onward(self) -> str:
        """Where one goes on once one is signed in, if an application had sent this browser; or
        ""."""
        query = self.cookie(SENT)
        plain = query.isascii() and query.isprintable() and len(query) <= _LONGEST
        return f"{AUTHORIZE}?{query}" if query and plain else ""

    async def session(self) -> SessionView:
        """Who is signed in. Raises ``NotSignedIn``."""
        return await self._house.accounts.sessions.lookup(self.cookie(SESSION))

    async def maybe_session(self) -> SessionView | None:
        try:
            return await self.session()
        except NotSignedIn:
            return None

    def page(
        self,
        name: str,
        *,
        error: MailkeepError | None = None,
        status: int = 200,
        headers: Mapping[str, str] | None = None,
        **context: Any,
    ) -> Template:
        """A page; with an error it says so, beside the field at fault, and has its status."""
        given = {"address": self.form.get("address") or self._carried()}
        speaks, names = self.speech, self._house.accounts.languages.names
        # What a form has led to is shown once, and cannot be asked for again in another language,
        # but for the answer that is the same for everybody.
        shown = self._request.method == "GET" or error is not None or name == "denied"
        again = name in ADDRESSES and shown
        return Template(
            f"pages/{name}.html",
            context={
                **speaks.context,
                "page": name,
                "languages": names if again and len(names) > 1 else {},
                "error": error,
                "given": given,
                "brand": _brand(self._house),
                "onward": self.onward,
                **context,
            },
            status_code=status if error is None else error.status,
            cookies=self._cookies,
            headers=speaks.headers | dict(headers or {}),
        )

    def json(self, text: str) -> Response[str]:
        """An answer to a script of ours; ``text`` is JSON already."""
        return Response(text, media_type=MediaType.JSON, cookies=self._cookies)

    def go(self, path: str) -> Redirect:
        """Send the browser on with a GET."""
        return Redirect(path, status_code=303, cookies=self._cookies)


def _brand(house: PageServices) -> str:
    return "" if house.recovery is None else house.recovery.settings.sender_name


async def visit(request: Incoming, house: PageServices) -> Visit:
    """The visit of a request; a POST from another site is refused before it is read."""
    form: Mapping[str, str] = {}
    if request.method == "POST":
        forms.check_origin(request, house.public_url)
        form = await forms.fields(request)
    made = Visit(request, house, form)
    await made.recognise()
    return made


def on_error(house: PageServices) -> Callable[[Incoming, MailkeepError], Response[Any]]:
    """A page that says what is wrong, where no form is there to say it in."""

    def handler(request: Incoming, error: MailkeepError) -> Response[Any]:
        if isinstance(error, NotSignedIn):
            return Redirect("/sign-in", status_code=303)
        languages = house.accounts.languages
        speaks = Speech(languages.of(speech.wanted(request, languages)))
        context = speaks.context | {"error": error, "brand": _brand(house)}
        return Template(
            "pages/error.html", context=context, status_code=error.status, headers=speaks.headers
        )

    return handler
