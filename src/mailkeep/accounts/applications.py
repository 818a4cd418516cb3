"""Registers client applications, and authenticates them by a client secret. Their users are kept in
a table of their own, or here.

Security: an application's secret proves to us who takes a verdict (RFC 6749 section 2.3); it is
kept as a keyed hash. Where a browser may be sent is compared character by character (RFC 9700
section 2.1): no pattern, no path below, no other port.
"""

import secrets
from collections.abc import Iterable, Sequence
from urllib.parse import urlsplit

import msgspec
from sqlalchemy import insert, select, update
from sqlalchemy.engine import RowMapping

from mailkeep.base import pkce
from mailkeep.base.clock import Instant
from mailkeep.base.errors import Conflict, Invalid, NotAllowed, NotFound, NotSignedIn
from mailkeep.base.ids import is_id, new_id
from mailkeep.base.keys import KeyRing
from mailkeep.base.networks import LOOPBACK
from mailkeep.events import audit
from mailkeep.store.database import Tx

from . import tables

_a = tables.applications
_PURPOSE = "application secret"
_LONGEST = 500  #: characters of a URL
_MOST = 20  #: redirect URIs
_LOOKED_AT = 200  #: characters of a secret that is presented


class ApplicationView(msgspec.Struct, frozen=True):
    """An application without its secret.

    Attributes:
        redirects: where a browser may be sent with a verdict's code.
        home: where its users begin a recovery; "" when it has not said.
        share: percent of its users who are recovered here, where the house goes by shares.
        signs_in: its users are kept here: it is told who is signed in, and no verdict.
    """

    id: str
    name: str
    redirects: tuple[str, ...]
    home: str
    created_at: Instant
    secret_at: Instant
    revoked_at: Instant | None
    share: int = 100
    signs_in: bool = False


async def add(
    tx: Tx,
    keys: KeyRing,
    name: str,
    redirects: Sequence[str],
    *,
    home: str = "",
    signs_in: bool = False,
    by: str,
) -> tuple[ApplicationView, str]:
    """Register an application; returns it with its secret, which is shown once.

    Raises:
        Invalid: a name or a URI cannot be used.
        Conflict: there is one of that name.
    """
    name = name.strip()
    if not 0 < len(name) <= 80 or not name.isprintable():
        raise Invalid("a name has 1 to 80 characters", field="name")
    kept = tuple(dict.fromkeys(redirect(one) for one in redirects))
    if not 0 < len(kept) <= _MOST:
        raise Invalid(f"say 1 to {_MOST} redirect URIs", field="redirect")
    home = redirect(home, field="home") if home else ""
    if await tx.value(select(_a.c.id).where(_a.c.name == name)) is not None:
        raise Conflict(f"there is an application called {name!r}")
    application, secret = new_id("app", tx.now), _secret()
    await tx.run(
        insert(_a).values(
            id=application,
            name=name,
            secret=_hash(keys, secret),
            redirects="\n".join(kept),
            home=home,
            signs_in=signs_in,
            created_at=tx.now,
            secret_at=tx.now,
        )
    )
    entry = {"application": application, "redirects": kept, "home": home, "signs_in": signs_in}
    await audit.write(tx, by, "add_application", entry)
    return await get(tx, application), secret


async def change(
    tx: Tx, name: str, *, redirects: Sequence[str] = (), home: str | None = None, by: str
) -> ApplicationView:
    """Say anew where an application's browsers may be sent; what is left out stays.

    Raises:
        NotFound: no such application.
        Invalid: a URI cannot be used.
    """
    found = await named(tx, name)
    values: dict[str, str] = {}
    if redirects:
        values["redirects"] = "\n".join(dict.fromkeys(redirect(one) for one in redirects))
    if home is not None:
        values["home"] = redirect(home, field="home") if home else ""
    if values:
        await tx.run(update(_a).where(_a.c.id == found.id).values(**values))
        await audit.write(tx, by, "change_application", {"application": found.id, **values})
    return await get(tx, found.id)


async def set_share(tx: Tx, name: str, percent: int, *, by: str) -> ApplicationView:
    """Have so many in a hundred of an application's users recovered here, from now on.

    Raises:
        NotFound: no such application.
        Invalid: it is no percentage.
    """
    if not 0 <= percent <= 100:
        raise Invalid("a share is 0 to 100", field="share")
    found = await named(tx, name)
    if found.share != percent:
        await tx.run(update(_a).where(_a.c.id == found.id).values(share=percent))
        entry = {"application": found.id, "share": percent, "before": found.share}
        await audit.write(tx, by, "share_application", entry)
    return await get(tx, found.id)


async def new_secret(tx: Tx, keys: KeyRing, name: str, *, by: str) -> str:
    """A new secret in the place of the old one, which is good no more, nor are the tokens of
    sign-ins that it was used for (``signing_in``).

    Raises:
        NotFound: no such application.
    """
    found, secret = await named(tx, name), _secret()
    await tx.run(
        update(_a).where(_a.c.id == found.id).values(secret=_hash(keys, secret), secret_at=tx.now)
    )
    await audit.write(tx, by, "new_application_secret", {"application": found.id})
    return secret


async def revoke(tx: Tx, name: str, *, by: str) -> ApplicationView:
    """No recovery begins for it any more, and it takes no verdict. Raises ``NotFound``."""
    found = await named(tx, name)
    if found.revoked_at is None:
        await tx.run(update(_a).where(_a.c.id == found.id).values(revoked_at=tx.now))
        await audit.write(tx, by, "revoke_application", {"application": found.id})
    return await get(tx, found.id)


async def listing(tx: Tx) -> list[ApplicationView]:
    """Every application, the oldest first."""
    return [_view(row) for row in await tx.all(select(_a).order_by(_a.c.id))]


async def get(tx: Tx, application: str) -> ApplicationView:
    """The application of that id, revoked or not. Raises ``NotFound``."""
    # What a stranger names may be anything, and PostgreSQL takes no NUL, not even to look for.
    known = is_id("app", application)
    row = await tx.one(select(_a).where(_a.c.id == application)) if known else None
    if row is None:
        raise NotFound("no such application")
    return _view(row)


async def named(tx: Tx, name: str) -> ApplicationView:
    """The application of that name or id. Raises ``NotFound``."""
    row = await tx.one(select(_a).where((_a.c.name == name) | (_a.c.id == name)))
    if row is None:
        raise NotFound("no such application")
    return _view(row)


async def hold(tx: Tx, application: str) -> None:
    """Hold an application's row to the end of the transaction: what is registered for it is
    decided one after the other. Before any of its accounts."""
    await tx.one(select(_a.c.id).where(_a.c.id == application).with_for_update())


async def alone(tx: Tx, application: str) -> None:
    """``hold`` it, and see that it is in use. Raises ``NotAllowed``."""
    await hold(tx, application)
    in_use = select(_a.c.signs_in).where(_a.c.id == application, _a.c.revoked_at.is_(None))
    signs_in = await tx.value(in_use)
    if signs_in is None:
        raise NotAllowed("this key is bound to no application that is in use")
    if signs_in:
        raise NotAllowed("the users of this application are kept here, and not registered")


async def authenticate(tx: Tx, keys: KeyRing, application: str, secret: str) -> ApplicationView:
    """The application that presents its id and secret (RFC 6749 section 2.3.1).

    Raises:
        NotSignedIn: unknown, wrong or revoked: the same words.
    """
    right = select(_a).where(
        _a.c.id == application,
        _a.c.secret == _hash(keys, secret[:_LOOKED_AT]),
        _a.c.revoked_at.is_(None),
    )
    row = await tx.one(right) if is_id("app", application) else None
    if row is None:
        raise NotSignedIn("no application has this id and this secret")
    return _view(row)


def leaked(
    row: RowMapping, application: ApplicationView, redirect_uri: str, verifier: str, *, used: bool
) -> str | None:
    """Why a code that was shown must have leaked (pure; RFC 9700 sections 2.1 and 4.5), or None.

    Args:
        row: what the code was made for: ``application``, ``redirect_uri``, ``challenge``.
        application: who shows it.
        used: it was shown before.
    """
    if row["application"] != application.id:
        return "another_application"
    if used:
        return "replayed"
    if row["redirect_uri"] != redirect_uri:
        return "redirect"
    return None if pkce.fits(verifier, row["challenge"]) else "verifier"


def redirect(uri: str, *, field: str = "redirect") -> str:
    """A URI to which a browser may be sent: https, or loopback for development.

    Raises:
        Invalid: it cannot be one; no fragment (RFC 6749 section 3.1.2), no name or password in it.
    """
    try:
        parts = urlsplit(uri)
        port = parts.port
    except ValueError as error:
        raise Invalid("this is no URI", field=field) from error
    plain = uri.isascii() and uri.isprintable() and not set(uri) & set(' "<>\\^`{|}')
    if not plain or len(uri) > _LONGEST or not parts.hostname or port == 0:
        raise Invalid("this is no URI that a browser can be sent to", field=field)
    if parts.fragment or uri.endswith("#") or "@" in parts.netloc:
        raise Invalid("no fragment, and no name before the host", field=field)
    if parts.scheme != "https" and not (parts.scheme == "http" and parts.hostname in LOOPBACK):
        raise Invalid("say https://…; http is for loopback only", field=field)
    return uri


def origins(uris: Iterable[str]) -> tuple[str, ...]:
    """The origins of URIs that were registered, as a Content-Security-Policy names them."""
    return tuple(dict.fromkeys(f"{parts.scheme}://{parts.netloc}" for parts in map(urlsplit, uris)))


def _secret() -> str:
    return f"mks_{secrets.token_urlsafe(32)}"


def _hash(keys: KeyRing, secret: str) -> str:
    return keys.lookup_hash(_PURPOSE, secret)


def _view(row: RowMapping) -> ApplicationView:
    return ApplicationView(
        row["id"],
        row["name"],
        tuple(row["redirects"].split("\n")),
        row["home"],
        row["created_at"],
        row["secret_at"],
        row["revoked_at"],
        row["share"],
        row["signs_in"],
    )
