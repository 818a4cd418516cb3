"""Builds the claims of a security event token (pure; RFC 8417, profiled by SSF 1.0 section 4).

The same row always gives the same claims: a receiver that met its ``jti`` before may discard it. It
is signed when it is sent, so that a key that was replaced signs nothing more.
"""

import re
from typing import Any

import msgspec

from mailkeep.base.clock import SECOND

from .types import POLL, PUSH, Stream, Waiting

MEDIA_TYPE = "application/secevent+jwt"
TYPE = "secevent+jwt"

_WORD = re.compile(r"[A-Za-z0-9_.:-]{1,60}")


def claims(issuer: str, stream: Stream, event: Waiting) -> dict[str, Any]:
    """What is signed.

    Never ``exp`` or ``sub``: a security event must not pass for an ID token (SSF 1.0 section 4.1).
    """
    if event.subject is None:
        subject = {"format": "opaque", "id": stream.id}
    else:
        subject = {"format": "iss_sub", "iss": issuer, "sub": event.subject}
    return {
        "iss": issuer,
        "aud": stream.receiver.audience,
        # An event that was held back, or is about a future moment, is issued when it may be sent.
        "iat": max(event.made_at, event.due_at) // SECOND,
        "jti": event.jti,
        "txn": event.txn,
        "toe": event.at // SECOND,
        "sub_id": subject,
        "events": {event.kind: msgspec.json.decode(event.body)},
    }


def configuration(issuer: str, key_set: str) -> dict[str, Any]:
    """The transmitter's configuration metadata (SSF 1.0 section 7.1)."""
    return {
        "spec_version": "1_0",
        "issuer": issuer,
        "jwks_uri": issuer + key_set,
        "delivery_methods_supported": [PUSH, POLL],
        "configuration_endpoint": f"{issuer}/ssf/streams",
        "status_endpoint": f"{issuer}/ssf/status",
        "add_subject_endpoint": f"{issuer}/ssf/subjects/add",
        "remove_subject_endpoint": f"{issuer}/ssf/subjects/remove",
        "verification_endpoint": f"{issuer}/ssf/verify",
        "authorization_schemes": [{"spec_urn": "urn:ietf:rfc:6750"}],
        "default_subjects": "ALL",
    }


def error(said: object) -> str:
    """A receiver's error code (RFC 8935 section 2.4), when it is one word; it is shown to people
    and kept, so it is nothing else."""
    return said if isinstance(said, str) and _WORD.fullmatch(said) else "no reason given"
