"""``mailkeep keys``: create API keys (shown once), rotate and revoke them."""

from typing import Annotated

import typer

from mailkeep.accounts import applications
from mailkeep.base.clock import DAY, HOUR, SystemClock, readable, when
from mailkeep.base.errors import BadSettings
from mailkeep.base.keys import KeyRing
from mailkeep.base.wording import nearest
from mailkeep.mail import api_keys
from mailkeep.mail.api_keys import KeyView
from mailkeep.mail.grants import Scope
from mailkeep.operators import services as operators
from mailkeep.store.database import Database, Tx

from .house import DEFAULT_HOME, Home, operator, read, settings, write
from .output import Json, group, plain, result

app = group("API keys.")


Name = Annotated[str, typer.Argument(help="The name that it was made under, or its id.")]


@app.command()
def create(
    name: Annotated[str, typer.Argument(help="What or whom it is for.")],
    scope: Annotated[
        list[str],
        typer.Option(
            help="send, read, recover, report, audit, observe, privacy or operate; repeatable."
        ),
    ],
    stream: Annotated[list[str] | None, typer.Option(help="Only these streams.")] = None,
    domain: Annotated[
        list[str] | None,
        typer.Option(help="Only senders of these domains; .example.com: those below it."),
    ] = None,
    network: Annotated[
        list[str] | None, typer.Option(help="Only from these networks, as 192.0.2.0/24.")
    ] = None,
    application: Annotated[
        str, typer.Option(help="Registers the users of this application; see applications list.")
    ] = "",
    owner: Annotated[
        str,
        typer.Option(
            help="The person who acts with it; their id of `operators present`, where there are"
            " any. Without one it is a program's, and no second person."
        ),
    ] = "",
    days: Annotated[float | None, typer.Option(min=0, help="It ends after so many days.")] = None,
    as_json: Json = False,
    home: Home = DEFAULT_HOME,
) -> None:
    """Make an API key and print it, once."""
    if not 0 < len(name) <= 80:
        raise BadSettings("a name has 1 to 80 characters")
    if len(owner) > 80:
        raise BadSettings("an owner has 80 characters at most")
    for one in scope:
        if one not in [*Scope]:
            raise BadSettings(f"no scope {one!r}{nearest(one, [*Scope])}")
    streams = settings(home).streams()
    for one in stream or ():
        if streams and one not in streams:
            raise BadSettings(f"no stream {one!r}{nearest(one, streams)}")

    async def work(_database: Database, tx: Tx) -> str:
        whose = (await applications.named(tx, application)).id if application else ""
        if owner.startswith("opr_") and owner not in await operators.names(tx):
            raise BadSettings(f"no operator {owner!r}")
        return await api_keys.create(
            tx,
            KeyRing(home),
            name,
            scope,
            streams=stream or (),
            domains=domain or (),
            networks=network or (),
            application=whose,
            owner=owner,
            expires_at=None if days is None else tx.now + round(days * DAY),
            by=operator(),
        )

    key = write(home, work)
    result({"name": name, "key": key}, key, as_json=as_json)


@app.command("list")
def show(as_json: Json = False, home: Home = DEFAULT_HOME) -> None:
    """List the API keys: what each may do, never the key."""
    now = SystemClock().now()
    found = read(home, api_keys.listing)
    lines = [plain(line(one, one.state(now))) for one in found]
    documents = [
        {
            "id": one.id,
            "name": one.name,
            "state": one.state(now),
            "scopes": one.scopes,
            "streams": one.streams,
            "domains": one.domains,
            "networks": one.networks,
            "application": one.application or None,
            "owner": one.owner or None,
            "created_at": when(one.created_at),
            "last_used_at": when(one.last_used_at),
            "expires_at": when(one.expires_at),
        }
        for one in found
    ]
    result(documents, "\n".join(lines) or "No key was made so far.", as_json=as_json)


@app.command()
def rotate(
    name: Name,
    overlap: Annotated[
        float, typer.Option(min=0, help="Hours for which the old key is still good.")
    ],
    as_json: Json = False,
    home: Home = DEFAULT_HOME,
) -> None:
    """Make a successor with the same name and bindings, print it once, and end the old key."""

    async def work(_database: Database, tx: Tx) -> str:
        return await api_keys.rotate(tx, KeyRing(home), name, round(overlap * HOUR), by=operator())

    key = write(home, work)
    result({"name": name, "key": key}, key, as_json=as_json)


@app.command()
def revoke(name: Name, as_json: Json = False, home: Home = DEFAULT_HOME) -> None:
    """Revoke every API key of that name, or the one of that id."""

    async def work(_database: Database, tx: Tx) -> int:
        return await api_keys.revoke(tx, name, by=operator())

    count = write(home, work)
    if not count:
        names = {one.name for one in read(home, api_keys.listing) if one.revoked_at is None}
        raise BadSettings(f"no key called {name!r} was in use{nearest(name, names)}")
    result({"name": name, "revoked": count}, f"{count} revoked.", as_json=as_json)


def line(key: KeyView, state: str) -> str:
    """One key in the list."""
    bound = [
        f"{what} {' '.join(names)}"
        for what, names in (
            ("streams", key.streams),
            ("domains", key.domains),
            ("networks", key.networks),
            ("application", (key.application,) if key.application else ()),
            ("owner", (key.owner,) if key.owner else ()),
        )
        if names
    ]
    times = [
        f"{what} {readable(at)}"
        for what, at in (
            ("made", key.created_at),
            ("last used", key.last_used_at),
            ("ends", key.expires_at),
        )
        if at is not None
    ]
    parts = [key.id, key.name, state, " ".join(key.scopes), *bound, *times]
    return "  ".join(parts)
