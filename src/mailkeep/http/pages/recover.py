"""Recovery pages: ask, give both proofs in one browser, choose a password; and 'this was not me'.

Opening any of these pages redeems nothing: mail scanners open links in full browsers. The secret of
a link stands in its fragment, and the page's script copies it into the form; a person presses the
button. Without the script it is typed.
"""

from collections.abc import Sequence
from functools import reduce

from litestar import Controller, Response, get, post
from litestar.response import Redirect, Template
from markupsafe import Markup

from mailkeep.accounts import applications
from mailkeep.base.clock import SECOND, iso
from mailkeep.base.errors import Conflict, Invalid, MailkeepError, NotFound, NotSignedIn, TooMany
from mailkeep.http.oauth import asking
from mailkeep.http.policy import NAME, policy
from mailkeep.http.speech import Speech
from mailkeep.recovery.services import Recovery

from .visit import ASKED, CROWDED, DENIED, PageServices, Visit

_SAID_SECONDS = 900  #: for which the answer to a denial can be seen again
#: Why a recovery is held, as its owner reads it; what would help a thief is not said.
WHY = {
    "device": "why.device",
    "risk": "why.risk",
    "route": "why.route",
    "ordered": "why.ordered",
    "denied": "why.denied",
    "lost": "why.lost",
    "factor": "why.factor",
    "alone": "why.alone",
}


def _recovery(house: PageServices) -> Recovery:
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
    async def ask(self, visit: Visit, house: PageServices) -> Template | Redirect:
        recovery = _recovery(house)
        try:
            crowded = await recovery.ask(
                visit.form.get("address", ""),
                browser=visit.browser,
                network=visit.network,
                nets=visit.nets,
            )
        except Invalid as error:
            return visit.page("recover", error=error)
        visit.asked(crowded=crowded, window=recovery.settings.window)
        return visit.go("/recover/proof")

    @get("/recover/proof")
    async def proof_form(self, visit: Visit, house: PageServices) -> Template:
        return await _proof(visit, house)

    @post("/recover/proof", status_code=200)
    async def prove(self, visit: Visit, house: PageServices) -> Template | Redirect:
        """Each proof that was typed is looked at; what is right counts, also beside a wrong one."""
        recovery = _recovery(house)
        proving = recovery.proving
        error: Conflict | TooMany | None = None
        given = 0
        for field, take in (("long", proving.link), ("code", proving.code)):
            typed = visit.form.get(field, "").strip()
            if not typed:
                continue
            given += 1
            try:
                await take(visit.browser, visit.network, typed)
            except (Conflict, TooMany) as refused:
                error = error or refused
        if not given:
            error = Conflict("type at least one of the two", field="long")
        await recovery.finishing.advance(visit.origin)
        if error is not None:
            return await _proof(visit, house, error)
        return visit.go("/recover/proof")

    @post("/recover/factor/ask", status_code=200)
    async def ask_factor(self, visit: Visit, house: PageServices) -> Response[str]:
        """What the account's passkeys are asked, once both proofs are in this browser."""
        return visit.json(await _recovery(house).finishing.ask(visit.origin))

    @post("/recover/lost", status_code=200)
    async def lost(self, visit: Visit, house: PageServices) -> Template | Redirect:
        """The second factor is lost, and the house lets a long wait take its place."""
        recovery = _recovery(house)
        try:
            await recovery.finishing.lose(visit.origin)
        except Conflict as error:
            progress = await recovery.finishing.progress(visit.origin)
            return await _proof(visit, house, None if progress.word == "held" else error)
        return visit.go("/recover/proof")

    @post("/recover/finish", status_code=200)
    async def finish(self, visit: Visit, house: PageServices) -> Template | Redirect:
        recovery = _recovery(house)
        try:
            handed = await recovery.finishing.finish(
                visit.form.get("password", ""),
                visit.typed("factor") if visit.answered("factor") else None,
                origin=visit.origin,
            )
        except (Conflict, Invalid, NotSignedIn, TooMany) as error:
            return await _proof(visit, house, error)
        if handed is not None:
            issuer = asking.issuer(house.public_url)
            code = handed.code.reveal()
            visit.forget(ASKED, CROWDED)
            return visit.go(asking.back(handed.redirect_uri, issuer, handed.state, code=code))
        visit.forget(ASKED, CROWDED)
        return visit.go("/recover/done")

    @get("/recover/done")
    async def done(self, visit: Visit) -> Template:
        return visit.page("done")

    @get("/deny")
    async def deny_form(self, visit: Visit, house: PageServices) -> Template:
        return visit.page("deny", freeze=_freeze(visit, house))

    @post("/deny", status_code=200)
    async def deny(self, visit: Visit, house: PageServices) -> Template:
        """The answer is the same for every secret."""
        recovery, secret = _recovery(house), visit.form.get("secret", "")
        await recovery.denying.deny(secret, visit.browser)
        await house.accounts.changes.deny(secret)
        await recovery.answers.stop(secret)
        visit.keep(DENIED, "1", max_age=_SAID_SECONDS)
        return visit.page("denied", freeze=_freeze(visit, house))

    @get("/deny/said")
    async def denied(self, visit: Visit, house: PageServices) -> Template | Redirect:
        """The answer once more, for a switch of languages. Who pressed no button here is led to it:
        else a phisher's link would tell them that all is stopped."""
        if not visit.cookie(DENIED):
            return visit.go("/deny")
        return visit.page("denied", freeze=_freeze(visit, house))

    @get("/change")
    async def change_form(self, visit: Visit, house: PageServices) -> Template:
        _recovery(house)
        return visit.page("change", said="")

    @post("/change", status_code=200)
    async def change(self, visit: Visit, house: PageServices) -> Template:
        """What an application wants changed of how its user is recovered: was it them? The answer
        is the same for every secret."""
        recovery, secret = _recovery(house), visit.form.get("secret", "")
        said = visit.form.get("answer", "")
        if said == "mine":
            await recovery.agree(secret)
        elif said == "stop":
            await recovery.answers.stop(secret)
        return visit.page("change", said=said if said in {"mine", "stop"} else "")


async def _proof(visit: Visit, house: PageServices, error: MailkeepError | None = None) -> Template:
    """The page that says how far this browser has come, and for whom.

    For a user of an application the last form leads back there, so the browser must be let.
    """
    recovery = _recovery(house)
    progress = await recovery.finishing.progress(visit.origin)
    hold, speaks = progress.hold, visit.speech
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
        begun=bool(visit.cookie(ASKED)) or progress.link or progress.code,
        crowded=bool(visit.cookie(CROWDED)) and not (progress.link or progress.code),
        headers=headers,
        length="" if hold is None else speaks.span(hold.length / SECOND),
        until="" if hold is None or hold.until is None else iso(hold.until),
        reasons=""
        if hold is None
        else _joined(speaks, [speaks.say(WHY[one]) for one in hold.reasons if one in WHY]),
        most=speaks.span(recovery.settings.hold_most),
        alone=speaks.span(recovery.settings.hold_alone),
    )


def _joined(speaks: Speech, said: Sequence[Markup]) -> Markup:
    """Several things in one sentence, as each language parts them."""
    if not said:
        return Markup()
    return reduce(lambda one, other: speaks.say("pages.then", one=one, other=other), said)


def _freeze(visit: Visit, house: PageServices) -> str:
    return visit.speech.span(_recovery(house).settings.freeze)
