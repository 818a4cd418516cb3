"""The API key that a request carries."""

from mailkeep.base.errors import NotSignedIn

from .port import Incoming


def key_of(request: Incoming) -> str:
    """The key of ``Authorization: Bearer …``. Raises ``NotSignedIn``."""
    scheme, _, key = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not key:
        raise NotSignedIn("send the API key as 'Authorization: Bearer …'")
    return key.strip()
