"""HTTP for the stand-ins: one listener on loopback, and the faults that strike a request."""

import asyncio
import json
from abc import abstractmethod
from collections.abc import Awaitable, Callable, Sequence
from http import HTTPStatus

from aiohttp import web

from .faults import Fail, Hang, RefuseKey, Reset, Slow, Throttle
from .standin import StandIn

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class Listener:
    """An HTTP server at 127.0.0.1."""

    def __init__(self, app: web.Application) -> None:
        # A client that goes away does not stop what it asked for: real providers send the mail.
        self._runner = web.AppRunner(
            app, access_log=None, handler_cancellation=False, shutdown_timeout=0.2
        )

    async def start(self, port: int) -> str:
        """Listen, and return the URL; port 0 takes a free one."""
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", port).start()
        host, actual = self._runner.addresses[0][:2]
        return f"http://{host}:{actual}"

    async def stop(self) -> None:
        """Close the listener and what is open."""
        await self._runner.cleanup()


class ApiStandIn(StandIn):
    """A stand-in whose API is HTTP."""

    max_body: int
    """Octets of a request's body."""
    _listener: Listener | None = None

    @abstractmethod
    async def respond(self, request: web.Request) -> web.StreamResponse:
        """Answer one request."""

    @abstractmethod
    def failed(self, status: int) -> web.Response:
        """The provider's answer when it is broken."""

    @abstractmethod
    def throttled(self) -> web.Response:
        """The provider's 429."""

    @abstractmethod
    def key_refused(self) -> web.Response:
        """The provider's answer to a wrong key."""

    def too_large(self) -> web.Response:
        """The answer to a body over `max_body`."""
        return web.Response(status=413, text=HTTPStatus(413).phrase)

    async def guard(
        self,
        request: web.Request,
        recipients: Sequence[str],
        work: Callable[[], web.Response],
    ) -> web.StreamResponse:
        """Do the work under whatever faults strike this request.

        Args:
            recipients: who it is for; faults with a scope look at them.
            work: takes the mail and writes the answer; not called when a fault comes before.
        """
        slow = self.faults.hit(Slow, recipients)
        if slow is not None:
            await asyncio.sleep(slow.seconds)
        if self.faults.hit(RefuseKey, recipients):
            return self.key_refused()
        throttle = self.faults.hit(Throttle, recipients)
        if throttle is not None:
            answer = self.throttled()
            if throttle.retry_after is not None:
                answer.headers["Retry-After"] = str(throttle.retry_after)
            return answer
        reset = self.faults.hit(Reset, recipients)
        if reset is not None:
            return _break_off(request, reset, work)
        fail = self.faults.hit(Fail, recipients)
        hang = self.faults.hit(Hang, recipients)
        if fail is not None and not fail.takes:
            return self.failed(fail.status)
        if hang is not None and not hang.takes:
            return await self._hang(request)
        answer = work()
        if hang is not None:
            return await self._hang(request)
        return answer if fail is None else self.failed(fail.status)

    async def _hang(self, request: web.Request) -> web.StreamResponse:
        """Keep the connection open and silent until the fault is switched or we end."""
        self.count["hanging"] += 1
        try:
            await self.faults.hang_over()
        finally:
            self.count["hanging"] -= 1
        if request.transport is not None:
            request.transport.abort()
        return web.Response()

    async def _entry(self, request: web.Request) -> web.StreamResponse:
        self.count["requests"] += 1
        try:
            return await self.respond(request)
        except web.HTTPRequestEntityTooLarge:
            return self.too_large()

    async def listen(self, port: int) -> dict[str, object]:
        """Open the API."""
        app = web.Application(client_max_size=self.max_body)
        app.router.add_route("*", "/{path:.*}", self._entry)
        self._listener = Listener(app)
        return {"api": await self._listener.start(port)}

    async def close(self) -> None:
        """Close the API."""
        if self._listener is not None:
            await self._listener.stop()


def _break_off(
    request: web.Request, reset: Reset, work: Callable[[], web.Response]
) -> web.Response:
    """Reset the connection, before the answer or in its middle."""
    answer = work() if reset.half or reset.takes else web.Response()
    transport = request.transport
    if transport is None:
        return answer
    if reset.half:
        body = answer.body if isinstance(answer.body, bytes) else b""
        head = f"HTTP/1.1 {answer.status} OK\r\nContent-Type: {answer.content_type}\r\n"
        head += f"Content-Length: {len(body)}\r\n\r\n"
        transport.write(head.encode() + body[: len(body) // 2])
        transport.close()  # what was written still goes out
    else:
        transport.abort()
    return answer


def json_of(body: bytes) -> object:
    """Decode JSON.

    Raises:
        ValueError: it is none.
    """
    try:
        value: object = json.loads(body)
    except RecursionError as error:
        raise ValueError("nested too deeply") from error
    return value


def member(value: object, name: str) -> object:
    """A member of a JSON object; None where there is none."""
    return value.get(name) if isinstance(value, dict) else None


def text(value: object) -> str:
    """A JSON string; "" for anything else."""
    return value if isinstance(value, str) else ""


def number(value: str | None, default: float, low: float, high: float) -> float:
    """A number from a query, within bounds.

    Raises:
        ValueError: it is none.
    """
    if value is None:
        return default
    found = float(value)
    if not low <= found <= high:
        raise ValueError(f"not between {low:g} and {high:g}: {value}")
    return found
