"""``mailkeep keys``: API keys are made, shown once, and revoked."""

from typing import Annotated

import typer

from mailkeep.base.errors import BadSettings
from mailkeep.base.keys import KeyRing
from mailkeep.mail import services
from mailkeep.store.database import Database, Tx
from mailkeep.trust.register import nearest

from .house import DEFAULT_HOME, Home, operator, settings, write
from .output import Json, group, result

app = group("API keys.")


@app.command()
def create(
    name: Annotated[str, typer.Argument(help="What or whom it is for.")],
    scope: Annotated[list[str], typer.Option(help="send, read or operate; may be repeated.")],
    stream: Annotated[list[str] | None, typer.Option(help="Only these streams.")] = None,
    as_json: Json = False,
    home: Home = DEFAULT_HOME,
) -> None:
    """Make an API key and print it, once."""
    for one in scope:
        if one not in services.SCOPES:
            raise BadSettings(f"no scope {one!r}{nearest(one, services.SCOPES)}")
    streams = settings(home).streams()
    for one in stream or ():
        if streams and one not in streams:
            raise BadSettings(f"no stream {one!r}{nearest(one, streams)}")

    async def work(_database: Database, tx: Tx) -> str:
        keys = KeyRing(home)
        return await services.create_key(
            tx, keys, name, tuple(scope), tuple(stream or ()), by=operator()
        )

    key = write(home, work)
    result({"name": name, "key": key}, key, as_json=as_json)


@app.command()
def revoke(
    name: Annotated[str, typer.Argument(help="The name that it was made under.")],
    as_json: Json = False,
    home: Home = DEFAULT_HOME,
) -> None:
    """Revoke every API key of that name."""

    async def work(_database: Database, tx: Tx) -> int:
        return await services.revoke_keys(tx, name, by=operator())

    count = write(home, work)
    if not count:
        raise BadSettings(f"no key called {name!r} was in use")
    result({"name": name, "revoked": count}, f"{count} revoked.", as_json=as_json)
