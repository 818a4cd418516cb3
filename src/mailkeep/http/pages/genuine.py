"""'Did you really send this?': a public page to verify a mail; and an account's list of recent
mail.

Security: it asks for the mail's code and for the address that it came to; if either is wrong the
answer is the same. Each network has a limited number of tries. A code in a link stands in the
fragment, and a GET answers nothing. See ``mail.genuine``.
"""

import msgspec
from litestar import Controller, get, post
from litestar.response import Template

from mailkeep.accounts import queries, throttle
from mailkeep.base import tokens
from mailkeep.base.clock import DAY, MINUTE, Instant
from mailkeep.base.errors import Invalid, MailkeepError, TooMany
from mailkeep.mail import genuine
from mailkeep.mail.genuine import Genuine
from mailkeep.store.database import Tx

from .visit import PageServices, Visit

TRIES = 30  #: of one network in ``WINDOW``: a whole office may sit behind it
WINDOW = 10 * MINUTE
RECENT = 90 * DAY
MOST = 50


class MailRow(msgspec.Struct, frozen=True):
    """A mail as the pages show it; ``at``: when it left, or was written; ``unsure``: it may have
    left."""

    subject: str
    at: Instant
    left: bool
    to: str
    secret: bool
    unsure: bool


class GenuinePages(Controller):
    """For everybody; the list needs a session."""

    path = genuine.PATH
    include_in_schema = False

    @get("/")
    async def show(self, visit: Visit, house: PageServices) -> Template:
        return _page(visit, house)

    @post("/", status_code=200)
    async def ask(self, visit: Visit, house: PageServices) -> Template:
        if len(tokens.fold(visit.form.get("code", ""))) != genuine.LENGTH:
            error = Invalid(
                f"a code has {genuine.LENGTH} characters; type all of them, as they stand at the"
                " end of the mail",
                field="code",
            )
            return _page(visit, house, error=error)

        async def work(tx: Tx) -> tuple[bool, Genuine | None]:
            if not await throttle.take(tx, visit.network, "genuine", limit=TRIES, window=WINDOW):
                return False, None
            code, address = visit.form.get("code", ""), visit.form.get("address", "")
            return True, await genuine.find(tx, house.keys, code, address)

        may, found = await house.database.retrying(work)
        if not may:
            often = TooMany("too many questions from your network; try again in ten minutes")
            return _page(visit, house, error=often)
        return _page(visit, house, asked=True, found=found)


class RecentMailPages(Controller):
    """What was sent to the addresses of the account."""

    path = "/account/mail"
    include_in_schema = False

    @get("/")
    async def show(self, visit: Visit, house: PageServices) -> Template:
        session = await visit.session()
        async with house.database.read() as tx:
            points = await queries.contact_points(tx, session.account)
            # An address whose addition is held may be a stranger's, and so is its mail.
            names = [house.accounts.address_key(one.address) for one in points if one.counts]
            found = await genuine.recent(tx, house.keys, names, tx.now - RECENT, MOST)
        return visit.page("mail", mails=[_row(one) for one in found])


def _page(
    visit: Visit,
    house: PageServices,
    *,
    error: MailkeepError | None = None,
    asked: bool = False,
    found: Genuine | None = None,
) -> Template:
    shown = None if found is None else _row(found)
    accounts = house.recovery is not None
    return visit.page("genuine", error=error, asked=asked, found=shown, accounts=accounts)


def _row(one: Genuine) -> MailRow:
    at = one.taken_in if one.at is None else one.at
    return MailRow(one.subject, at, one.at is not None, one.to, one.secret, one.unsure)
