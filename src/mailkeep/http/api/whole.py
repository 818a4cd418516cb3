"""Reads the body of an authenticated request: up to fifty megabytes, and not many large ones at
once.

Security: a leaked key should be worth what it was bound to, and no more. Without a bound over all
bodies, a thief of a key that sends newsletters could fill the memory with messages that never end,
and resets would go down with the process. Small bodies, such as a reset's, are not counted.
"""

from functools import partial

from mailkeep.http.held import Held
from mailkeep.http.port import Incoming
from mailkeep.http.requests import at_end

MOST = 50 * 1024 * 1024  #: octets of one body
MOST_HELD = 256 * 1024 * 1024  #: octets of large bodies that are read or worked on
SMALL = 256 * 1024  #: a body that says that it is no larger is not counted
READ_SECONDS = 300.0

_held = Held(MOST_HELD)


async def body(request: Incoming) -> bytes:
    """The body, which counts as held in memory until the request is answered.

    Raises:
        HTTPException: 413, it is too large; 408, it came too slowly.
        Unavailable: too much is held.
    """
    said = request.headers.get("Content-Length", "")
    if said.isdecimal() and int(said) <= SMALL:
        return await request.body()
    found = await _held.read(request, MOST, READ_SECONDS)
    at_end(request.scope, partial(_held.release, len(found)))
    return bytes(found)
