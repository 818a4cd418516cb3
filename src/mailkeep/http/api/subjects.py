"""``/v1/subjects``: an application registers its users, and the addresses that recover them."""

from typing import Annotated, Literal

import msgspec
from litestar import Controller, Response, delete, get, post, put

from mailkeep.accounts import applications, registration
from mailkeep.accounts.registration import Registration
from mailkeep.accounts.subject_views import SubjectView
from mailkeep.accounts.subjects import Subjects
from mailkeep.base.clock import Instant, iso, when
from mailkeep.base.errors import (
    Invalid,
    MailkeepError,
    NotAllowed,
    NotFound,
    NotSignedIn,
    TooMany,
)
from mailkeep.base.secret import Secret
from mailkeep.http.bearer import admit, authorise, basic
from mailkeep.http.port import Incoming, Running
from mailkeep.http.problems import Problem, problem_of
from mailkeep.mail import api_keys
from mailkeep.mail.grants import Grant, Scope
from mailkeep.recovery.services import Recovery
from mailkeep.store.database import Tx

from . import strict_json
from .slices import sliced

MOST = 500  #: subjects in one request

_Text = Annotated[str, msgspec.Meta(max_length=400)]


class SubjectIn(msgspec.Struct, forbid_unknown_fields=True, rename={"account_class": "class"}):
    """A user. ``factor``: ``kept_here``, ``kept_there`` or ``none``."""

    addresses: Annotated[list[_Text], msgspec.Meta(max_length=20)]
    factor: _Text
    account_class: _Text = "customer"
    locale: _Text = ""


class NamedIn(SubjectIn, forbid_unknown_fields=True, rename={"account_class": "class"}):
    """A user among others; ``subject`` is what the application calls them."""

    subject: Annotated[str, msgspec.Meta(max_length=400)] = ""


class SubjectsIn(msgspec.Struct, forbid_unknown_fields=True):
    """Users, up to 500."""

    subjects: Annotated[list[NamedIn], msgspec.Meta(max_length=MOST)]


class HeldOut(msgspec.Struct):
    """A held change. ``what``: ``replace``, or ``erase`` with no fields. ``agreed``: by ``owner``
    or ``application``, and it takes effect at ``due``; null: by nobody so far, and it lapses
    then."""

    id: str
    what: str
    agreed: str | None
    due: str
    addresses: tuple[str, ...] | None
    factor: str | None
    account_class: str | None = msgspec.field(name="class")


class SubjectOut(msgspec.Struct):
    """A user as registered, and what is held."""

    subject: str
    addresses: tuple[str, ...]
    factor: str
    account_class: str = msgspec.field(name="class")
    locale: str
    registered_at: str
    held: HeldOut | None


class TicketOut(msgspec.Struct):
    """The one-time URL where a user binds a second factor."""

    url: str
    expires_at: str


class ResultOut(msgspec.Struct, omit_defaults=True):
    """The result for one user of several, in its place."""

    status: Literal["registered", "held", "refused"]
    subject: SubjectOut | None = None
    problem: Problem | None = None


class ResultsOut(msgspec.Struct):
    results: list[ResultOut]


class SubjectsApi(Controller):
    """Needs a key with the scope ``recover`` that is bound to an application. The key alone changes
    no registered user: the owner agrees by mail, or the application with its secret."""

    path = "/v1/subjects"
    tags = ("subjects",)

    @put("/", status_code=200, summary="Register many users, or change them after a hold")
    async def put_many(self, request: Incoming, running: Running) -> ResultsOut:
        """Each user is handled separately; a refused one does not stop the others."""
        await admit(request, running, Scope.RECOVER)
        given = strict_json.decode(await strict_json.body(request), SubjectsIn).subjects
        grant, subjects = await _allowed(request, running)
        checked: list[tuple[str, Registration] | MailkeepError] = []
        names: set[str] = set()
        async for place, one in sliced(enumerate(given)):
            checked.append(_checked(subjects, one.subject, one, names, f"subjects[{place}]."))
        wanted = [one for one in checked if not isinstance(one, MailkeepError)]
        done = iter(await _register(running, subjects, grant, wanted))
        results = [one if isinstance(one, MailkeepError) else next(done) for one in checked]
        return ResultsOut([_result(one) for one in results])

    @put("/{subject:str}", status_code=200, summary="Register a user, or change one after a hold")
    async def put_one(
        self, request: Incoming, running: Running, subject: str
    ) -> Response[SubjectOut]:
        """202 where the change is held: until it is ``due`` recovery uses the earlier data."""
        await admit(request, running, Scope.RECOVER)
        given = strict_json.decode(await strict_json.body(request), SubjectIn)
        grant, subjects = await _allowed(request, running)
        checked = _checked(subjects, subject, given, set(), "")
        if isinstance(checked, MailkeepError):
            raise checked
        (view,) = await _register(running, subjects, grant, [checked])
        if isinstance(view, MailkeepError):
            raise view
        return Response(shown(view), status_code=200 if view.due is None else 202)

    @get("/{subject:str}", summary="One user")
    async def show(self, request: Incoming, running: Running, subject: str) -> SubjectOut:
        grant, subjects = await _allowed(request, running)
        async with running.database.read() as tx:
            return shown(await subjects.get(tx, grant.application, subject))

    @delete("/{subject:str}", status_code=202, summary="Forget a user, after a hold")
    async def erase(self, request: Incoming, running: Running, subject: str) -> SubjectOut:
        grant, subjects = await _allowed(request, running)

        async def work(tx: Tx) -> SubjectView | TooMany:
            await _still(tx, grant)
            return await subjects.erase(tx, grant.application, grant.id, subject)

        done = await running.database.retrying(work)
        if isinstance(done, TooMany):
            raise done
        return shown(done)

    @post(
        "/{subject:str}/held/{change:str}/vouch",
        status_code=202,
        summary="The application answers for what is held",
    )
    async def vouch(
        self, request: Incoming, running: Running, subject: str, change: str
    ) -> SubjectOut:
        """With the application's id and secret (HTTP Basic), and no API key. It takes effect after
        the hold; 409: something else is held by now."""
        recovery, client = _application(request, running)

        async def work(tx: Tx) -> SubjectView:
            application = await applications.authenticate(tx, running.keys, *client)
            return await recovery.answers.vouch(tx, application.id, subject, change)

        return shown(await running.database.retrying(work))

    @post(
        "/{subject:str}/factors/ticket",
        status_code=201,
        summary="Send a user to bind a second factor that Mailkeep keeps",
    )
    async def ticket(self, request: Incoming, running: Running, subject: str) -> TicketOut:
        """With the application's id and secret (HTTP Basic), and no API key. Send the browser of
        the user, who is signed in at your site, to ``url``: once, by ``expires_at``."""
        _, client = _application(request, running)

        async def work(tx: Tx) -> tuple[Secret, Instant]:
            application = await applications.authenticate(tx, running.keys, *client)
            return await running.accounts.keeping.ticket(tx, application.id, subject)

        secret, until = await running.database.retrying(work)
        return TicketOut(f"{running.public_url.rstrip('/')}/keep#{secret.reveal()}", iso(until))


async def _allowed(request: Incoming, running: Running) -> tuple[Grant, Subjects]:
    grant = await authorise(request, running, Scope.RECOVER)
    if running.recovery is None:
        raise NotFound("there are no accounts here")
    if not grant.application:
        raise NotAllowed("this key is bound to no application")
    return grant, running.recovery.subjects


def _application(request: Incoming, running: Running) -> tuple[Recovery, tuple[str, str]]:
    """The id and secret that an application shows, to be looked at. Raises ``NotSignedIn``."""
    client = basic(request.headers.get("Authorization", ""))
    if running.recovery is None or client is None:
        raise NotSignedIn("send the application's id and secret as HTTP Basic")
    return running.recovery, client


async def _still(tx: Tx, grant: Grant) -> None:
    """A key that was revoked meanwhile registers nobody."""
    if grant.id not in await api_keys.still_valid(tx, {grant.id}):
        raise NotSignedIn("the API key has been revoked")


async def _register(
    running: Running,
    subjects: Subjects,
    grant: Grant,
    wanted: list[tuple[str, Registration]],
) -> list[SubjectView | MailkeepError]:
    async def work(tx: Tx) -> list[SubjectView | MailkeepError]:
        await _still(tx, grant)
        return await subjects.register(tx, grant.application, grant.id, wanted)

    return await running.database.retrying(work)


def _checked(
    subjects: Subjects, name: str, given: SubjectIn, names: set[str], field: str
) -> tuple[str, Registration] | Invalid:
    try:
        name = registration.subject(name)
        if name in names:
            raise Invalid("this subject is given twice", field="subject")
        names.add(name)
    except Invalid as error:
        return Invalid(str(error), field=f"{field}{error.field}")
    try:
        return name, registration.check(
            *(given.addresses, given.account_class, given.factor, given.locale),
            subjects.classes,
            field=field,
        )
    except Invalid as error:
        return error


def _result(one: SubjectView | MailkeepError) -> ResultOut:
    if isinstance(one, MailkeepError):
        return ResultOut("refused", problem=problem_of(one))
    return ResultOut("registered" if one.due is None else "held", subject=shown(one))


def shown(one: SubjectView) -> SubjectOut:
    """A user as the API writes them."""
    held = None
    if one.due is not None:
        wanted = one.pending
        held = HeldOut(
            id=one.change,
            what=one.kind,
            agreed=one.agreed or None,
            due=iso(one.due),
            addresses=None if wanted is None else wanted.addresses,
            factor=None if wanted is None else wanted.factor.value,
            account_class=None if wanted is None else wanted.account_class,
        )
    stands = one.stands
    return SubjectOut(
        subject=one.subject,
        addresses=stands.addresses,
        factor=stands.factor.value,
        account_class=stands.account_class,
        locale=stands.locale,
        registered_at=when(one.since) or "",
        held=held,
    )
