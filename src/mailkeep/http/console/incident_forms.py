"""Console forms of incidents: what a person says of one. Opened, noted, from when to when it was,
what the regulator was told, of what it is a part, and why it is closed.

Whoever is refused has the page again with what they typed (``refusing``).
"""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, TypeVar

from litestar import Controller, Response, post
from litestar.response import Template

from mailkeep.base.clock import Instant
from mailkeep.base.errors import Invalid
from mailkeep.http.port import Incoming, Running
from mailkeep.incidents import duties
from mailkeep.incidents.by_hand import Saying
from mailkeep.incidents.types import Duty
from mailkeep.incidents.words import instant
from mailkeep.operators.permissions import Permission
from mailkeep.response.todo import still_to_do
from mailkeep.store.database import Tx
from mailkeep.watch.types import Hypothesis

from . import providers
from .cases import Cases
from .incidents import shown, to
from .operator import Operator, needs
from .refusing import or_again
from .showing import page

T = TypeVar("T", Hypothesis, Duty)

_WORK = needs(Permission.INCIDENTS_WORK)


class IncidentForms(Controller):
    """What is typed about an incident."""

    path = "/console/incidents"
    include_in_schema = False

    @post("/open", opt=_WORK)
    async def open(self, request: Incoming, running: Running, operator: Operator) -> Response[Any]:
        """On a person's word; where one is open about the same, it is said there."""
        form = operator.form
        subject = form.get("subject", "")

        async def work() -> Response[Any]:
            what = _word(Hypothesis, form.get("hypothesis", ""), "hypothesis")
            window = _window(form, running.database.clock.now())
            saying = Saying(what, subject, form.get("reason", ""), *window)
            found, _ = await running.database.retrying(
                lambda tx: running.incidents.by_hand.open(tx, saying, by=operator.actor)
            )
            return to(found)

        return await or_again(
            request, operator, work, lambda now: providers.shown(running, now, subject)
        )

    @post("/{incident:str}/notes", opt=_WORK)
    async def note(
        self, request: Incoming, running: Running, operator: Operator, cases: Cases, incident: str
    ) -> Response[Any]:
        text = operator.form.get("text", "")

        async def work(tx: Tx) -> None:
            await running.incidents.note(tx, incident, text, by=operator.actor)

        return await _say(request, running, operator, cases, incident, work)

    @post("/{incident:str}/window", opt=_WORK)
    async def window(
        self, request: Incoming, running: Running, operator: Operator, cases: Cases, incident: str
    ) -> Response[Any]:
        form = operator.form

        async def work(tx: Tx) -> None:
            since, until = _window(form, tx.now)
            reason = form.get("reason", "")
            await running.incidents.by_hand.window(
                tx, incident, since, until, reason, by=operator.actor
            )

        return await _say(request, running, operator, cases, incident, work)

    @post("/{incident:str}/regulator", opt=_WORK)
    async def regulator(
        self, request: Incoming, running: Running, operator: Operator, cases: Cases, incident: str
    ) -> Response[Any]:
        form = operator.form

        async def work(tx: Tx) -> None:
            duty = _word(Duty, form.get("duty", ""), "duty")
            at, reference = instant(form.get("at", ""), "at"), form.get("reference", "")
            await duties.say(
                tx, running.incidents, incident, duty, at, reference, by=operator.actor
            )

        return await _say(request, running, operator, cases, incident, work)

    @post("/{incident:str}/merge", opt=_WORK)
    async def merge(
        self, request: Incoming, running: Running, operator: Operator, cases: Cases, incident: str
    ) -> Response[Any]:
        """Into the one that was chosen; into none: it is split off."""
        into = operator.form.get("into", "")

        async def work(tx: Tx) -> None:
            if into:
                await running.incidents.merge(tx, incident, into, by=operator.actor)
            else:
                await running.incidents.split(tx, incident, by=operator.actor)

        return await _say(request, running, operator, cases, incident, work)

    @post("/{incident:str}/close", opt=_WORK)
    async def close(
        self, request: Incoming, running: Running, operator: Operator, cases: Cases, incident: str
    ) -> Response[Any]:
        async def ask(now: Operator) -> Template:
            case = await cases.look(incident)
            return page(now, "close", "/incidents", case=case, owed=still_to_do(case))

        async def work() -> Response[Any]:
            why = operator.form.get("text", "")
            await running.database.retrying(
                lambda tx: running.incidents.close(tx, incident, why, by=operator.actor)
            )
            return to(incident)

        if operator.form.get("sure") != "yes":
            return await ask(operator)
        return await or_again(request, operator, work, ask)


async def _say(
    request: Incoming,
    running: Running,
    operator: Operator,
    cases: Cases,
    incident: str,
    work: Callable[[Tx], Awaitable[None]],
) -> Response[Any]:
    """Do what was typed on the page of the incident, and go back to it."""

    async def do() -> Response[Any]:
        await running.database.retrying(work)
        return to(incident)

    return await or_again(request, operator, do, lambda now: shown(running, now, cases, incident))


def _word(kind: type[T], said: str, field: str) -> T:
    """Raises ``Invalid``."""
    try:
        return kind(said)
    except ValueError:
        raise Invalid("say what it is", field=field) from None


def _window(form: Mapping[str, str], now: Instant) -> tuple[Instant | None, Instant | None]:
    """From when to when, as a form says it. Raises ``Invalid``."""
    since, until = form.get("since", ""), form.get("until", "")
    return instant(since, "since"), instant(until, "until", end=now)
