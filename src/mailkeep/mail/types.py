"""Types and settings of the mail room."""

import enum
from collections.abc import Mapping
from typing import Any

import msgspec

from mailkeep.base.clock import Instant
from mailkeep.base.errors import BadSettings
from mailkeep.events.types import Word
from mailkeep.providers.message import Address, Attachment, Shown
from mailkeep.providers.types import OutcomeKind

#: Beside the provider's ``OutcomeKind``: an attempt that was held back before anything left us.
WITHHELD = "withheld"


class Status(enum.StrEnum):
    """Where a message stands. Ranks only rise: a late claim never takes a message back."""

    QUEUED = "queued"  #: ours to send, now or later
    SENDING = "sending"  #: handed to a worker under a lease
    ACCEPTED = "accepted"  #: a provider took it; not known to have arrived
    DELIVERED = "delivered"  #: a provider says that the receiving server took it
    BOUNCED = "bounced"  #: a provider says that the receiving server refused it for good
    GIVEN_UP = "given_up"  #: expired, or refused for good before any server took it


class GiveUpReason(Word):
    """Why a message will not be sent."""

    EXPIRED = "expired"  #: its time, or that of the recovery that it belonged to, is over
    REJECTED = "rejected"  #: refused for good, and no provider carries it
    NO_BODY = "no body"  #: its body is gone
    HONEY = "honey"  #: it would show a honey address to another provider than its own
    SUPPRESSED = "suppressed"  #: nothing is sent to its recipient
    CANCELLED = "cancelled"  #: its sender took it back
    ERASED = "erased"  #: its recipient, or their account, is erased
    # It belonged to a recovery, and either that ended or its proof is minted anew.
    DENIED = "denied"  #: its owner said that it was not them
    SUPERSEDED = "superseded"  #: they asked again
    COMPLETED_ANOTHER = "completed_another"  #: another recovery of the account was completed
    PASSWORD_CHANGED = "password_changed"  # noqa: S105  #: since it was asked for
    ADDRESS_CHANGED = "address_changed"  #: since it was asked for
    CLASS = "class"  #: the account has a class by now that does not recover by mail
    TRIES_USED_UP = "tries_used_up"  #: of the second factor
    DEPENDENT_PROOFS = "dependent_proofs"  #: one party could have read both proofs
    SUSPECT_ROUTE = "suspect_route"  #: both went over one route, which is in doubt by now
    NOTICES_UNPROVEN = "notices_unproven"  #: no two notices of its hold were seen to leave
    PROVIDER_CUT = "provider_cut"  #: its provider was cut off
    REROUTED = "rerouted"  #: its route refused it, or rests
    SECURED = "secured"  #: the account was secured in an incident
    RESTORED = "restored"  #: the database was restored from an older backup


class SuppressionReason(enum.StrEnum):
    """Why mail is held back from an address."""

    BOUNCED = "bounced"  #: its server refused mail for good
    COMPLAINED = "complained"  #: they reported mail as spam
    UNSUBSCRIBED = "unsubscribed"  #: they asked for no more of it
    BLOCKED = "blocked"  #: refused for now, for the sender's name or a full mailbox; it ends
    MANUAL = "manual"  #: somebody put it there by hand


class RouteSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One provider as a way out of a stream. A route of weight 0, a standby, is used when no other
    stands.

    Attributes:
        warm: the share of mail that a standby carries all the same, counted for each family of
            mailboxes (``families``). Mailbox providers accept little from a sender that they do not
            know, so one that nobody uses cannot take over.
    """

    provider: str
    weight: float = 1.0
    warm: float = 0.0


class Shift(msgspec.Struct, frozen=True):
    """A part of one route's weight that was moved to another route of the stream.

    Attributes:
        share: of the source's weight, 0 to 1.
    """

    source: str
    target: str
    share: float


class StreamSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A stream: a class of mail with its own priority, routes and rules.

    Attributes:
        priority: lower goes first; recovery is 0.
        secret: its bodies open accounts: sealed at rest, never tracked, shredded at handover.
        concurrency: sends under way at once; each stream has its own, so that a hanging connection
            of one never holds back another.
        expires: seconds after which a message is not worth sending.
        keep: seconds for which an ordinary body is kept after a provider took the mail, whatever is
            reported of it; None: as long as one of which nothing is reported. 0: it goes as soon as
            the provider reports its delivery, for bulk mail of which a little may be lost.
        genuine: its mail is marked, and its recipients may ask at ``/genuine`` whether we sent it.
        suppress: for which reasons its mail is held back from who is on our list; () for none.
    """

    name: str
    priority: int
    routes: tuple[RouteSettings, ...]
    secret: bool = False
    concurrency: int = 20
    expires: float = 86_400.0
    keep: float | None = None
    genuine: bool = False
    suppress: tuple[SuppressionReason, ...] = ()

    @property
    def keeps(self) -> bool:
        """Whether no provider's word destroys an ordinary body."""
        return not self.secret and (self.keep is None or self.keep > 0)


def check(stream: StreamSettings) -> None:
    """Raises ``BadSettings``."""
    where = f"stream {stream.name}"
    if stream.concurrency < 1 or stream.expires <= 0:
        raise BadSettings(f"{where}: concurrency and expires must be above 0")
    if stream.keep is not None and stream.keep < 0:
        raise BadSettings(f"{where}: keep is below 0")
    if any(route.weight < 0 for route in stream.routes):
        raise BadSettings(f"{where}: a weight is below 0")
    if any(not 0 <= route.warm <= 0.5 for route in stream.routes):
        raise BadSettings(f"{where}: warm is a share of the mail, 0 to 0.5")
    if sum(route.warm for route in stream.routes) > 0.5:
        raise BadSettings(f"{where}: standbys would carry more than half")
    if stream.secret and stream.suppress:
        raise BadSettings(f"{where}: suppress: nobody is kept from mail that opens accounts")


class BounceSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Settings of the listener for bounces from relays.

    Attributes:
        listen: ``host:port`` of a listener for them; "": they come to the canaries' one.
        host: the name under which servers outside reach it, as the MX records of the return paths
            say it; "": that of ``public_url``.
    """

    listen: str = ""
    host: str = ""


#: The detail of an attempt that the journal tells of. A provider that answers an attempt of ours
#: with this word has that attempt left out, which speaks for nobody but against itself.
TOLD = "journal"


class CopySettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """``[journal.copies]``: copies of mail (BCC) come to addresses of ours.

    Attributes:
        domain: of the addresses for copies; its MX leads to us, and nothing else comes there.
        senders: domains that the mail is from, and that sign it (DKIM); no other copy counts.
        providers: whose mail is told of by copies; without any: of all.
        listen: ``host:port``, where it is not another listener that hears that domain's mail.
        certificate, private_key: PEM files, for STARTTLS.
        cleartext: ``"accepted"``: the network is trusted, and copies may cross it in clear.
        editions: of the addresses, those that are taken; another number makes new addresses.
        per_day: copies that are taken of one provider in a day.
    """

    domain: str
    senders: tuple[str, ...]
    providers: tuple[str, ...] = ()
    listen: str = ""
    certificate: str = ""
    private_key: str = ""
    cleartext: str = ""
    editions: tuple[int, ...] = (1,)
    per_day: int = 200_000


class JournalSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """``[journal]``: applications say what they sent by themselves.

    Attributes:
        patience: seconds for which what a provider says of an unknown mail waits for its line.
        per_day: mails that one key may tell of in a day.
        copies: who cannot tell sends copies.
    """

    patience: float = 900.0
    per_day: int = 1_000_000
    copies: CopySettings | None = None


class Keeping(msgspec.Struct, frozen=True):
    """How long ordinary bodies are kept, in seconds.

    Attributes:
        unconfirmed: after a provider took the mail, and nobody reported what became of it.
        given_up: after the expiry of a mail that was given up; for so long it can be requeued.
        doubted: after a provider took the mail that is under suspicion, rests or is cut off.
        streams: after a provider took the mail, whatever is reported of it, by stream; those that
            are missing: as ``unconfirmed``.
    """

    unconfirmed: float = 3600.0
    given_up: float = 604_800.0
    doubted: float = 86_400.0
    streams: Mapping[str, float] = {}


class Content(msgspec.Struct, frozen=True, omit_defaults=True):
    """The content and recipients of a message: the part that is erased.

    Attributes:
        to: its recipient, whose fate is the message's status; the other people get copies.
        more_to: further recipients in ``To``.
        shown: the people in the ``To`` and ``Cc`` fields where they differ from the recipients, as
            in a submitted mail.
        date: when it was to be sent, if that was said: its ``Date`` is no earlier.
    """

    sender: str
    to: str
    subject: str
    text: str | None = None
    html: str | None = None
    sender_name: str = ""
    to_name: str = ""
    reply_to: str | None = None
    headers: tuple[tuple[str, str], ...] = ()
    tags: tuple[str, ...] = ()
    metadata: dict[str, str] = {}
    reply_to_name: str = ""
    more_to: tuple[Address, ...] = ()
    cc: tuple[Address, ...] = ()
    bcc: tuple[Address, ...] = ()
    attachments: tuple[Attachment, ...] = ()
    shown: Shown | None = None
    date: Instant | None = None
    trace: str | None = None  #: the traceparent under which it came; see ``tracing``

    def __repr__(self) -> str:
        return "Content(…)"

    def __rich_repr__(self) -> list[tuple[str, Any]]:
        return []


class NewMessage(msgspec.Struct, frozen=True):
    """A message to accept.

    Attributes:
        only: providers that may carry it; empty means every route of the stream.
        avoid: providers that must never have it.
        idempotency: ``(caller, key)``: the same pair with the same content is the same message.
        ours: it goes to a mailbox of our own, so nobody is exposed by it: it stays out of the
            ledger, and is deleted soon.
        sealed: its body is sealed at rest, as in secret streams: for mail that holds a secret and
            must be sent again all the same when a provider drops it.
        body: the content in its stored form, if it was serialised beforehand, as a large one is, so
            that nobody waits for that inside a transaction.
        id: its id, if that was drawn beforehand.
    """

    stream: str
    content: Content
    only: tuple[str, ...] = ()
    avoid: tuple[str, ...] = ()
    send_at: Instant | None = None
    expires_at: Instant | None = None
    idempotency: tuple[str, str] | None = None
    ours: bool = False
    sealed: bool = False
    body: bytes | None = None
    id: str = ""


class Taken(msgspec.Struct, frozen=True):
    """An accepted message; ``repeated``: it was accepted before, under the same key."""

    id: str
    repeated: bool = False


#: What a provider says again of a mail that it said it of once, until somebody mends something.
LASTING = frozenset(
    {OutcomeKind.REJECTED, OutcomeKind.SUPPRESSED_THERE, OutcomeKind.SENDER_REFUSED}
)


class Job(msgspec.Struct, frozen=True):
    """A claimed message, ready to be sent by the worker that holds its lease.

    ``ask``: its provider may have it already, and is asked first. ``final``: if it refuses the mail
    for good, that is the end; if not, another provider is asked as well; ``refused``: one did so
    before. ``size``: of its body, in
    octets; a large one is not in ``body`` yet: it is read when there is a place to send it from.
    ``family``: the mailbox provider's family of the recipient; ``recipients``: how many get it,
    copies included.
    """

    message: str
    attempt: str
    provider: str
    stream: str
    address: str
    secret: bool
    tries: int
    started_at: Instant
    created_at: Instant
    expires_at: Instant
    hour: int | None
    body: bytes
    ask: bool = False
    final: bool = True
    refused: bool = False
    size: int = 0
    family: str = ""
    recipients: int = 1

    def ends(self, kind: OutcomeKind) -> bool:
        """Whether nothing remains to be tried. A refusal for good is one provider's word, and it
        may be a thief's: where there is another one, that is asked too. One that only does not
        carry it has said so as well, once somebody refused it for good."""
        if kind is OutcomeKind.ACCEPTED:
            return True
        refused = kind is OutcomeKind.REJECTED or (self.refused and kind in LASTING)
        return refused and self.final


def split(joined: str) -> tuple[str, ...]:
    """The names in a column that joins them with commas."""
    return tuple(one for one in joined.split(",") if one)
