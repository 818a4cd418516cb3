"""Recovery: ask, give both proofs in one browser, choose a password; and 'this was not me'.

Opening any of these pages redeems nothing: scanners open links in full browsers. The secret of a
link stands in its fragment, which the page's script writes into the form; a person presses the
button. Without the script it is typed.
"""

from litestar import Controller, get, post
from litestar.response import Redirect, Template

from mailkeep.accounts import applications
from mailkeep.base.errors import Conflict, Invalid, MailkeepError, NotFound, NotSignedIn
from mailkeep.http.oauth import asking
from mailkeep.http.policy import NAME, policy
from mailkeep.recovery.services import Recovery

from .visit import House, Visit


def _recovery(house: House) -> Recovery:
    if house.recovery is None:
        raise NotFound("there are no accounts here")
    return house.recovery


class RecoverPages(Controller):
    """The way back into an account."""

    path = "/"
    include_in_schema = False

    @get("/recover")
    async def form(self, visit: Visit) -> Template:
        return visit.page("recover")

    @post("/recover", status_code=200)
    async def ask(self, visit: Visit, house: House) -> Template | Redirect:
        try:
            await _recovery(house).ask(
                visit.form.get("address", ""), browser=visit.browser, network=visit.network
            )
        except Invalid as error:
            return visit.page("recover", error=error)
        return visit.go("/recover/proof")

    @get("/recover/proof")
    async def proof_form(self, visit: Visit, house: House) -> Template:
        return await _proof(visit, house)

    @post("/recover/proof", status_code=200)
    async def prove(self, visit: Visit, house: House) -> Template | Redirect:
        """Each proof that was typed is looked at; what is right counts, also beside a wrong one."""
        proving = _recovery(house).proving
        error: Conflict | None = None
        given = 0
        for field, take in (("long", proving.link), ("code", proving.code)):
            typed = visit.form.get(field, "").strip()
            if not typed:
                continue
            given += 1
            try:
                await take(visit.browser, visit.network, typed)
            except Conflict as refused:
                error = error or refused
        if not given:
            error = Conflict("type at least one of the two", field="long")
        if error is not None:
            return await _proof(visit, house, error)
        return visit.go("/recover/proof")

    @post("/recover/finish", status_code=200)
    async def finish(self, visit: Visit, house: House) -> Template | Redirect:
        recovery = _recovery(house)
        try:
            handed = await recovery.finish(
                visit.form.get("password", ""),
                visit.form.get("factor") or None,
                browser=visit.browser,
            )
        except (Conflict, Invalid, NotSignedIn) as error:
            return await _proof(visit, house, error)
        if handed is not None:
            issuer = asking.issuer(house.public_url)
            code = handed.code.reveal()
            return visit.go(asking.back(handed.redirect_uri, issuer, handed.state, code=code))
        return visit.go("/recover/done")

    @get("/recover/done")
    async def done(self, visit: Visit) -> Template:
        return visit.page("done")

    @get("/deny")
    async def deny_form(self, visit: Visit) -> Template:
        return visit.page("deny", said=False)

    @post("/deny", status_code=200)
    async def deny(self, visit: Visit, house: House) -> Template:
        """The answer is the same for every secret."""
        secret = visit.form.get("secret", "")
        await _recovery(house).deny(secret)
        await house.accounts.changes.deny(secret)
        return visit.page("deny", said=True)


async def _proof(visit: Visit, house: House, error: MailkeepError | None = None) -> Template:
    """The page that says how far this browser has come, and for whom.

    For a user of an application the last form leads back there, so the browser must be let.
    """
    recovery = _recovery(house)
    progress = await recovery.proving.progress(visit.browser)
    application, headers = None, {}
    async with house.database.read() as tx:
        asked = await recovery.verdicts.asked(tx, visit.browser, progress.application)
        if progress.application or (asked is not None and progress.word == "none"):
            whose = progress.application or (asked.application if asked else "")
            application = await applications.get(tx, whose)
    if application is not None and asked is not None:
        headers = {NAME: policy(forms=applications.origins([asked.redirect_uri]))}
    return visit.page(
        "proof",
        error=error,
        progress=progress,
        application=application,
        sent=asked is not None,
        headers=headers,
    )
