"""Pages of an account's addresses: add, confirm, remove; and stop changes that are held."""

import msgspec
from litestar import Controller, get, post
from litestar.response import Redirect, Template

from mailkeep.accounts import queries
from mailkeep.accounts.factors.held import counted
from mailkeep.accounts.types import (
    MOST_ADDRESSES,
    Change,
    ChangeKind,
    ContactPoint,
    SessionView,
    SignUp,
)
from mailkeep.base import tokens
from mailkeep.base.clock import Instant
from mailkeep.base.errors import Conflict, Invalid, MailkeepError, NotFound, NotSignedIn, TooMany
from mailkeep.mail.types import NewMessage
from mailkeep.recovery import change_mails, mails

from .showing import is_fresh, show_again
from .visit import CONFIRMATION, PageServices, Visit


class AddressRow(msgspec.Struct, frozen=True):
    """An address in the list. ``state``: counts, added, removed; ``when`` that ends (0: never)."""

    id: str
    address: str
    state: str
    when: Instant


class AddressPages(Controller):
    """Everything here needs a session, and every change everything that opens one."""

    path = "/account/addresses"
    include_in_schema = False

    @get("/")
    async def show(self, visit: Visit, house: PageServices) -> Template:
        return await _addresses(visit, house, await visit.session())

    @post("/", status_code=200)
    async def add(self, visit: Visit, house: PageServices) -> Template | Redirect:
        """Mail a code to a new address; nothing comes of it before the code was typed."""
        session = await visit.session()
        address = visit.form.get("address", "")
        try:
            factor = await show_again(visit, house, session)
            made = await house.accounts.contacts.add(
                session.account, address, visit.network, factor=factor
            )
        except (Conflict, Invalid, NotSignedIn, TooMany) as error:
            return await _addresses(visit, house, session, error, at="add")
        await _mail(house, made)
        visit.confirming(made.confirmation, made.address)
        return visit.go("/account/addresses/confirm")

    @get("/confirm")
    async def confirm_form(self, visit: Visit) -> Template:
        await visit.session()
        return visit.page("address_confirm", address=visit.remembered_address)

    @post("/confirm", status_code=200)
    async def confirm(self, visit: Visit, house: PageServices) -> Template | Redirect:
        session = await visit.session()
        try:
            await house.accounts.contacts.confirm(
                session.account,
                visit.cookie(CONFIRMATION),
                visit.form.get("code", ""),
                visit.network,
            )
        except (Conflict, TooMany) as error:
            return visit.page("address_confirm", error=error, address=visit.remembered_address)
        visit.confirmed()
        visit.tell("address_added")
        return visit.go("/account/addresses")

    @post("/remove", status_code=200)
    async def remove(self, visit: Visit, house: PageServices) -> Template | Redirect:
        session = await visit.session()
        try:
            factor = await show_again(visit, house, session)
            point = visit.form.get("point", "")
            await house.accounts.contacts.remove(session.account, point, factor=factor)
        except (Conflict, NotFound, NotSignedIn, TooMany) as error:
            return await _addresses(visit, house, session, error, at="remove")
        visit.tell("address_removed")
        return visit.go("/account/addresses")

    @post("/stop", status_code=200)
    async def stop(self, visit: Visit, house: PageServices) -> Template | Redirect:
        """Take back every held change. It asks for everything too: who stole a session must not
        keep an address in the account that its owner removes."""
        session = await visit.session()
        try:
            await show_again(visit, house, session)
        except (NotSignedIn, TooMany) as error:
            return await _addresses(visit, house, session, error, at="stop")
        async with house.database.write() as tx:
            await queries.account(tx, session.account, lock=True)
            await house.accounts.changes.stop(tx, session.account)
        visit.tell("changes_stopped")
        return visit.go("/account/addresses")


async def _addresses(
    visit: Visit,
    house: PageServices,
    session: SessionView,
    error: MailkeepError | None = None,
    *,
    at: str = "",
) -> Template:
    """The page; with an error, ``at`` is the form that it is about."""
    async with house.database.read() as tx:
        points = await queries.contact_points(tx, session.account)
        held = await house.accounts.changes.held(tx, session.account)
        bound = await house.accounts.factors.bound(tx, session.account)
        kinds = {one.kind.value for one in counted(bound)}
        factor = await queries.has_factor(tx, session.account)
        password = await queries.has_password(tx, session.account)
    news = [w for w in ("address_added", "address_removed", "changes_stopped") if visit.told(w)]
    return visit.page(
        "addresses",
        error=error,
        at=at,
        news=news[0] if news else "",
        rows=[_row(point, held) for point in points],
        held=[one for one in held if one.what in {ChangeKind.ADDED, ChangeKind.REMOVED}],
        factor=factor,
        kinds=kinds,
        password=password,
        fresh=is_fresh(house, session),
        most=MOST_ADDRESSES,
        chosen=visit.form.get("point", ""),
    )


def _row(point: ContactPoint, held: list[Change]) -> AddressRow:
    of = {one.id: one for one in held}
    for state, change in (("removed", point.removed_by), ("added", point.added_by)):
        if change is not None:
            until = of[change].until if change in of else 0
            return AddressRow(point.id, point.address, state, until)
    return AddressRow(point.id, point.address, "counts", 0)


async def _mail(house: PageServices, made: SignUp) -> None:
    """Mail the code; to an address that is taken, a word about that instead."""
    if not made.mail or house.recovery is None:
        return
    settings = house.recovery.settings
    code = None if made.code is None else made.code.reveal()
    grouped = "" if code is None else tokens.grouped(code)
    words = house.accounts.languages.of(made.locale)
    writer = mails.MailComposer(settings, house.public_url, words)
    content = change_mails.confirm(writer, made.address, code, grouped)
    new = house.intake.check(NewMessage(settings.confirmations, content))
    async with house.database.write() as tx:
        await house.intake.accept(tx, new)
