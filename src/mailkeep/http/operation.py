"""The description of one operation of the API: what it reads, what it answers."""

from typing import Any

import msgspec

Types = tuple[type[msgspec.Struct], ...]


class Operation(msgspec.Struct, frozen=True):
    """What one operation reads and answers.

    Attributes:
        body: one of these types, as JSON.
        octets: the body is octets, and no JSON.
        gives: what it answers is octets of this media type.
        application: an application shows its id and secret, and no key.
        query: whose fields are words of the query.
        answers: by status code; no types: no body.
        problems: status codes of its problem documents, besides those of every operation.
    """

    answers: dict[int, Types]
    body: Types = ()
    query: type[msgspec.Struct] | None = None
    headers: tuple[dict[str, Any], ...] = ()
    problems: tuple[int, ...] = ()
    octets: bool = False
    gives: str = ""
    application: bool = False


#: The key is missing or no good; it may not do this; a fault of ours; no database, or no disk.
ALWAYS = (401, 403, 500, 503)
#: The body came too slowly; is too large; is no JSON; is not as it must be.
WITH_BODY = (408, 413, 415, 422)

PROBLEMS = {
    401: "The API key is missing, unknown, revoked or expired.",
    403: "The API key may not do this: its scope, stream, sender domain or network.",
    404: "There is no such thing.",
    409: "It was decided otherwise meanwhile, or the idempotency key was used for other mail.",
    408: "The body came too slowly.",
    413: "The body is too large.",
    415: "The body is not said to be what is read here, which is JSON mostly.",
    422: "Something in it cannot be accepted; `field` says what. Nothing was stored.",
    429: "A limit was reached; `Retry-After` says for how long.",
    500: "A fault of ours.",
    503: "It cannot be done now; nothing was stored, or `message_id` names what may have been.",
}
