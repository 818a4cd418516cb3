"""Sign-up pages: the same answer and the same work whether or not the address has an account."""

from litestar import Controller, get, post
from litestar.response import Redirect, Template

from mailkeep.accounts.types import SignUp
from mailkeep.base.errors import Conflict, Invalid
from mailkeep.mail.types import NewMessage
from mailkeep.recovery import mails

from .visit import CONFIRMATION, PageServices, Visit


class SignUpPages(Controller):
    """An address and a password, then the code that was mailed."""

    path = "/sign-up"
    include_in_schema = False

    @get("/")
    async def form(self, visit: Visit) -> Template:
        return visit.page("sign_up")

    @post("/", status_code=200)
    async def sign_up(self, visit: Visit, house: PageServices) -> Template | Redirect:
        try:
            made = await house.accounts.sign_up(
                visit.form.get("address", ""),
                visit.form.get("password", ""),
                visit.network,
                locale=visit.language,
            )
        except Invalid as error:
            return visit.page("sign_up", error=error)
        await _mail(house, made)
        visit.confirming(made.confirmation, made.address)
        return visit.go("/sign-up/confirm")

    @get("/confirm")
    async def confirm_form(self, visit: Visit) -> Template:
        again = visit.told("sent_again")
        return visit.page("confirm", address=visit.remembered_address, again=again)

    @post("/again", status_code=200)
    async def again(self, visit: Visit, house: PageServices) -> Redirect:
        """The mail once more; the answer is the same whatever became of it."""
        accounts, address = house.accounts, visit.remembered_address
        if not address:
            return visit.go("/sign-up")
        key = accounts.address_key(address)
        made = await accounts.confirming.again(
            visit.cookie(CONFIRMATION), address, key, visit.network
        )
        await _mail(house, made)
        visit.confirming(made.confirmation, address)
        visit.tell("sent_again")
        return visit.go("/sign-up/confirm")

    @post("/confirm", status_code=200)
    async def confirm(self, visit: Visit, house: PageServices) -> Template | Redirect:
        try:
            await house.accounts.confirm(
                visit.cookie(CONFIRMATION), visit.form.get("code", ""), visit.network
            )
        except Conflict as error:
            address = visit.remembered_address
            return visit.page("confirm", error=error, address=address, again=False)
        visit.confirmed()
        visit.tell("address_confirmed")
        return visit.go("/sign-in")


async def _mail(house: PageServices, made: SignUp) -> None:
    """Mail the code; to an address that is taken, a word about that instead."""
    if not made.mail or house.recovery is None:
        return
    settings = house.recovery.settings
    code = None if made.code is None else made.code.reveal()
    words = house.accounts.languages.of(made.locale)
    writer = mails.MailComposer(settings, house.public_url, words)
    content = mails.confirmation(writer, made.address, code)
    new = house.intake.check(NewMessage(settings.confirmations, content))
    async with house.database.write() as tx:
        await house.intake.accept(tx, new)
