"""``mailkeep send``: send a mail through the API of a running Mailkeep, and wait for its delivery.

Security: the key comes from the environment or the home, never from the command line, where every
user of the machine reads it; it is sent over TLS or loopback only, and follows no redirect.
"""

import asyncio
import secrets
import sys
from pathlib import Path
from typing import Annotated, Any

import aiohttp
import msgspec
import typer

from mailkeep.base.errors import (
    Conflict,
    Invalid,
    MailkeepError,
    NotAllowed,
    NotSignedIn,
    TooMany,
    Unavailable,
)
from mailkeep.mail.types import Status

from .house import DEFAULT_HOME, Home, way_in
from .output import FOUND, Json, Progress, result

TRIES = 3  #: of one request; the idempotency key makes it one message
POLL_SECONDS = 0.25
SLOWEST_POLL_SECONDS = 2.0

#: What a message does not leave again.
_OVER = frozenset({Status.DELIVERED, Status.BOUNCED, Status.GIVEN_UP})
_ERRORS: dict[int, type[MailkeepError]] = {
    400: Invalid,
    401: NotSignedIn,
    403: NotAllowed,
    404: Invalid,
    409: Conflict,
    413: Invalid,
    422: Invalid,
    429: TooMany,
}


def send(
    to: Annotated[str, typer.Option("--to", help="The recipient.")],
    sender: Annotated[str, typer.Option("--from", help="From whom it comes.")],
    subject: Annotated[str, typer.Option("--subject", help="Its subject.")],
    text: Annotated[str | None, typer.Option("--text", help="What it says.")] = None,
    html: Annotated[str | None, typer.Option("--html", help="The same as HTML.")] = None,
    text_file: Annotated[
        str | None, typer.Option("--text-file", help="File with what it says; - is the input.")
    ] = None,
    stream: Annotated[str, typer.Option("--stream", help="In which stream it goes.")] = "alert",
    wait: Annotated[
        bool, typer.Option("--wait", help="Until it is delivered; ends with 1 when it is not.")
    ] = False,
    timeout: Annotated[
        float, typer.Option("--timeout", min=1, help="Wait no longer than so many seconds.")
    ] = 120.0,
    as_json: Json = False,
    home: Home = DEFAULT_HOME,
) -> None:
    """Hand a mail in to a running Mailkeep (MAILKEEP_URL, MAILKEEP_KEY)."""
    if text is not None and text_file is not None:
        raise Invalid("say --text or --text-file, not both", field="--text-file")
    if text_file is not None:
        text = _read(text_file)
    if text is None and html is None:
        raise Invalid("say what it says: --text, --html or --text-file", field="--text")
    body = {"to": to, "from": sender, "subject": subject, "stream": stream}
    body |= {name: value for name, value in (("text", text), ("html", html)) if value is not None}
    url, key = way_in(home)

    async def run() -> dict[str, Any]:
        headers = {"Authorization": f"Bearer {key.reveal()}"}
        limit = aiohttp.ClientTimeout(total=30)
        async with aiohttp.ClientSession(headers=headers, timeout=limit) as session:
            api = _Api(session, f"{url}/v1/messages")
            message = str((await api.accept(body))["id"])
            if not wait:
                return {"id": message, "status": Status.QUEUED.value}
            return await _until_over(api, message, timeout, quiet=as_json)

    found = asyncio.run(run())
    result(found, f"{found['id']}: {_words(found, waited=wait)}", as_json=as_json)
    if wait and found["status"] != Status.DELIVERED:
        raise typer.Exit(FOUND)


class _Api:
    """The API of a Mailkeep, as far as one message needs it."""

    def __init__(self, session: aiohttp.ClientSession, url: str) -> None:
        self._session = session
        self._url = url

    async def accept(self, body: dict[str, str]) -> dict[str, Any]:
        headers = {"Idempotency-Key": f"cli-{secrets.token_hex(16)}"}
        for left in reversed(range(TRIES)):
            try:
                return await self._ask("POST", self._url, json=body, headers=headers)
            except Unavailable:
                if not left:
                    raise
            await asyncio.sleep(0.5)
        raise AssertionError("the last try returns or raises")

    async def message(self, message: str) -> dict[str, Any]:
        return await self._ask("GET", f"{self._url}/{message}")

    async def _ask(self, method: str, url: str, **more: Any) -> dict[str, Any]:
        """Raises what the reply says is wrong; ``Unavailable`` when there is none."""
        try:
            async with self._session.request(method, url, allow_redirects=False, **more) as reply:
                status, raw = reply.status, await reply.read()
        except (aiohttp.ClientError, TimeoutError) as error:
            raise Unavailable(f"no Mailkeep answers at {self._url}") from error
        try:
            said = msgspec.json.decode(raw, type=dict[str, Any])
        except (msgspec.DecodeError, UnicodeDecodeError):
            said = {}
        if status in {200, 202} and said:
            return said
        detail = str(said.get("detail") or said.get("title") or f"it answered {status}")
        field = said.get("field")
        raise _ERRORS.get(status, Unavailable)(detail, **({"field": field} if field else {}))


async def _until_over(api: _Api, message: str, within: float, *, quiet: bool) -> dict[str, Any]:
    """Look until nothing more becomes of it, or time is up; say what happens meanwhile."""
    progress = Progress(f"{message}: taken in, waiting", quiet=quiet)
    loop = asyncio.get_running_loop()
    end, pause, told = loop.time() + within, POLL_SECONDS, 0
    status = ""
    while True:
        try:
            found = await api.message(message)
        except Unavailable as error:  # it may be starting anew; what it took in is not lost
            if loop.time() >= end:
                raise Unavailable(f"{message} was taken in, and now {error}") from error
            await asyncio.sleep(SLOWEST_POLL_SECONDS)
            continue
        except MailkeepError as error:
            raise type(error)(f"{message} was taken in; what became of it: {error}") from error
        attempts = found["attempts"]
        for one in attempts[told:]:
            if one["outcome"] is None:
                break
            told += 1
            detail = f" ({one['detail']})" if one["detail"] else ""
            progress.say(f"attempt {told} over {one['provider']}: {one['outcome']}{detail}")
        if found["status"] != status:
            status = found["status"]
            progress.say(f"status: {status}")
        if status in _OVER or loop.time() >= end:
            return found
        await asyncio.sleep(min(pause, max(0.0, end - loop.time())))
        pause = min(SLOWEST_POLL_SECONDS, pause * 1.2)


def _words(found: dict[str, Any], *, waited: bool) -> str:
    status = found["status"]
    if not waited:
        return "taken in"
    if status == Status.ACCEPTED:
        return "accepted by a provider, and nobody reported its delivery in time"
    return str(status) if status in _OVER else f"{status}; not delivered in time"


def _read(name: str) -> str:
    try:
        return sys.stdin.read() if name == "-" else Path(name).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise Invalid("it cannot be read as UTF-8", field="--text-file") from error
