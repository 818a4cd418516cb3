"""``mailkeep applications``: manage client applications, which keep their own users or have them
kept here."""

from typing import Annotated

import typer

from mailkeep.accounts import applications
from mailkeep.accounts.applications import ApplicationView
from mailkeep.app import wiring_observation
from mailkeep.base.clock import readable, when
from mailkeep.base.errors import BadSettings
from mailkeep.base.keys import KeyRing
from mailkeep.store.database import Database, Tx
from mailkeep.watch.levels import Level

from .house import DEFAULT_HOME, Home, operator, read, settings, write
from .output import Json, group, plain, result

app = group("Applications that recover their users here, or have them kept here.")

Name = Annotated[str, typer.Argument(help="The name that it was registered under, or its id.")]
Redirects = Annotated[
    list[str] | None,
    typer.Option("--redirect", help="A URI that browsers go back to, exactly; may be repeated."),
]


@app.command()
def add(
    name: Annotated[str, typer.Argument(help="As its users know it: mails and pages say it.")],
    redirect: Redirects = None,
    start: Annotated[str, typer.Option(help="A URI where its users begin a recovery.")] = "",
    sign_in: Annotated[
        bool, typer.Option("--sign-in", help="Its users are kept here, and signed in to it.")
    ] = False,
    as_json: Json = False,
    home: Home = DEFAULT_HOME,
) -> None:
    """Register an application; print its id, and its secret, once."""
    settings(home)

    async def work(_database: Database, tx: Tx) -> tuple[ApplicationView, str]:
        return await applications.add(
            tx,
            KeyRing(home),
            name,
            redirect or (),
            home=start,
            signs_in=sign_in,
            by=operator(),
        )

    made, secret = write(home, work)
    document = {"name": made.name, "client_id": made.id, "client_secret": secret}
    text = f"client_id      {made.id}\nclient_secret  {secret}"
    result(document, text, as_json=as_json)


@app.command("list")
def show(as_json: Json = False, home: Home = DEFAULT_HOME) -> None:
    """List the applications, never a secret."""
    found = read(home, applications.listing)
    lines = [plain(_line(one)) for one in found]
    text = "\n".join(lines) or "No application was registered so far."
    result([_document(one) for one in found], text, as_json=as_json)


@app.command()
def change(
    name: Name,
    redirect: Redirects = None,
    start: Annotated[str | None, typer.Option(help="As for add; empty for none.")] = None,
    as_json: Json = False,
    home: Home = DEFAULT_HOME,
) -> None:
    """Say anew where browsers go back to; the URIs replace all that were there."""

    async def work(_database: Database, tx: Tx) -> ApplicationView:
        return await applications.change(
            tx, name, redirects=redirect or (), home=start, by=operator()
        )

    changed = write(home, work)
    result(_document(changed), plain(_line(changed)), as_json=as_json)


@app.command()
def share(
    name: Name,
    percent: Annotated[int, typer.Argument(min=0, max=100, help="Of its users, in a hundred.")],
    as_json: Json = False,
    home: Home = DEFAULT_HOME,
) -> None:
    """Have so many of its users recovered here, from now on; the rest is rehearsed."""
    level = wiring_observation.level(settings(home))
    if level is not Level.SHARE:
        raise BadSettings(
            f'the level is {level.value}, at which no share counts: set level = "share"'
        )

    async def work(_database: Database, tx: Tx) -> ApplicationView:
        return await applications.set_share(tx, name, percent, by=operator())

    changed = write(home, work)
    result(_document(changed), plain(_line(changed)), as_json=as_json)


@app.command()
def secret(name: Name, as_json: Json = False, home: Home = DEFAULT_HOME) -> None:
    """Make a new secret and print it, once; the old one is good no more."""

    async def work(_database: Database, tx: Tx) -> str:
        return await applications.new_secret(tx, KeyRing(home), name, by=operator())

    made = write(home, work)
    result({"name": name, "client_secret": made}, made, as_json=as_json)


@app.command()
def revoke(name: Name, as_json: Json = False, home: Home = DEFAULT_HOME) -> None:
    """Begin no recovery for it any more, hand it no verdict, and sign nobody in to it."""

    async def work(_database: Database, tx: Tx) -> ApplicationView:
        return await applications.revoke(tx, name, by=operator())

    revoked = write(home, work)
    result(_document(revoked), plain(_line(revoked)), as_json=as_json)


def _line(one: ApplicationView) -> str:
    state = "good" if one.revoked_at is None else f"revoked {readable(one.revoked_at)}"
    start = (f"begins at {one.home}",) if one.home else ()
    share = () if one.share == 100 else (f"share {one.share}%",)
    users = ("signs in",) if one.signs_in else ()
    return "  ".join((one.id, one.name, state, *users, *share, *one.redirects, *start))


def _document(one: ApplicationView) -> dict[str, object]:
    return {
        "client_id": one.id,
        "name": one.name,
        "redirects": one.redirects,
        "start": one.home or None,
        "share": one.share,
        "signs_in": one.signs_in,
        "created_at": when(one.created_at),
        "secret_at": when(one.secret_at),
        "revoked_at": when(one.revoked_at),
    }
