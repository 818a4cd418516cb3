"""The switch at the foot of the pages: in which language this browser is shown them.

Attacks met here: another site that switches somebody's language (its form is refused, and a GET
switches nothing); a switch that leads away from here (it leads to a page by its name only). It
changes nothing of an account: its owner is written to as before.
"""

import re
from urllib.parse import urlencode

from litestar import Controller, post
from litestar.response import Redirect

from mailkeep.base.errors import Invalid
from mailkeep.http.oauth import asking
from mailkeep.http.speech import COOKIE

from .visit import ADDRESSES, YEAR, PageServices, Visit

_SECRET = re.compile(r"[0-9A-Z]{8,26}")


class LanguagePages(Controller):
    """For everybody; there is nothing to see here."""

    path = "/language"
    include_in_schema = False

    @post("/", status_code=200)
    async def choose(self, visit: Visit, house: PageServices) -> Redirect:
        """Show the page again in another language. What a link had brought into its form goes on in
        the fragment, as it came: no server sees it there. An address that was typed goes on in a
        cookie, sealed: in the page's address every log would have it."""
        wanted = visit.form.get("language", "")
        names = house.accounts.languages.names
        if wanted not in names:
            raise Invalid(f"choose one of {', '.join(names.values())}", field="language")
        visit.keep(COOKIE, wanted, max_age=YEAR)
        page, brought = visit.form.get("page", ""), visit.form.get("brought", "")
        to = ADDRESSES.get(page, ADDRESSES["sign_in"])
        visit.carry(visit.form.get("address", ""))
        if page == "authorize":
            to = f"{to}?{urlencode(asking.read(visit.form.items()))}"
        return visit.go(f"{to}#{brought}" if _SECRET.fullmatch(brought) else to)
