"""The interface between recovery, which writes decoys, and ``canaries``, which sends and recognises
them.

They go to our own listener only: the keeper of a mailbox elsewhere could show a decoy's link as
well as its provider, who would be framed by it.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from mailkeep.mail.types import Content
from mailkeep.store.database import Tx


@dataclass(frozen=True)
class Decoys:
    """What looks like recovery mail.

    Attributes:
        stream: in which recovery mail goes.
        providers: that carry it.
        hosts: that stand in it because we put them there, besides those of canaries.
        write: for (transaction, provider, recipient) a mail, and the secret in its link.
    """

    stream: str
    providers: tuple[str, ...]
    hosts: tuple[str, ...]
    write: Callable[[Tx, str, str], Awaitable[tuple[Content, str]]]
