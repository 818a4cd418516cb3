"""Slow hashes of what people remember or type, away from the event loop.

argon2id over a peppered digest: a stolen database without the pepper's key file is no use, and the
digest bounds what argon2 is given to read.
"""

import asyncio
import contextlib

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from mailkeep.base.keys import KeyRing


class SlowHash:
    """Makes and checks slow hashes.

    Args:
        keys: give the pepper.
        memory_kib: argon2's memory; the default and ``passes`` follow OWASP's first choice.
        at_once: hashes under way together: each holds its memory, and a flood of sign-ins must
            not take all of it.
    """

    def __init__(
        self, keys: KeyRing, *, memory_kib: int = 47_104, passes: int = 1, at_once: int = 4
    ) -> None:
        self._keys = keys
        self._hasher = PasswordHasher(time_cost=passes, memory_cost=memory_kib, parallelism=1)
        self._turns = asyncio.Semaphore(at_once)
        self._nobody: str | None = None

    async def make(self, purpose: str, secret: str) -> str:
        """A salted hash of ``secret``, good for ``purpose`` only."""
        async with self._turns:
            return await asyncio.to_thread(self._hasher.hash, self._keys.pepper(purpose, secret))

    async def check(self, purpose: str, secret: str, kept: str | None) -> bool:
        """Whether ``kept`` was made from ``secret``. With None the answer is no, after as much
        work: the time must not tell whether there is an account."""
        if kept is None and self._nobody is None:
            self._nobody = await self.make("nobody", "nobody")
        against = kept or self._nobody or ""
        async with self._turns:
            same = await asyncio.to_thread(self._same, against, self._keys.pepper(purpose, secret))
        return same and kept is not None

    def _same(self, kept: str, peppered: bytes) -> bool:
        with contextlib.suppress(VerificationError, InvalidHashError):
            return self._hasher.verify(kept, peppered)
        return False
