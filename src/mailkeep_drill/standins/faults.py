"""The faults that a stand-in can have, and when they strike.

Every fault can be scoped: ``match`` is a regular expression searched in the recipient's address,
``times`` ends it after so many strikes, ``share`` strikes only that part of the mails (evenly
spread, not at random, so that a run can be repeated).
"""

import asyncio
import re
import time
from collections.abc import Iterable
from typing import Literal, TypeVar

import msgspec

from .mail import EventKind

ForeignKind = Literal["reply_to", "from", "bcc", "text", "link"]
FOREIGN_ADDRESS = "support@arxxwalls.com"
"""The domain of the address that was seen in a customer's mail on 7 August 2022."""


class Fault(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What all faults have; see the module."""

    match: str = ""
    times: int | None = None
    share: float = 1.0

    def __post_init__(self) -> None:
        if len(self.match) > 500:
            raise ValueError("match is too long")
        if self.times is not None and self.times < 1:
            raise ValueError("times must be at least 1")
        if not 0.0 < self.share <= 1.0:
            raise ValueError("share must be above 0 and at most 1")


class Slow(Fault, frozen=True):
    """Answer late. The mail is taken, even when the client has gone by then."""

    seconds: float = 3.0


class Hang(Fault, frozen=True):
    """Accept the connection and never answer. With ``takes`` the mail is sent all the same."""

    takes: bool = False


class Fail(Fault, frozen=True):
    """Answer with a server error. With ``takes`` the mail is sent all the same."""

    status: int = 500
    takes: bool = False


class Reset(Fault, frozen=True):
    """Break the connection off instead of answering. With ``takes`` the mail is sent all the same;
    with ``half`` it is, and half of the answer comes."""

    half: bool = False
    takes: bool = False


class Throttle(Fault, frozen=True):
    """Answer that there were too many requests: 429; ``retry_after`` seconds are asked for."""

    retry_after: int | None = None


class RefuseKey(Fault, frozen=True):
    """Answer as if the key were wrong or revoked."""


class Suspend(Fault, frozen=True):
    """Suspend or limit the account; ``kind`` is one of the provider's `suspensions`, "" the first.

    Every provider has ``silent``: the API answers as ever and nothing leaves, as on 8 August 2022.
    """

    kind: str = ""


class AcceptAndDrop(Fault, frozen=True):
    """Answer that all is well, send nothing, say nothing."""


class ForeignSender(Fault, frozen=True):
    """Put a stranger's address into the mail."""

    kinds: tuple[ForeignKind, ...] = ("reply_to",)
    address: str = FOREIGN_ADDRESS


class RewriteLinks(Fault, frozen=True):
    """Link tracking on for the account: a message's own "no" still counts, unless ``force``."""

    force: bool = False


class DelayWebhooks(Fault, frozen=True):
    """Send the webhooks of these mails late."""

    seconds: float = 30.0


class NoWebhooks(Fault, frozen=True):
    """Send no webhooks for these mails."""


class ForgeWebhooks(Fault, frozen=True):
    """Report this event, genuinely signed, instead of what happened."""

    event: EventKind = "delivered"


class Leak(Fault, frozen=True):
    """Let the attacker read what passes, at ``GET /leak`` of the control API."""


KINDS: dict[str, type[Fault]] = {
    "slow": Slow,
    "hang": Hang,
    "fail": Fail,
    "reset": Reset,
    "throttle": Throttle,
    "refuse_key": RefuseKey,
    "suspend": Suspend,
    "accept_and_drop": AcceptAndDrop,
    "foreign_sender": ForeignSender,
    "rewrite_links": RewriteLinks,
    "delay_webhooks": DelayWebhooks,
    "no_webhooks": NoWebhooks,
    "forge_webhooks": ForgeWebhooks,
    "leak": Leak,
}
F = TypeVar("F", bound=Fault)


class _Active:
    """A fault that is on, and what is left of it."""

    def __init__(self, fault: Fault) -> None:
        self.fault = fault
        self.left = fault.times
        self.since = time.time()
        self._pattern = re.compile(fault.match, re.IGNORECASE)
        self._owed = 0.0

    def strikes(self, recipients: Iterable[str]) -> bool:
        if self.left == 0:
            return False
        if self.fault.match and not any(self._pattern.search(name) for name in recipients):
            return False
        self._owed += self.fault.share
        if self._owed < 1.0 - 1e-9:
            return False
        self._owed -= 1.0
        if self.left is not None:
            self.left -= 1
        return True


class Switchboard:
    """The faults that are on.

    Args:
        suspensions: the kinds of suspension that this provider has, its usual one first.
    """

    def __init__(self, suspensions: tuple[str, ...]) -> None:
        self._suspensions = suspensions
        self._active: dict[type[Fault], _Active] = {}
        self._hang_over = asyncio.Event()

    def set(self, wanted: dict[str, object]) -> None:
        """Switch faults: ``true`` or parameters turn one on, ``false`` or null off.

        Raises:
            ValueError: an unknown fault or parameter; nothing is switched then.
        """
        changes: dict[type[Fault], _Active | None] = {}
        for name, value in wanted.items():
            kind = KINDS.get(name)
            if kind is None:
                raise ValueError(f"no fault named {name!r}; there are {', '.join(KINDS)}")
            if value is None or value is False:
                changes[kind] = None
                continue
            try:
                fault = msgspec.convert({} if value is True else value, kind)
                active = _Active(fault)
            except (msgspec.ValidationError, re.error) as error:
                raise ValueError(f"{name}: {error}") from error
            if isinstance(fault, Suspend) and fault.kind not in {"", *self._suspensions}:
                raise ValueError(f"suspend: kind is one of {', '.join(self._suspensions)}")
            changes[kind] = active
        for kind, active_or_none in changes.items():
            self._active.pop(kind, None)
            if active_or_none is not None:
                self._active[kind] = active_or_none
        if Hang in changes:
            self.release()

    def clear(self) -> None:
        """Turn everything off; whoever hangs is cut off."""
        self._active.clear()
        self.release()

    def release(self) -> None:
        """Let go of the connections that hang."""
        self._hang_over.set()
        self._hang_over = asyncio.Event()

    async def hang_over(self) -> None:
        """Wait until the hanging ends."""
        await self._hang_over.wait()

    def hit(self, kind: type[F], recipients: Iterable[str] = ()) -> F | None:
        """Tell whether a fault strikes now; it is counted when it does.

        Args:
            recipients: who the request is for; none: only a fault without ``match`` strikes.
        """
        active = self._active.get(kind)
        if active is None or not active.strikes(recipients):
            return None
        return active.fault if isinstance(active.fault, kind) else None

    def suspension(self, recipients: Iterable[str] = ()) -> str | None:
        """The kind of suspension that strikes, or None."""
        fault = self.hit(Suspend, recipients)
        return None if fault is None else (fault.kind or self._suspensions[0])

    def state(self) -> dict[str, object]:
        """What is on, as JSON."""
        names = {kind: name for name, kind in KINDS.items()}
        return {
            names[kind]: {**msgspec.to_builtins(active.fault), "left": active.left}
            for kind, active in self._active.items()
        }

    def since(self) -> dict[str, float]:
        """When each fault that is on was turned on, in seconds since the epoch."""
        names = {kind: name for name, kind in KINDS.items()}
        return {names[kind]: active.since for kind, active in self._active.items()}
