"""The API key that a request carries."""

from mailkeep.base.errors import NotSignedIn
from mailkeep.mail import services

from .port import Incoming, Running


def key_of(request: Incoming) -> str:
    """The key of ``Authorization: Bearer …``. Raises ``NotSignedIn``."""
    scheme, _, key = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not key:
        raise NotSignedIn("send the API key as 'Authorization: Bearer …'")
    return key.strip()


async def authorise(
    request: Incoming, running: Running, scope: str, streams: frozenset[str] = frozenset()
) -> str:
    """The id of the request's key, when it may do ``scope`` on ``streams``.

    To be called before the body is read: fifty megabytes of a stranger are neither kept nor
    decoded.

    Raises:
        NotSignedIn, NotAllowed: see ``mail.services.authorise``.
    """
    key = key_of(request)
    async with running.database.read() as tx:
        return await services.authorise(tx, running.keys, key, scope, streams)
