"""Builds operators' sign-in through an OpenID provider."""

from collections.abc import Mapping

from mailkeep.base.clock import Clock
from mailkeep.base.secret import Secret
from mailkeep.operators.provider import Provider

from . import environment
from .settings import Settings


def provider(settings: Settings, environ: Mapping[str, str], clock: Clock) -> Provider | None:
    """The OpenID provider of ``[operators]``, or None.

    Raises:
        BadSettings: its secret is not where the settings say.
    """
    found = settings.operators
    if found is None:
        return None
    where, secret = found.client_secret, None
    if where is not None:
        secret = Secret(environment.reveal(where, "operators: client_secret", environ))
    return Provider(found, secret, settings.public_url, clock)
