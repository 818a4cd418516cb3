"""Page of an account's sessions and known devices (ASVS 7.5.2).

Security: a location is shown only as the network of this visit, or another one; a browser by its
family and system. Neither page nor database knows more.
"""

import msgspec
from litestar import Controller, get, post
from litestar.response import Redirect, Template

from mailkeep.accounts import devices, queries
from mailkeep.accounts.types import SessionView
from mailkeep.base.clock import Instant
from mailkeep.base.errors import NotFound
from mailkeep.base.keys import KeyRing
from mailkeep.http import client
from mailkeep.http.speech import Speech

from .visit import SESSION, PageServices, Visit

#: What each system that ``client.agent`` tells apart is called.
_SYSTEMS = {
    "ios": "on_sessions.ios",
    "android": "on_sessions.android",
    "windows": "on_sessions.windows",
    "mac": "on_sessions.mac",
    "chromeos": "on_sessions.chromeos",
    "linux": "on_sessions.linux",
    client.OTHER: "on_sessions.other",
}


class SessionRow(msgspec.Struct, frozen=True):
    """A session in the list; ``mark`` is short and the same for one browser. ``elsewhere``: it is
    of another browser than this one."""

    id: str
    name: str
    mark: str
    since: Instant
    seen: Instant
    same_network: bool
    place: str
    here: bool
    elsewhere: bool


class DeviceRow(msgspec.Struct, frozen=True):
    """A browser that the account knows."""

    browser: str
    name: str
    mark: str
    since: Instant
    seen: Instant
    here: bool


class SessionPages(Controller):
    """Everything here needs a session. Nothing but it: what is done only takes power away."""

    path = "/account/sessions"
    include_in_schema = False

    @get("/")
    async def show(self, visit: Visit, house: PageServices) -> Template:
        return await _sessions(visit, house, await visit.session())

    @post("/end", status_code=200)
    async def end(self, visit: Visit, house: PageServices) -> Redirect:
        """End one session, all others (``others``) or all (``all``)."""
        session = await visit.session()
        sessions = house.accounts.sessions
        async with house.database.write() as tx:
            await queries.account(tx, session.account, lock=True)
            if visit.form.get("all"):
                await sessions.end_all(tx, session.account, "owner")
            elif visit.form.get("others"):
                await sessions.end_all(tx, session.account, "owner", but=session.id)
            else:
                await sessions.end(tx, session.account, visit.form.get("session", ""))
        if visit.form.get("all") or visit.form.get("session") == session.id:
            visit.forget(SESSION)
            return visit.go("/sign-in")
        visit.tell("signed_out")
        return visit.go("/account/sessions")

    @post("/deny", status_code=200)
    async def deny(self, visit: Visit, house: PageServices) -> Template | Redirect:
        """Say of a session elsewhere that it was not one's own."""
        session = await visit.session()
        of = visit.form.get("session", "")
        try:
            await house.database.retrying(
                lambda tx: devices.disown(
                    house.database, tx, session.account, of, here=session.browser
                )
            )
        except NotFound as error:
            return await _sessions(visit, house, session, error)
        visit.tell("session_denied")
        return visit.go("/account/sessions")

    @post("/forget", status_code=200)
    async def forget(self, visit: Visit, house: PageServices) -> Template | Redirect:
        session = await visit.session()
        browser = visit.form.get("browser", "")
        try:
            await house.database.retrying(
                lambda tx: devices.forget(house.database, tx, session.account, browser)
            )
        except NotFound as error:
            return await _sessions(visit, house, session, error)
        if browser == session.browser:
            visit.forget(SESSION)
            return visit.go("/sign-in")
        visit.tell("browser_forgotten")
        return visit.go("/account/sessions")


async def _sessions(
    visit: Visit, house: PageServices, session: SessionView, error: NotFound | None = None
) -> Template:
    async with house.database.read() as tx:
        live = await house.accounts.sessions.of(tx, session.account)
        known = await devices.known(tx, session.account)
    speaks = visit.speech
    words, unknown = _words(house.keys, speaks), str(speaks.say("on_sessions.a_browser"))
    news = [
        word for word in ("signed_out", "browser_forgotten", "session_denied") if visit.told(word)
    ]
    return visit.page(
        "sessions",
        error=error,
        news=news[0] if news else "",
        sessions=[
            SessionRow(
                one.id,
                words.get(one.agent, unknown),
                one.browser[-4:],
                one.created_at,
                one.seen_at,
                one.network == session.network,
                one.place or "",
                one.id == session.id,
                one.browser != session.browser,
            )
            for one in live
        ],
        devices=[
            DeviceRow(
                one.browser,
                words.get(one.agent, unknown),
                one.browser[-4:],
                one.since,
                one.seen_at,
                one.browser == session.browser,
            )
            for one in known
        ],
    )


def _words(keys: KeyRing, speaks: Speech) -> dict[str, str]:
    """The pseudonym of each kind of browser there is, with words for it: ``Firefox on Linux``."""
    return {
        keys.pseudonym("agent", f"{family} {system}"): speaks.say(
            "on_sessions.named",
            browser=client.FAMILIES.get(family) or speaks.say("on_sessions.a_browser"),
            system=speaks.say(text),
        )
        for family in (*client.FAMILIES, client.OTHER)
        for system, text in _SYSTEMS.items()
    }
