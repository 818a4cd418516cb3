"""The body of a request that a key let in: up to fifty megabytes, and not many of those at once.

Security: a key that leaks is worth what it was bound to, and no more: without a bound over all of
them, a thief of one that sends newsletters fills our memory with messages that never end, and the
resets go down with the process. What is small, as a reset is, is not counted.
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
    """The body, which counts as held until the request is answered.

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
