"""What load and sinks share: the recipients that are counted, and the body.

A message is known by its recipient, ``m00000042.r3@bench.example.net``: number 42 of round r3. That
is what every protocol carries unchanged, and what a sink finds without parsing mail.
"""

import asyncio
import json
import os
import sys
from collections.abc import Awaitable, Callable
from typing import Any

Call = Callable[[dict[str, Any]], Awaitable[dict[str, Any]]]

DOMAIN = "bench.example.net"
SENDER = "app@bench.example.com"
DIGITS = 8
SIZE = 4096
_LINE = "A line of an ordinary mail, as long as lines in mails are wont to be. 0123456789\r\n"


def recipient(number: int, round_: str) -> str:
    """The address of a message of a round."""
    return f"m{number:0{DIGITS}d}.{round_}@{DOMAIN}"


def body(size: int = SIZE) -> str:
    """A text of so many bytes, with CRLF line ends, which no dot begins."""
    lines = _LINE * (size // len(_LINE) + 1)
    return lines[: max(0, size - 2)] + "\r\n"


def find(data: bytes | bytearray, start: int) -> tuple[int, str]:
    """(number, round) of the recipient whose ``m`` stands at ``start``.

    Raises:
        ValueError: it is none of ours.
    """
    end = data.index(b"@", start)
    number, _, round_ = bytes(data[start + 1 : end]).partition(b".")
    return int(number), round_.decode()


async def serve(calls: dict[str, Call], ready: dict[str, Any]) -> None:
    """Answer the parent's calls, each a line of JSON, until standard input ends.

    Then this process ends at once, so that a parent that is killed leaves no orphans.

    Args:
        calls: by the word in ``do``; each is given the whole object.
        ready: said first.
    """
    loop = asyncio.get_running_loop()
    reader = asyncio.StreamReader(limit=2**24)
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    _say(ready)
    running: set[asyncio.Task[None]] = set()

    async def answer(asked: dict[str, Any]) -> None:
        try:
            _say(await calls[asked["do"]](asked))
        except Exception as error:
            _say({"error": f"{type(error).__name__}: {error}"})

    while line := await reader.readline():
        task = loop.create_task(answer(json.loads(line)))
        running.add(task)
        task.add_done_callback(running.discard)
    os._exit(0)


def _say(answer: dict[str, Any]) -> None:
    sys.stdout.write(json.dumps(answer) + "\n")
    sys.stdout.flush()
