"""``mailkeep receivers``: the services that receive security events (Shared Signals)."""

from typing import Annotated

import typer

from mailkeep.accounts import applications
from mailkeep.accounts import queries as accounts
from mailkeep.base import addresses
from mailkeep.base.clock import HOUR, when
from mailkeep.base.errors import BadSettings, NotFound
from mailkeep.base.ids import is_id
from mailkeep.base.keys import KeyRing
from mailkeep.signals import queries, receivers
from mailkeep.signals.types import ReceiverView
from mailkeep.store.database import Database, Tx

from .house import DEFAULT_HOME, Home, in_development, operator, read, settings, write
from .output import Json, group, result, table

app = group("Services that are told of security events.")

Name = Annotated[str, typer.Argument(help="The name that it was added under, or its id.")]


@app.command()
def add(
    name: Annotated[str, typer.Argument(help="What it is called here.")],
    audience: Annotated[
        str, typer.Option(help="What it calls itself: the aud of what it is told, as its URL.")
    ],
    push_to: Annotated[
        list[str] | None,
        typer.Option(help="Origin that events may be pushed to, https://HOST; may be repeated."),
    ] = None,
    application: Annotated[
        str | None,
        typer.Option(help="It hears of the users of this application, under its own names."),
    ] = None,
    as_json: Json = False,
    home: Home = DEFAULT_HOME,
) -> None:
    """Name a service that may ask for security events, and print its token, once."""
    if settings(home).signals is None:
        raise BadSettings("the settings have no [signals]: no receiver would be heard")
    loopback = in_development(home)

    async def work(_database: Database, tx: Tx) -> tuple[str, str]:
        of = "" if application is None else (await applications.named(tx, application)).id
        found, token = await receivers.add(
            tx,
            KeyRing(home),
            name,
            audience,
            push_to or (),
            application=of,
            loopback=loopback,
            by=operator(),
        )
        return found.id, token

    receiver, token = write(home, work)
    result({"id": receiver, "name": name, "token": token}, token, as_json=as_json)


@app.command("list")
def show(as_json: Json = False, home: Home = DEFAULT_HOME) -> None:
    """List the receivers: their streams, what waits, and what they acknowledged."""
    found = read(home, queries.overview)
    rows = [_row(one) for one in found]
    documents = [_document(one) for one in found]
    result(documents, table(rows, "No receiver so far."), as_json=as_json)


@app.command()
def rotate(
    name: Name,
    overlap: Annotated[
        float, typer.Option(min=0, help="Hours for which the old token is still good.")
    ],
    as_json: Json = False,
    home: Home = DEFAULT_HOME,
) -> None:
    """Make a new token, print it once, and end the old one."""

    async def work(_database: Database, tx: Tx) -> str:
        return await receivers.rotate(tx, KeyRing(home), name, round(overlap * HOUR), by=operator())

    token = write(home, work)
    result({"name": name, "token": token}, token, as_json=as_json)


@app.command()
def remove(name: Name, as_json: Json = False, home: Home = DEFAULT_HOME) -> None:
    """Tell a service nothing more; its stream and what it acknowledged are forgotten."""

    async def work(_database: Database, tx: Tx) -> str:
        return (await receivers.remove(tx, name, by=operator())).id

    receiver = write(home, work)
    result({"id": receiver, "name": name}, "It is told nothing more.", as_json=as_json)


@app.command()
def subject(
    name: Name,
    account: Annotated[str, typer.Argument(help="An account's id, or its address.")],
    as_json: Json = False,
    home: Home = DEFAULT_HOME,
) -> None:
    """Say what a receiver knows an account as: the sub of the events that it is told."""
    keys = KeyRing(home)

    async def work(tx: Tx) -> str:
        receiver = await receivers.named(tx, name)
        found = account
        if not is_id("acc", account):
            key = keys.pseudonym("address", addresses.key(addresses.parse(account)))
            point = await accounts.by_address(tx, key, receiver.application)
            if point is None:
                raise NotFound("no account that it hears of has that address")
            found = point.account
        known = await receivers.subject(tx, keys, receiver, found)
        if known is None:
            raise NotFound("it hears of no such account")
        return known

    found = read(home, work)
    result({"receiver": name, "sub": found}, found, as_json=as_json)


def _row(one: ReceiverView) -> tuple[str, ...]:
    stream = one.stream
    state = "no stream" if stream is None else stream.status.value
    how = "" if stream is None else stream.endpoint or "polls"
    trouble = one.error if one.failing_since is not None else (stream and stream.reason)
    return (
        one.receiver.name,
        state,
        f"{one.waiting} waiting",
        f"{one.acknowledged} acknowledged",
        f"{one.refused} refused",
        f"{one.dropped} dropped",
        how,
        trouble or "",
    )


def _document(one: ReceiverView) -> dict[str, object]:
    stream = one.stream
    return {
        "id": one.receiver.id,
        "name": one.receiver.name,
        "audience": one.receiver.audience,
        "push_to": one.receiver.origins,
        "application": one.receiver.application or None,
        "created_at": when(one.receiver.created_at),
        "stream": None if stream is None else stream.id,
        "status": None if stream is None else stream.status.value,
        "reason": None if stream is None else stream.reason,
        "endpoint": None if stream is None else stream.endpoint or None,
        "waiting": one.waiting,
        "acknowledged": one.acknowledged,
        "refused": one.refused,
        "dropped": one.dropped,
        "failing_since": when(one.failing_since),
        "error": one.error,
    }
