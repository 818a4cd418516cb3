"""Signs webhooks by Standard Webhooks 1.0, the symmetric scheme (pure)."""

import base64
import binascii
import hashlib
import hmac
from collections.abc import Sequence

from mailkeep.base.clock import SECOND, Instant
from mailkeep.base.errors import BadSettings
from mailkeep.base.secret import Secret

PREFIX = "whsec_"
_LEAST, _MOST = 24, 64  #: octets of a key


def key(secret: Secret) -> bytes:
    """The octets of a secret. Raises ``BadSettings``, which does not show it."""
    text = secret.reveal().strip()
    try:
        if not text.startswith(PREFIX):
            raise ValueError
        found = base64.b64decode(text[len(PREFIX) :], validate=True)
    except (binascii.Error, ValueError) as error:
        raise BadSettings(f"a webhook's secret is {PREFIX} and base64") from error
    if not _LEAST <= len(found) <= _MOST:
        raise BadSettings(f"a webhook's secret has {_LEAST} to {_MOST} octets")
    return found


def headers(keys: Sequence[bytes], message: str, at: Instant, body: bytes) -> dict[str, str]:
    """The headers that prove a body, its id and its time (Standard Webhooks, 'Signature scheme').

    Args:
        keys: each signs: while a key is replaced, whoever knows either is satisfied.
        message: the same for each try, so that the other side takes it once.
        at: of this try.
    """
    stamp = str(at // SECOND)
    signed = b".".join((message.encode(), stamp.encode(), body))
    macs = [base64.b64encode(hmac.digest(key, signed, hashlib.sha256)).decode() for key in keys]
    return {
        "webhook-id": message,
        "webhook-timestamp": stamp,
        "webhook-signature": " ".join(f"v1,{mac}" for mac in macs),
    }
