"""Types and settings of the posture room."""

import enum
from collections.abc import Mapping

import msgspec

from mailkeep.accounts.classes import Classes
from mailkeep.base.clock import DAY, SECOND, Instant
from mailkeep.base.errors import BadSettings
from mailkeep.mail.types import StreamSettings
from mailkeep.recovery.types import RecoverySettings
from mailkeep.trust import register
from mailkeep.trust.types import Party
from mailkeep.trust.world import Group, Key

LONGEST = 36_500  #: days that a setting may say


class How(enum.StrEnum):
    """How an account falls."""

    TAKE = "take"  #: at once, and its owner need do nothing
    HELD = "held"  #: after a hold, if its owner does not say no
    CATCH = "catch"  #: when its owner signs in meanwhile


class Accepted(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A ``[[trust.accept]]`` table: a single point of failure that was accepted for a time.

    Attributes:
        party: which.
        reason: why it is borne, for whoever reads it in a year.
        until: the first day, as 2027-06-30, on which it counts again.
    """

    party: str
    reason: str
    until: str


class TrustSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The ``[trust]`` table.

    Attributes:
        accept: single points that are borne.
        review: days after which what stands of a party should be looked at again.
        keep: days for which models that were replaced are kept.
        count_every: seconds after which accounts are counted anew for what is shown of them.
    """

    accept: tuple[Accepted, ...] = ()
    review: float = 365.0
    keep: float = 1100.0
    count_every: float = 900.0


def check(settings: TrustSettings, parties: Mapping[str, Party]) -> None:
    """Raises ``BadSettings``."""
    for one in settings.accept:
        where = f"trust: accept: {one.party}"
        if one.party not in parties:
            raise BadSettings(f"{where}: there is no such party")
        if len(one.reason.strip()) < 10:
            raise BadSettings(f"{where}: say the reason, for whoever reads it later")
        register.day(one.until, f"{where}: until")
    for name in ("review", "keep"):
        if not 0 < getattr(settings, name) <= LONGEST:
            raise BadSettings(f"trust: {name}: say a number of days, {LONGEST} at most")
    if not 0 < settings.count_every <= LONGEST * DAY / SECOND:
        raise BadSettings(f"trust: count_every: say seconds, {LONGEST} days at most")


class Provider(msgspec.Struct, frozen=True):
    """A provider account of the settings.

    Attributes:
        domains: for which a signing key lies with it; None: not said, so all that we send as.
        returns: domains that it stands for in SPF.
        texts: its kind sends text messages; what its party is called makes none of it.
        makers: parties that are keys there, besides its API secret, that make or show one.
        hook: the party that is the secret by which its webhooks are believed; "": none are.
        shown: each webhook shows that secret; else it is signed with it.
    """

    name: str
    kind: str
    party: str
    domains: tuple[str, ...] | None = None
    returns: tuple[str, ...] = ()
    texts: bool = False
    makers: tuple[str, ...] = ()
    hook: str = ""
    shown: bool = False


class Watcher(msgspec.Struct, frozen=True):
    """A detector as this installation has it.

    Attributes:
        off: why it sees nothing here; "": it does.
        brought: of a detector that is ``off``, the kind of report with which it sees, while
            somebody brings such.
        at: our accounts at providers, or the parties, at which it looks; None: it looks at none of
            them in particular.
        elsewhere: why it sees nothing of another one, ``{0}``; in an answer, of which it does not.
    """

    name: str
    delay: str
    off: str = ""
    brought: str = ""
    at: tuple[str, ...] | None = None
    elsewhere: str = ""


class TrustConfiguration(msgspec.Struct, frozen=True):
    """What the settings say.

    Attributes:
        sending: domains that we send as.
        site: the host of our pages.
        watchers: every detector, by name.
        playbook: what is done about a provider that is taken for compromised, and about nobody
            else.
        accounts_read: our accounts at providers whose changes we see, with the kind as which each
            is read: of a relay that of its company.
        read_every: seconds between two readings of one.
        anchored: the head of the audit chain is taken elsewhere.
        encrypted: ``public_url`` is https.
        consoles: by party, the acts there that audit logs of others tell of, and which logs.
        sign_on: the host that signs operators in; "": they come by API key alone.
        left: the party of each provider that was left for good, by its name.
    """

    parties: Mapping[str, Party]
    providers: tuple[Provider, ...]
    streams: Mapping[str, StreamSettings]
    recovery: RecoverySettings | None
    classes: Classes
    sending: tuple[str, ...]
    site: str
    watchers: Mapping[str, Watcher] = {}
    playbook: tuple[str, ...] = ()
    accounts_read: Mapping[str, str] = {}
    read_every: float = 60.0
    settings: TrustSettings = TrustSettings()
    canaries: bool = False
    anchored: bool = False
    encrypted: bool = False
    sign_on: str = ""
    consoles: Mapping[str, Mapping[str, tuple[str, ...]]] = {}
    left: Mapping[str, str] = {}

    @property
    def every(self) -> Instant:
        """How old what was counted may become."""
        return round(self.settings.count_every * SECOND)


class Live(msgspec.Struct, frozen=True):
    """What the database says.

    Attributes:
        standing: providers that are neither cut off nor at rest.
        resting: those that rest, and are not cut off.
        brought: the kinds of report that somebody brings and that still come.
        given: addresses that providers were ever given: (provider, which others had them before,
            how many).
        operators: the parties that are people who may act at the console.
        counted_at: when accounts and addresses were counted; 0: they are supposed.
    """

    today: str
    standing: frozenset[str]
    groups: tuple[Group, ...] = ()
    keys: tuple[Key, ...] = ()
    given: tuple[tuple[str, str, int], ...] = ()
    console_passkey: bool = False
    operators: tuple[str, ...] = ()
    counted_at: Instant = 0
    resting: frozenset[str] = frozenset()
    brought: frozenset[str] = frozenset()


class Entry(msgspec.Struct, frozen=True):
    """What the register says for people of a party that falls.

    Attributes:
        contact: whom to reach there in an incident.
        source: of what the catalogue says of it.
        confirmed: the source is its own, or its owner's.
    """

    party: str
    name: str
    carries: tuple[str, ...] = ()
    holds: tuple[str, ...] = ()
    contact: str = ""
    terms: str = ""
    reviewed: str = ""
    source: str = ""
    confirmed: bool = False


class Gained(msgspec.Struct, frozen=True):
    """A capability and the path to it, in words."""

    word: str
    says: str
    path: tuple[str, ...]


class Taken(msgspec.Struct, frozen=True):
    """Accounts that fall alike. One with addresses at several domains counts under each.

    Attributes:
        application: whose users they are; "": ours.
    """

    how: How
    account_class: str
    factor: str
    mailbox: str
    accounts: int
    path: tuple[str, ...]
    application: str = ""


class StreamLeft(msgspec.Struct, frozen=True):
    """What is left of a stream. ``lost``: routes on which mail is read, altered or lost."""

    stream: str
    lost: tuple[str, ...]
    left: tuple[str, ...]
    stops: bool


class Seen(msgspec.Struct, frozen=True):
    """Who would see an act, how soon, or why nobody would."""

    act: str
    watchers: tuple[Watcher, ...]
    blind: str = ""


class Fall(msgspec.Struct, frozen=True):
    """What falls with some parties.

    Attributes:
        exposed: addresses that the providers within their reach were ever given, each counted once.
        routes_left: pairs of routes over which recoveries still work.
        counted_at: when accounts and addresses were counted; "": they are supposed.
        register: what it says of each of them.
    """

    parties: tuple[str, ...]
    names: tuple[str, ...]
    gained: tuple[Gained, ...]
    accounts: tuple[Taken, ...]
    now: int
    held: int
    caught: int
    exposed: int
    exposed_by: tuple[str, ...]
    streams: tuple[StreamLeft, ...]
    routes_left: tuple[tuple[str, str], ...]
    recovery: str
    seen: tuple[Seen, ...]
    playbook: tuple[str, ...]
    counted_at: str = ""
    register: tuple[Entry, ...] = ()


class Ranked(msgspec.Struct, frozen=True):
    """A party beside the others."""

    party: str
    name: str
    kind: str
    ours: bool
    now: int
    held: int
    caught: int
    exposed: int
    stops: tuple[str, ...]
    capabilities: int


class SinglePoint(msgspec.Struct, frozen=True):
    """A party that takes accounts by itself.

    Attributes:
        accepted: the reason for which it is borne today; "" when it is not.
        customers: it only keeps its own customers' mailboxes.
    """

    party: str
    name: str
    how: How
    account_class: str
    factor: str
    mailbox: str
    accounts: int
    path: tuple[str, ...]
    accepted: str = ""
    customers: bool = False


class Sets(msgspec.Struct, frozen=True):
    """The minimal sets of parties that take accounts of a class; ``sets``: those with the fewest
    parties; ``size``: how many; 0 when no set of at most ``looked`` does. Larger ones were not
    looked for."""

    account_class: str
    factor: str
    how: How
    size: int
    sets: tuple[tuple[str, ...], ...]
    count: int
    looked: int


class Change(msgspec.Struct, frozen=True):
    """What one change would improve.

    Attributes:
        single, pairs: accounts that one party, or two together, could take: summed over them.
        names: domains of ours that one party could send as: summed over them.
    """

    what: str
    why: str
    single_before: int
    single_after: int
    pairs_before: int
    pairs_after: int
    names_before: int
    names_after: int
