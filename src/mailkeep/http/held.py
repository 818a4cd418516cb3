"""Bounds the memory of request bodies that are being read, and drops the slowest when there are too
many.

Security: a slow sender holds memory. If the memory were only bounded, whoever holds all of it would
have everybody else refused: every webhook of every provider, every message of an application. So
the body that has taken the longest is dropped: an honest one is here in a moment.
"""

import asyncio
import contextlib

from litestar.exceptions import ClientException

from mailkeep.base.errors import Unavailable

from .port import Incoming


class _Reading:
    """A body that is being read. ``gone``: it was dropped, and nothing of it is kept."""

    def __init__(self, clock: asyncio.Timeout) -> None:
        self.clock = clock
        self.body = bytearray()
        self.gone = False


class Held:
    """Bounds the bodies that are in memory together.

    Args:
        most: octets of all of them.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._bytes = 0
        self._under_way: dict[_Reading, None] = {}  # the one that began first comes first

    async def read(self, request: Incoming, limit: int, seconds: float) -> bytearray:
        """The body of a request; its octets count as held until ``release``.

        Args:
            limit: octets of this one.
            seconds: in which it must be here.

        Raises:
            ClientException: 413, past ``limit``; 408, it did not come in time, or had taken the
                longest when others needed the room.
            Unavailable: there is no room for it, and nobody to send away.
        """
        one = _Reading(asyncio.timeout(seconds))
        try:
            async with one.clock:
                self._under_way[one] = None
                async for chunk in request.stream():
                    self._take(one, chunk, limit)
        except TimeoutError:
            self._send_away(one)
        except BaseException:
            self._send_away(one)
            raise
        finally:
            self._under_way.pop(one, None)
        if one.gone:
            raise _too_slow()
        return one.body

    def release(self, size: int) -> None:
        """Give so many octets back."""
        self._bytes -= size

    def _take(self, one: _Reading, chunk: bytes, limit: int) -> None:
        if len(one.body) + len(chunk) > limit:
            raise ClientException("the body is too large", status_code=413)
        while self._bytes + len(chunk) > self._most and not one.gone:
            first = next(iter(self._under_way), one)
            if first is one and not one.body:
                raise Unavailable("too much is coming in at once, send it again later")
            self._send_away(first)
        if one.gone:
            raise _too_slow()
        self._bytes += len(chunk)
        one.body += chunk

    def _send_away(self, one: _Reading) -> None:
        """Drop a body: keep nothing of it, and wait for nothing more."""
        if one.gone:
            return
        one.gone = True
        self._under_way.pop(one, None)
        self.release(len(one.body))
        one.body.clear()
        with contextlib.suppress(RuntimeError):  # its time is over already
            one.clock.reschedule(0)


def _too_slow() -> ClientException:
    return ClientException("the body came too slowly", status_code=408)
