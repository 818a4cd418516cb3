"""Authenticates a request by its API key, or by an application's client secret."""

import base64
import binascii
from urllib.parse import unquote_plus

from mailkeep.base.errors import NotAllowed, NotSignedIn
from mailkeep.mail import api_keys
from mailkeep.mail.grants import Grant, Scope
from mailkeep.operators.permissions import Permission, scope_of

from . import client
from .port import Incoming, Running


def key_of(request: Incoming) -> str:
    """The key of ``Authorization: Bearer …``. Raises ``NotSignedIn``."""
    scheme, _, key = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not key:
        raise NotSignedIn("send the API key as 'Authorization: Bearer …'")
    return key.strip()


def basic(header: str) -> tuple[str, str] | None:
    """The id and secret of an application, as RFC 6749 section 2.3.1 has them in ``Authorization``
    (pure); None for anything else."""
    scheme, _, value = header.partition(" ")
    try:
        told = base64.b64decode(value.strip(), validate=True).decode()
    except (binascii.Error, ValueError):
        return None
    name, colon, secret = told.partition(":")
    if scheme.lower() != "basic" or not colon:
        return None
    return unquote_plus(name), unquote_plus(secret)


def comes_from(request: Incoming, running: Running) -> str:
    """The client's address, as our own proxies vouch for it."""
    peer = request.client
    forwarded = request.headers.getall("x-forwarded-for", [])
    return client.address(peer.host if peer else "", forwarded, running.trusted_proxies)


async def admit(request: Incoming, running: Running, needed: Scope | Permission) -> Grant:
    """The grant of the request's key, if it has the scope ``needed`` and may be used from this
    network.

    To be called before the body is read: fifty megabytes of a stranger are neither kept nor
    decoded. It may be a second old; what is asked for is decided where it is done.

    Raises:
        NotSignedIn, NotAllowed: see ``mail.api_keys.authorise``.
    """
    return await running.grants.find(key_of(request), _scope(needed), comes_from(request, running))


async def authorise(request: Incoming, running: Running, needed: Scope | Permission) -> Grant:
    """The grant of the request's key as it stands now: for reads and immediate actions.

    Where there is a body, after it was read: it may take its time.

    Raises:
        NotSignedIn, NotAllowed: see ``mail.api_keys.authorise``.
    """
    network = comes_from(request, running)
    async with running.database.read() as tx:
        grant = await api_keys.authorise(
            tx, running.keys, key_of(request), _scope(needed), network=network
        )
    running.grants.used(grant)
    return grant


def _scope(needed: Scope | Permission) -> Scope:
    return scope_of(needed) if isinstance(needed, Permission) else needed


def ours(grant: Grant) -> Grant:
    """The grant of a key that is bound to no application. Raises ``NotAllowed`` for one that is: it
    reaches the users of its application and nothing else."""
    if grant.application:
        raise NotAllowed("this key is bound to an application, and is not for this")
    return grant
