"""Types and settings of the feed room."""

import enum
import ipaddress

import msgspec

from mailkeep.base.clock import Instant
from mailkeep.base.errors import BadSettings, Invalid
from mailkeep.signals import reachable

STDOUT, FILE = "stdout", "file:"


class What(enum.StrEnum):
    """What a feed tells."""

    SIGNAL = "signal"  #: what one detector says about one subject
    INCIDENT = "incident"  #: an incident opened, or changed


class FeedSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A ``[[feed]]`` table: signals and incidents as lines of JSON.

    Attributes:
        name: under which its place is kept; another name begins anew, with what happens then.
        to: ``stdout``, ``file:PATH`` or the URL of a webhook.
        secret: of a webhook, where it is: ``env:NAME`` or ``file:PATH``. It is ``whsec_`` and
            base64 of 24 to 64 octets, as Standard Webhooks has it.
        what: what is told, of ``signal`` and ``incident``.
        networks: that a webhook may be in although they are not public, as ``10.20.0.0/16``.
        timeout: seconds for one line, from the connection to the end of the answer.
    """

    name: str
    to: str
    secret: str | None = None
    what: tuple[What, ...] = (What.SIGNAL, What.INCIDENT)
    networks: tuple[str, ...] = ()
    timeout: float = 10.0

    @property
    def is_webhook(self) -> bool:
        return self.to != STDOUT and not self.to.startswith(FILE)

    def reach(self) -> reachable.Reach:
        """Connections to where it goes."""
        return reachable.Reach(self.timeout, loopback=False, named=networks(self))


class FeedState(msgspec.Struct, frozen=True):
    """The delivery state of a feed.

    Attributes:
        behind: places of the log that it has yet to read; not all of them are told.
        failing_since: since when nothing came through; None while it does.
        refused: lines that the other side would not take, and that were left out.
    """

    name: str
    behind: int
    told: int
    refused: int
    told_at: Instant | None
    failing_since: Instant | None
    error: str | None


def networks(settings: FeedSettings) -> tuple[reachable.Network, ...]:
    """The networks of a feed. Raises ``BadSettings``."""
    try:
        return tuple(ipaddress.ip_network(one) for one in settings.networks)
    except ValueError as error:
        raise BadSettings(f"feed {settings.name}: networks: {error}") from error


def check(feeds: tuple[FeedSettings, ...]) -> None:
    """Raises ``BadSettings``."""
    for one in feeds:
        where = f"feed {one.name}"
        if not 0 < len(one.name) <= 40 or not one.name.replace("-", "").isalnum():
            raise BadSettings("feed: name is a word of letters, digits and '-', 40 at most")
        if not one.what or len(set(one.what)) < len(one.what):
            raise BadSettings(f"{where}: what names signal, incident or both")
        if not 1 <= one.timeout <= 60:
            raise BadSettings(f"{where}: timeout must be 1 to 60 seconds")
        networks(one)
        if not one.is_webhook:
            if one.secret is not None or one.networks:
                raise BadSettings(f"{where}: secret and networks are for webhooks")
            if one.to == FILE:
                raise BadSettings(f"{where}: say file:PATH")
        elif one.secret is None:
            raise BadSettings(f"{where}: a webhook is signed: say where its secret is")
        else:
            try:
                reachable.url(one.to, networks(one))
            except Invalid as error:
                raise BadSettings(f"{where}: to: {error}") from error
    places = [one.to for one in feeds]
    if len(set(places)) < len(places):
        raise BadSettings("feed: two go to the same place")
