"""One SMTP connection to a relay, ready for mail: commands out, replies in, one mail at a time.

Commands are pipelined where the relay allows it (RFC 2920): a mail then takes two round trips in
place of four, and round trips are most of what a mail costs.

Security: replies come from the relay and are hostile input: bounded, and nothing in them is
believed but their codes.
"""

import asyncio
from collections import deque
from typing import NamedTuple, cast

from mailkeep.providers.types import SmtpRequest

from .failures import TOTAL_SECONDS
from .fitting import SMALL

_MOST = 64 * 1024  #: octets of one reply
_PIECE = 256 * 1024  #: of a large mail; in between the loop serves others
_RESET_SECONDS = 1.0  #: to make it ready again: a new connection costs no more
_TAKEN, _WILL_FORWARD, _GO_ON, _GOODBYE = 250, 251, 354, 421
_UNREADABLE = 0  #: in place of a code: what came was no reply


class Answer(NamedTuple):
    """A reply; lines of its text are separated by line feeds."""

    code: int
    text: str


class Refused(Exception):
    """The relay would not have the mail; ``usable``: the connection can carry another one, once it
    was reset."""

    def __init__(self, answer: Answer, *, usable: bool) -> None:
        super().__init__(str(answer.code))
        self.answer = answer
        self.usable = usable and answer.code not in (_GOODBYE, _UNREADABLE)


class OutOfStep(ConnectionError):
    """What it says is no answer to what was asked, and nothing of the mail was handed over."""


class Line(asyncio.Protocol):
    """See the module.

    Args:
        transport: connected, greeted, and signed in where that is asked for.
        pipelining: whether the relay said that it takes several commands at once.
    """

    def __init__(self, transport: asyncio.BaseTransport, *, pipelining: bool) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self._pipelining = pipelining
        self._loop = asyncio.get_running_loop()
        self._buffer = bytearray()
        self._texts: list[bytes] = []  # of a reply whose last line is not here yet
        self._size = 0  # octets of those lines: of empty ones there could be any number
        self._answers: deque[Answer] = deque()
        self._waiting: asyncio.Future[None] | None = None
        self._lost = False
        self.handed_over = False  # whether the relay may have the mail under way
        self._transport.set_protocol(self)

    @property
    def idle(self) -> bool:
        """Whether it stands, and nothing has come that nobody asked for (a goodbye)."""
        nothing = not (self._answers or self._texts or self._buffer)
        return nothing and not self._lost and not self._transport.is_closing()

    def close(self) -> None:
        self._transport.close()

    async def carry(
        self, request: SmtpRequest, until: float
    ) -> tuple[Answer, list[tuple[str, Answer]]]:
        """Hand one mail over: (what the relay said in the end, against whom who gets a copy it
        said what).

        Args:
            until: when it must be over, by the loop's clock.

        Raises:
            Refused: at whatever step.
            TimeoutError, OSError: ``handed_over`` tells whether the relay may have it.
        """
        self.handed_over = False
        async with self._timeout(until):
            refused = await self._open(request)
        if self._answers:
            raise OutOfStep  # it has said more than was asked: is what comes next of the mail?
        self.handed_over = True
        data = request.data.replace(b"\r\n.", b"\r\n..")
        data = b"".join((b"." * data.startswith(b"."), data, _end(data)))
        if len(data) <= SMALL:
            self._write(data)
        else:
            for at in range(0, len(data), _PIECE):
                self._write(data[at : at + _PIECE])
                await asyncio.sleep(0)
        async with self._timeout(until):
            answer = await self._answer()
        if answer.code != _TAKEN:
            raise Refused(answer, usable=True)
        return answer, refused

    def _timeout(self, until: float) -> asyncio.Timeout:
        return asyncio.timeout_at(min(until, self._loop.time() + TOTAL_SECONDS))

    async def reset(self) -> bool:
        """Make it ready for another mail after one that was refused; False: it cannot be."""
        try:
            async with asyncio.timeout(_RESET_SECONDS):
                (answer,) = await self._say("RSET")
                return answer.code == _TAKEN
        except (TimeoutError, OSError):
            return False

    async def _open(self, request: SmtpRequest) -> list[tuple[str, Answer]]:
        """All before the mail itself; those who were to get a copy and were refused."""
        first = [f"MAIL FROM:<{request.mail_from}>", f"RCPT TO:<{request.rcpt_to}>"]
        if self._pipelining and not request.also:
            mail, rcpt, data = await self._say(*first, "DATA")
            # It refused, yet waits for the mail all the same: it must not get one.
            usable = data.code != _GO_ON
            _must(mail, _TAKEN, usable=usable)
            _must(rcpt, _TAKEN, _WILL_FORWARD, usable=usable)
            _must(data, _GO_ON)
            return []
        # A refused copy does not stop the mail, a refused recipient does: so they are asked one by
        # one.
        await self._step(first[0], _TAKEN)
        await self._step(first[1], _TAKEN, _WILL_FORWARD)
        refused = []
        for one in request.also:
            (answer,) = await self._say(f"RCPT TO:<{one}>")
            if answer.code == _GOODBYE:
                raise Refused(answer, usable=False)
            if answer.code not in (_TAKEN, _WILL_FORWARD):
                _refusal(answer)
                refused.append((one, answer))
        await self._step("DATA", _GO_ON)
        return refused

    async def _step(self, command: str, *codes: int) -> None:
        (answer,) = await self._say(command)
        _must(answer, *codes)

    async def _say(self, *commands: str) -> list[Answer]:
        """The answers to commands that are sent in one go."""
        self._write(("\r\n".join(commands) + "\r\n").encode("ascii"))
        answers: list[Answer] = []
        while len(answers) < len(commands):
            try:
                answers.append(await self._answer())
            except OSError:
                # The relay says why it closes, and closes: further commands go unanswered.
                if not answers or answers[-1].code < 400:
                    raise
                answers += [answers[-1]] * (len(commands) - len(answers))
        return answers

    def _write(self, data: bytes) -> None:
        if self._lost or self._transport.is_closing():
            raise ConnectionResetError
        self._transport.write(data)

    async def _answer(self) -> Answer:
        while not self._answers:
            if self._lost or self._transport.is_closing():
                raise ConnectionResetError
            self._waiting = self._loop.create_future()
            await self._waiting
        return self._answers.popleft()

    def data_received(self, data: bytes) -> None:
        """Read replies (RFC 5321 section 4.2)."""
        *lines, rest = (bytes(self._buffer) + data).split(b"\n")
        self._buffer[:] = rest
        for line in lines:
            self._texts.append(line[4:].rstrip(b"\r"))
            self._size += len(line) + 1
            if line[3:4] != b"-":
                text = b"\n".join(self._texts).decode("utf-8", "surrogateescape")
                code = int(line[:3]) if line[:3].isdigit() else _UNREADABLE
                self._answers.append(Answer(code, text))
                self._texts, self._size = [], 0
        if len(rest) + self._size > _MOST or len(self._answers) > _MOST // 1024:
            self._texts = []
            self._answers.append(Answer(_UNREADABLE, ""))
            self._transport.abort()
        self._wake()

    def connection_lost(self, _error: Exception | None) -> None:
        self._lost = True
        self._wake()

    def _wake(self) -> None:
        if self._waiting is not None and not self._waiting.done():
            self._waiting.set_result(None)
        self._waiting = None


def _must(answer: Answer, *codes: int, usable: bool = True) -> None:
    if answer.code not in codes:
        _refusal(answer)
        raise Refused(answer, usable=usable)


def _refusal(answer: Answer) -> None:
    """Refuse to read anything else as one: a 250 to DATA would be taken for the mail's own, which
    the relay never saw."""
    if not 400 <= answer.code < 600:
        raise OutOfStep


def _end(data: bytes) -> bytes:
    return b".\r\n" if data.endswith(b"\r\n") else b"\r\n.\r\n"
