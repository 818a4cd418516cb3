"""Types and settings of the feed room."""

import enum
import ipaddress
from collections.abc import Collection

import msgspec

from mailkeep.base.clock import Instant
from mailkeep.base.errors import BadSettings, Invalid
from mailkeep.signals import reachable

STDOUT, FILE = "stdout", "file:"
MOST_EVENTS = 500  #: delivery events in one request


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

    def outbound(self) -> reachable.Outbound:
        """Connections to where it goes."""
        return reachable.Outbound(self.timeout, loopback=False, named=networks(self))


class EventKind(enum.StrEnum):
    """What a delivery event says of a message."""

    ACCEPTED = "accepted"  #: a provider took it; that says nothing about delivery
    DELIVERED = "delivered"  #: the receiving server took it, a provider says
    DEFERRED = "deferred"  #: not now; it is tried again
    REFUSED = "refused"  #: a provider would not take it; another one, or a later try, may
    UNCERTAIN = "uncertain"  #: a provider was handed it, and no answer came: it may have been sent
    BOUNCED = "bounced"  #: the receiving server refused it for good, a provider says
    SOFT_BOUNCED = "soft_bounced"  #: given up on by a provider; the address may still be good
    COMPLAINED = "complained"  #: reported as spam
    SUPPRESSED = "suppressed"  #: a provider put the address on its list
    UNSUBSCRIBED = "unsubscribed"  #: the recipient asked a provider for no more mail
    OPENED = "opened"  #: the tracking image was fetched, by a person or a scanner
    CLICKED = "clicked"  #: a rewritten link was followed, by a person or a scanner
    GIVEN_UP = "given_up"  #: it will not be sent: it expired, or was refused for good
    REQUEUED = "requeued"  #: an operator had it sent after all
    SPLIT = "split"  #: the copy of one of several goes on as a message of its own


#: What is told unless the settings say otherwise: what tells how a person behaves is not.
USUAL = tuple(one for one in EventKind if one not in {EventKind.OPENED, EventKind.CLICKED})


class EventWebhookSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """An ``[[event_webhook]]`` table: what became of messages, told to an application.

    Attributes:
        name: under which its place is kept; another name begins anew, with what happens then.
        to: the URL.
        secret: where the secret that signs is: ``env:NAME`` or ``file:PATH``, of ``whsec_…``.
        former_secret: likewise, the one before it: while both stand here, both sign.
        streams: whose messages are told of; no others are.
        what: which events.
        addresses: whether the recipient's address stands in each event, beside its pseudonym.
        batch: how many events go in one request, at most.
        networks: that it may be in although they are not public, as ``10.20.0.0/16``.
        timeout: seconds for one request, from the connection to the end of the answer.
    """

    name: str
    to: str
    secret: str
    streams: tuple[str, ...]
    former_secret: str | None = None
    what: tuple[EventKind, ...] = USUAL
    addresses: bool = False
    batch: int = 50
    networks: tuple[str, ...] = ()
    timeout: float = 10.0

    def outbound(self) -> reachable.Outbound:
        """Connections to where it goes."""
        return reachable.Outbound(self.timeout, loopback=False, named=networks(self))


class FeedState(msgspec.Struct, frozen=True):
    """How a feed, or a webhook of delivery events, fares.

    Attributes:
        behind: places of the log that it has yet to read; not all of them are told.
        failing_since: since when nothing came through; None while it does.
        refused: lines that the other side would not take, and that were left out.
        waiting_since: when what it is told next happened; None while nothing is known to wait.
        missed_since: from when on the log had forgotten what was to be told, which has not been
            said to the other side yet.
    """

    name: str
    behind: int
    told: int
    refused: int
    told_at: Instant | None
    failing_since: Instant | None
    error: str | None
    waiting_since: Instant | None = None
    missed_since: Instant | None = None


def networks(settings: FeedSettings | EventWebhookSettings) -> tuple[reachable.Network, ...]:
    """The networks of a feed. Raises ``BadSettings``."""
    try:
        return tuple(ipaddress.ip_network(one) for one in settings.networks)
    except ValueError as error:
        what = "feed" if isinstance(settings, FeedSettings) else "event_webhook"
        raise BadSettings(f"{what} {settings.name}: networks: {error}") from error


def check(feeds: tuple[FeedSettings, ...]) -> None:
    """Raises ``BadSettings``."""
    for one in feeds:
        where = f"feed {one.name}"
        _check_name("feed", one.name)
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


def check_webhooks(
    webhooks: tuple[EventWebhookSettings, ...],
    streams: Collection[str],
    feeds: tuple[FeedSettings, ...],
) -> None:
    """Raises ``BadSettings``.

    Args:
        streams: those that there are.
        feeds: whose places are kept in the same table.
    """
    names = [one.name for one in feeds] + [one.name for one in webhooks]
    for one in webhooks:
        where = f"event_webhook {one.name}"
        _check_name("event_webhook", one.name)
        if names.count(one.name) > 1:
            raise BadSettings(f"{where}: another one, or a [[feed]], has that name")
        if not one.streams:
            raise BadSettings(f"{where}: streams names those whose messages are told of")
        unknown = sorted(set(one.streams) - set(streams))
        if unknown:
            raise BadSettings(f"{where}: no stream {unknown[0]!r}")
        if not one.what or len(set(one.what)) < len(one.what):
            raise BadSettings(f"{where}: what names each event once, and one at least")
        if not 1 <= one.batch <= MOST_EVENTS:
            raise BadSettings(f"{where}: batch must be 1 to {MOST_EVENTS}")
        if not 1 <= one.timeout <= 60:
            raise BadSettings(f"{where}: timeout must be 1 to 60 seconds")
        try:
            reachable.url(one.to, networks(one))
        except Invalid as error:
            raise BadSettings(f"{where}: to: {error}") from error


def _check_name(what: str, name: str) -> None:
    if not 0 < len(name) <= 40 or not name.replace("-", "").isalnum():
        raise BadSettings(f"{what}: name is a word of letters, digits and '-', 40 at most")
