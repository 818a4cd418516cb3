"""Slow hashing of passwords and short codes (argon2id), in threads of its own.

argon2id runs over a peppered digest: without the pepper's key file a stolen database is useless,
and the digest bounds the length of what argon2 reads. Imported hashes are wrapped the same way
(``foreign``); while there are any, every check does as much work as one of theirs, so that the time
tells neither whether an account exists nor where it came from.

Security: anyone may have us hash and judge passwords. The threads are separate, so that a flood of
sign-ins takes none from the rest of the process; when too many wait, whoever has the most waiting
loses one (``places``); and proofs of recoveries have threads that no sign-in can take.
"""

import contextlib
import time
from collections.abc import Iterable, Sequence
from functools import partial

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from mailkeep.base.errors import Invalid
from mailkeep.base.keys import KeyRing

from . import foreign
from .foreign import Foreign
from .places import WAITING, Threads
from .policy import check_password
from .ranges import Ranges

MEMORY_KIB, PASSES = 47_104, 1  #: OWASP's first choice for argon2id
_ARGON2 = "$argon2"
_IMPORTED = "imported password"
_OWN = "password"


def measure() -> float:
    """Seconds that one hash takes here, as passwords are hashed."""
    hasher = PasswordHasher(time_cost=PASSES, memory_cost=MEMORY_KIB, parallelism=1)
    began = time.perf_counter()
    hasher.hash(b"x" * 32)
    return time.perf_counter() - began


class SlowHash:
    """Makes and checks slow hashes, and judges new passwords.

    Args:
        keys: give the pepper.
        memory_kib: argon2's memory; the first right password after a change is hashed anew.
        at_once: hashes under way together: each holds its memory, and a flood of sign-ins must
            not take all of it.
        reserved: how many of these are for urgent work only.
        waiting: callers of each kind that may wait.
        breached: passwords that are in others' hands.
    """

    def __init__(
        self,
        keys: KeyRing,
        *,
        memory_kib: int = MEMORY_KIB,
        passes: int = PASSES,
        at_once: int = 4,
        reserved: int = 1,
        waiting: int = WAITING,
        breached: Ranges | None = None,
    ) -> None:
        self._keys = keys
        self._breached = breached
        self._hasher = PasswordHasher(time_cost=passes, memory_cost=memory_kib, parallelism=1)
        self._ordinary = Threads("hash", max(1, at_once - reserved), waiting)
        self._urgent = Threads("urgent hash", reserved, waiting) if reserved else self._ordinary
        # One thread: the judge is written in Python, and keeps what it is told in shared tables.
        self._judging = Threads("judge", 1, waiting)
        self._nobody: str | None = None
        #: How the dearest imported hash of each family was made that is left, as far as is known.
        self.decoys: dict[str, str] = {}

    async def make(
        self, purpose: str, secret: str, *, of: str, proved: bool = False, urgent: bool = False
    ) -> str:
        """A salted hash of ``secret``, good for ``purpose`` only.

        Args:
            of, proved: for whom, such as the network of the visit; see ``Threads.run``.
            urgent: in a reserved thread; for what recovery mints, never for what a visitor can
                have hashed at will.

        Raises:
            Unavailable: too many wait already.
        """
        threads = self._urgent if urgent else self._ordinary
        peppered = self._keys.pepper(purpose, secret)
        return await threads.run(of, self._hasher.hash, peppered, proved=proved)

    async def check(
        self, purpose: str, secret: str, kept: str | None, *, of: str, proved: bool = False
    ) -> bool:
        """Whether ``kept`` was made from ``secret``. With None the answer is no, after as much
        work: the time must not tell whether there is an account. ``of``, ``proved`` and what is
        raised: as for ``make``."""
        usable = kept is not None and _ARGON2 in kept  # one that was disabled fits nothing
        asked = (kept if usable else None, purpose, secret)
        same = await self._ordinary.run(of, self._same, *asked, proved=proved)
        return same and usable

    async def wrap(self, read: Foreign) -> str:
        """Another system's hash under ours; ``check`` takes what comes back for any purpose that
        the other system's hash was for."""
        secret = self._keys.pepper(_IMPORTED, read.output.hex())
        return foreign.join(read.how, await self._ordinary.run("", self._hasher.hash, secret))

    def outdated(self, kept: str) -> bool:
        """Whether a right password should be hashed anew: another system made the hash, or ours
        has had other parameters then."""
        return foreign.is_foreign(kept) or self._hasher.check_needs_rehash(kept)

    def expect(self, hows: Iterable[str]) -> None:
        """Imported hashes made in these ways are left: from now on every check takes as long as the
        dearest of each family of functions among them. Most ways are known at the start; one that
        is not becomes known at the first check of such a hash, whose time gives that one account
        away."""
        found = dict(self.decoys)
        for how in hows:
            before = found.setdefault(foreign.family(how), how)
            if foreign.cost(how) > foreign.cost(before):
                found[foreign.family(how)] = how
        self.decoys = found

    async def judge(
        self,
        password: str,
        *,
        of: str,
        has_factor: bool,
        about: Sequence[str] = (),
        proved: bool = False,
    ) -> str:
        """``policy.check_password``, off the event loop; ``of``, ``proved`` as for ``make``.

        Raises:
            Invalid: it cannot be used.
            Unavailable: too many wait already.
        """
        judge = partial(self._judge, password, has_factor=has_factor, about=tuple(about))
        return await self._judging.run(of, judge, proved=proved)

    def close(self) -> None:
        """End the threads."""
        for threads in (self._ordinary, self._urgent, self._judging):
            threads.close()

    def _judge(self, password: str, *, has_factor: bool, about: tuple[str, ...]) -> str:
        password = check_password(password, has_factor=has_factor, about=about)
        if self._breached is not None and self._breached.has(password):
            raise Invalid(
                "this password is on a list of passwords in others' hands", field="password"
            )
        return password

    def _same(self, kept: str | None, purpose: str, secret: str) -> bool:
        if self._nobody is None:  # made by the first check of all, whoever it is of
            self._nobody = self._hasher.hash(self._keys.pepper("nobody", "nobody"))
        kept = kept or self._nobody
        peppered = self._keys.pepper(purpose, secret)
        how = ""
        if foreign.is_foreign(kept):
            how, kept = foreign.split(kept)
            peppered = self._keys.pepper(_IMPORTED, "")  # what is no hash's
            with contextlib.suppress(*foreign.UNMAKEABLE):  # nor does it stop anybody else
                peppered = self._keys.pepper(_IMPORTED, foreign.derive(how, secret).hex())
                self.expect([how])
        if purpose == _OWN:
            self._fill(how, secret)
        with contextlib.suppress(VerificationError, InvalidHashError):
            return self._hasher.verify(kept, peppered)
        return False

    def _fill(self, how: str, secret: str) -> None:
        """As much work as the dearest imported hash of each family takes, less what was done."""
        for family, dearest in self.decoys.items():
            with contextlib.suppress(*foreign.UNMAKEABLE):
                if how and foreign.family(how) == family:
                    foreign.fill(how, dearest, secret)
                else:
                    foreign.derive(dearest, secret)
