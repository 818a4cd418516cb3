"""Sending limits: how much a provider lets us send, where its API says so.

Such a provider has two functions, `Tells`; an SMTP relay has no way to say it.

Security: a reply may hold more about the account (Postmark's names its tokens); only numbers and
our own words are taken out of it.
"""

from collections.abc import Sequence
from typing import Protocol, runtime_checkable

import msgspec

from .types import HttpRequest, ProviderConfig, Reply


class Allowance(msgspec.Struct, frozen=True):
    """What a provider says of our account there; None: it does not say.

    Attributes:
        hourly: mails that we may send in an hour.
        backlog: mails that it holds back because we sent more.
        reputation: 0 to 100; a low one lowers the quota.
        sends: False: it takes mail and delivers none of it (a test account).
    """

    hourly: int | None = None
    backlog: int | None = None
    reputation: int | None = None
    sends: bool = True


@runtime_checkable
class Tells(Protocol):
    """A provider module whose API tells."""

    def ask_allowance(self, config: ProviderConfig) -> HttpRequest:
        """Write the request that asks for it.

        Raises:
            MisconfiguredProvider: ``config`` cannot be used.
        """
        ...

    def allowance(self, reply: Reply) -> Allowance | None:
        """Read the answer; None: it does not tell. Never raises."""
        ...


def number(value: object) -> int | None:
    """A count in a reply; anything else is none."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return int(value) if 0 <= value < 10**12 else None


def share(hourly: int | None, peak: int) -> float | None:
    """The part of a peak, in mails an hour, that a provider could carry; None: nobody knows."""
    if hourly is None:
        return None
    return 1.0 if hourly >= peak else hourly / peak


def peak(counts: Sequence[int]) -> int:
    """The hour with the most mail; 0 where there was none."""
    return max(counts, default=0)
