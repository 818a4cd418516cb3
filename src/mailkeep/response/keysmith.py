"""Creates, tests and revokes API keys of our accounts at providers, where their API can.

A new key is kept beside the file of the old one until it is in use, readable by us only; after a
crash the next run finds it there. A key that was created but never reached us is found by its name
and revoked: nobody has it.

Security: opens connections with the managing key. Redirects are not followed, replies are bounded,
and no error holds a key.
"""

import contextlib
import os
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TypeVar

from mailkeep.base.errors import Conflict, Unavailable
from mailkeep.base.secret import Secret
from mailkeep.providers.keys import registry
from mailkeep.providers.keys.types import Answer, Holder, ManagesKeys, Trouble
from mailkeep.providers.types import HttpReply, HttpRequest, TransportFailure

SECONDS = 8.0  #: of one call; several of them are shorter than the lease of an action
_MAX = 512 * 1024

T = TypeVar("T")
Carry = Callable[[HttpRequest], Awaitable[Answer]]


class Keysmith:
    """The API keys at one provider. Each call may be repeated.

    Args:
        holder: that is ``able``.
        carry: sends a request and never raises; by default over the network.
    """

    def __init__(self, holder: Holder, carry: Carry | None = None) -> None:
        if holder.manager is None or holder.file is None:
            raise Conflict(f"no API that we speak manages the keys of {holder.name}")
        self._name, self._manager, self._file = holder.name, holder.manager, holder.file
        self._module: ManagesKeys = registry.KEYS[holder.manager.kind]
        self._carry = carry or send

    @property
    def _new(self) -> Path:
        return self._file.with_name(self._file.name + ".new")

    def in_use(self) -> str:
        """The id of the key that we send with. Raises ``Conflict``: it cannot be told."""
        found = self._module.id_of(_read(self._file))
        if found is None:
            raise Conflict(
                f"the key in use at {self._name} does not tell its id: rotate it by hand"
            )
        return found

    async def make(self, name: str) -> str:
        """Make a key of that name, unless it is made; returns its id."""
        listed = self._said(
            self._module.read_list(await self._carry(self._module.list(self._manager)))
        )
        mine = self._module.id_of(_read(self._new)) if self._new.exists() else None
        there = {one.id for one in listed if one.name == name}
        for lost in sorted(there - {mine, self.in_use()}):
            await self.revoke(lost)  # made for somebody who died before they had it
        if mine is not None and mine in there:
            return mine
        request = self._module.make(self._manager, name)
        made = self._said(self._module.read_made(await self._carry(request)))
        _write(self._new, made.secret)
        return made.id

    async def prove(self, key: str) -> None:
        """Have a key work, the one that waits or the one in use. Raises ``Conflict``: it does not,
        or it is neither."""
        for path in (self._new, self._file):
            if path.exists() and self._module.id_of(_read(path)) == key:
                request = self._module.prove(self._manager, _read(path))
                if not self._said(self._module.read_proved(await self._carry(request))):
                    raise Conflict(
                        f"the new key does not work at {self._name}: nothing was revoked"
                    )
                return
        raise Conflict("the new key is no longer there: nothing was revoked")

    def put_in_use(self, key: str) -> None:
        """Replace the old key by the new one, atomically."""
        if self._new.exists() and self._module.id_of(_read(self._new)) == key:
            self._new.replace(self._file)
        elif self.in_use() != key:
            raise Conflict("the new key is no longer there: nothing was revoked")

    async def revoke(self, key: str) -> None:
        """Revoke a key."""
        request = self._module.revoke(self._manager, key)
        self._said(self._module.read_revoked(await self._carry(request)))

    def _said(self, found: T | Trouble) -> T:
        if not isinstance(found, Trouble):
            return found
        if found is Trouble.AWAY:
            raise Unavailable(f"{self._name} does not answer about its keys just now")
        words = "refuses" if found is Trouble.REFUSED else "answers in no form that we know"
        raise Conflict(f"{self._name} {words}: see the managing key and its scopes")


async def send(request: HttpRequest) -> Answer:
    """Over the network; never raises for what the other side does."""
    import aiohttp

    limit = aiohttp.ClientTimeout(total=SECONDS)
    try:
        async with (
            aiohttp.ClientSession(timeout=limit, cookie_jar=aiohttp.DummyCookieJar()) as http,
            http.request(
                request.method,
                request.url,
                headers=dict(request.headers),
                data=request.body or None,
                allow_redirects=False,
            ) as reply,
        ):
            body = bytearray()
            async for chunk in reply.content.iter_chunked(8192):
                body += chunk
                if len(body) > _MAX:
                    break
            return HttpReply(reply.status, dict(reply.headers), bytes(body))
    except (aiohttp.ClientError, TimeoutError, OSError, ValueError):
        return TransportFailure("reset_after_send")


def _read(path: Path) -> Secret:
    try:
        return Secret(path.read_text().strip())
    except (OSError, UnicodeDecodeError) as error:
        raise Conflict(f"{path} cannot be read") from error


def _write(path: Path, secret: Secret) -> None:
    """Write a file atomically and durably."""
    part = path.with_name(path.name + ".part")
    try:
        with contextlib.suppress(FileNotFoundError):
            part.unlink()
        with os.fdopen(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            file.write(secret.reveal() + "\n")
            file.flush()
            os.fsync(file.fileno())
        part.replace(path)
    except OSError as error:
        raise Conflict(f"{path} cannot be written: nothing was revoked") from error
