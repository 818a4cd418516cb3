"""Reads how much a provider says it sent for our account, where its API says so.

Security: the answer is a claim; a number is taken out of the reply and nothing else.
"""

from typing import Protocol, runtime_checkable

from . import replies
from .allowance import number
from .types import HttpReply, HttpRequest, ProviderConfig, Reply


@runtime_checkable
class Counts(Protocol):
    """A provider module whose API tells a running total."""

    def ask_volume(self, config: ProviderConfig) -> HttpRequest:
        """Write the request that asks for it.

        Raises:
            MisconfiguredProvider: ``config`` cannot be used.
        """
        ...

    def volume(self, reply: Reply) -> int | None:
        """Mails sent since our account there began, by recipient; None: it does not tell. Never
        raises."""
        ...


def counted(reply: Reply, *path: str) -> int | None:
    """The count at a path of a reply's JSON; None where there is none."""
    if not isinstance(reply, HttpReply) or reply.status != 200:
        return None
    at: object = replies.body_of(reply)
    for name in path:
        at = at.get(name) if isinstance(at, dict) else None
    return number(at)
