"""Types and settings of the watch room. Weights are natural logarithms (nats)."""

import enum

import msgspec

from mailkeep.base.clock import SECOND, Instant

from .console_types import ConsoleSettings
from .mailbox_types import CanaryMailbox
from .report_types import DmarcStrangerSettings, TlsSettings
from .thresholds import (
    AcceptedSettings,
    CanaryMissingSettings,
    FailoverSettings,
    FanoutSettings,
    HoneyMailSettings,
    MisplacedSettings,
    RefusalSettings,
    StrangerSettings,
    SurgeSettings,
    TakeoverSettings,
    UndeliveredSettings,
    UnknownMessageSettings,
    VolumeMismatchSettings,
)

NEVER: Instant = 2**62  #: later than any instant; nothing is due
MOST_EVENTS = 8  #: event ids that a signal carries
OWN_MAILBOX = "own"  #: the mailboxes at our own listener, where facts name a mailbox
DECOY_MAILBOX = "own-recovery"  #: the same for decoys: recovery mail to nobody
OURS = frozenset({OWN_MAILBOX, DECOY_MAILBOX})


class Hypothesis(enum.StrEnum):
    """What may be going on: the hypotheses that detectors give evidence for."""

    PROVIDER_COMPROMISED = "provider_compromised"  #: somebody reads or alters our mail there
    LEAKED_HERE = "leaked_here"  #: what is known outside, or done in our name, came from our house
    INTERCEPTED = "intercepted"  #: our mail is altered between a provider and us, or it hides that
    PROVIDER_SILENT = "provider_silent"  #: an outage or a suspension: our mail does not go out
    CAMPAIGN = "campaign"  #: somebody attacks many accounts through their recovery
    ACCOUNT_TARGETED = "account_targeted"  #: somebody is after this one account
    DOMAIN_ABUSED = "domain_abused"  #: somebody sends as our domain, or one that looks like it
    MAILBOX_COMPROMISED = "mailbox_compromised"  #: somebody reads mailboxes at their provider


class Forger(enum.StrEnum):
    """Who outside our installation could have staged what a detector saw."""

    NOBODY = "nobody"  #: nobody but the provider itself, against itself
    CUSTOMERS = "customers"  #: whoever has accounts of their own with us
    ANYONE = "anyone"  #: whoever reaches our public pages, or the provider's word alone


class Family(enum.StrEnum):
    """Groups of detectors that see the same matter from several sides; their weights are capped
    together."""

    FLOW = "flow"  #: does the mail go out and arrive?
    CONTENT = "content"  #: does it arrive unaltered?
    RECOVERY = "recovery"  #: how do recoveries go?
    BAIT = "bait"  #: did somebody touch what nobody honest knows?
    POSTURE = "posture"  #: is our account at the provider as we left it?
    REPORTS = "reports"  #: what do others tell us: receivers, providers, people?
    TAKEOVER = "takeover"  #: what became of the accounts afterwards?
    KEYS = "keys"  #: what is done with keys that our house gave out?


class Subject(msgspec.Struct, frozen=True, order=True):
    """What a signal or an opinion is about: ``("provider", "a")``, ``("campaign", "resets")``."""

    kind: str
    id: str


RESETS = Subject("campaign", "resets")
OUR_HOUSE = Subject("house", "mailkeep")

#: The kind of subject that a hypothesis can be held about.
ABOUT = {
    Hypothesis.PROVIDER_COMPROMISED: "provider",
    Hypothesis.PROVIDER_SILENT: "provider",
    Hypothesis.CAMPAIGN: "campaign",
    Hypothesis.LEAKED_HERE: "house",
    Hypothesis.INTERCEPTED: "house",
    Hypothesis.ACCOUNT_TARGETED: "account",
    Hypothesis.DOMAIN_ABUSED: "domain",
    Hypothesis.MAILBOX_COMPROMISED: "mailbox",
}


def provider_subject(name: str) -> Subject:
    return Subject("provider", name)


def account_subject(account: str) -> Subject:
    """``account``: its id, a pseudonym."""
    return Subject("account", account)


def domain_subject(name: str) -> Subject:
    """One of our sending domains."""
    return Subject("domain", name)


def mailbox_subject(family: str) -> Subject:
    """A mailbox provider's family, for its customers' mailboxes."""
    return Subject("mailbox", family)


class Signal(msgspec.Struct, frozen=True):
    """The evidence of one detector about one subject.

    Attributes:
        evidence: log likelihood ratio for each hypothesis, in nats, at the instant ``at``.
        events: ids of the facts it rests on, the newest ``MOST_EVENTS``.
        own_observation: we saw it ourselves; it is not somebody's word.
        half_life: seconds after which the evidence weighs half.
        expires_at: the instant from which it weighs nothing.
        restates: it replaces everything that this detector said about the subject before. Without
            evidence it only withdraws that.
        backs: it is so seldom without a reason that what outsiders can stage counts beside it.
    """

    detector: str
    family: Family
    subject: Subject
    evidence: dict[Hypothesis, float]
    at: Instant
    reason: str
    events: tuple[str, ...]
    own_observation: bool
    forger: Forger
    half_life: float
    expires_at: Instant
    restates: bool = False
    backs: bool = True

    def weight(self, hypothesis: Hypothesis, now: Instant) -> float:
        """What is left of the evidence at ``now``, in nats."""
        if now >= self.expires_at:
            return 0.0
        age = max(0, now - self.at) / SECOND
        return float(self.evidence.get(hypothesis, 0.0) * 2 ** (-age / self.half_life))


class SilenceSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Settings of ``delivery_silence``.

    Attributes:
        between_false_alarms: days, for the whole system.
        learn_from: confirmations needed before a provider's rate is believed.
        memory: confirmations over which the rate is averaged.
        canary_deadline: seconds within which a canary is expected; what a day taught lengthens it,
            to three times at most.
        canary_late: chance that a canary of a healthy provider comes later than that.
        repeat_after: seconds after which an ongoing silence is said again.
        returned: canaries that must arrive one after the other before a silence is taken back.
    """

    between_false_alarms: float = 30.0
    learn_from: int = 30
    memory: int = 500
    canary_deadline: float = 5.0
    canary_late: float = 0.01
    repeat_after: float = 600.0
    returned: int = 3


class HalfProofSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Settings of ``half_proof``.

    Attributes:
        early: seconds after which a missing partner is a first, weaker sign.
        patience: seconds after which it is a full one.
        remembers: seconds over which half proofs of one provider are counted together.
        burst: seconds over which they are counted too, for those that come close together.
        base_per_day: full ones a day that are expected of a provider before anything was learned.
        base_known_for: seconds for which that guess counts as if it had been watched.
        memory: seconds over which the base is averaged.
    """

    early: float = 45.0
    patience: float = 600.0
    remembers: float = 86_400.0
    burst: float = 3600.0
    base_per_day: float = 0.1
    base_known_for: float = 86_400.0
    memory: float = 604_800.0


class DenialSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Settings of ``denial``: seconds over which denials of several accounts are counted."""

    remembers: float = 3600.0


class HoneyAccount(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """An account that nobody uses, whose address only ``provider`` was ever given.

    ``name`` is the pseudonym of its address, or of the account.
    """

    name: str
    provider: str


class HoneySettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Settings of ``honey_account``: the registry; seconds after which a touch is said again."""

    accounts: tuple[HoneyAccount, ...] = ()
    repeat_after: float = 3600.0


def _prior() -> dict[Hypothesis, float]:
    # Judged: prior odds that it is going on at a given moment.
    return {
        Hypothesis.PROVIDER_COMPROMISED: -7.0,
        Hypothesis.PROVIDER_SILENT: -5.0,
        Hypothesis.CAMPAIGN: -4.0,
        Hypothesis.LEAKED_HERE: -8.0,
        Hypothesis.INTERCEPTED: -7.0,
        Hypothesis.ACCOUNT_TARGETED: -6.0,
        Hypothesis.DOMAIN_ABUSED: -4.0,
        Hypothesis.MAILBOX_COMPROMISED: -8.0,
    }


def _caps() -> dict[Family, float]:
    return {
        Family.FLOW: 9.0,
        Family.CONTENT: 8.5,
        Family.RECOVERY: 6.0,
        Family.BAIT: 8.5,
        Family.POSTURE: 8.5,
        Family.REPORTS: 5.0,
        Family.TAKEOVER: 6.0,
        Family.KEYS: 9.5,
    }


class CorrelationSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Settings of ``correlation``, in nats.

    Attributes:
        prior: log odds before any evidence.
        open_at: posterior log odds from which an opinion is open.
        close_at: log odds below which it closes again; lower than ``open_at``, so that it does not
            flap.
        family_cap: the most that one family of detectors may add together.
        staged_cap: the most that all that outsiders could stage may add where a party is accused.
        backing: the least weight of our own specific evidence beside which evidence that outsiders
            could stage counts against a provider.
    """

    prior: dict[Hypothesis, float] = msgspec.field(default_factory=_prior)
    open_at: float = 1.0
    close_at: float = -1.0
    family_cap: dict[Family, float] = msgspec.field(default_factory=_caps)
    staged_cap: float = 6.0
    backing: float = 0.75

    def __post_init__(self) -> None:
        # A table of the settings may name some only, or be older than a hypothesis; a family that
        # it does not name would have no cap at all.
        msgspec.structs.force_setattr(self, "prior", {**_prior(), **self.prior})
        msgspec.structs.force_setattr(self, "family_cap", {**_caps(), **self.family_cap})


class CanaryLetter(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A mail that canaries are written as: one that the house itself sends, or could.

    Attributes:
        subject, text, html: with ``{name}``, ``{link}`` (to our own pages) and ``{reference}`` (26
            characters in groups) where they are to stand; ``html`` may be left out. By the secret
            in link or reference a canary is known, so either stands in each.
    """

    subject: str
    text: str
    html: str = ""


class CanarySettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Mail of our own through every provider, to mailboxes of our own.

    Attributes:
        domain: of the mailboxes; mail for it must reach ``listen``.
        sender: from whom they come: an address that our ordinary mail comes from.
        listen: ``host:port`` of the listener for it; empty where another hands its mail over.
        interval: seconds between two canaries through one provider.
        allow: hosts that may stand in our mail besides our own and what the providers add; one
            that begins with a dot stands for every host below it.
        stream: in which they go, so that they look like its mail.
        decoys: seconds between two decoys through one provider: recovery mail to nobody, which
            tells of who reads it and tries; 0: none.
        mailbox: further mailboxes, at those who keep many of ours.
        letter: what they are written as; without any, as letters that stand in this code, by which
            whoever has read it knows each canary.
    """

    domain: str
    sender: str
    listen: str = ""
    interval: float = 5.0
    allow: tuple[str, ...] = ()
    stream: str = "alert"
    decoys: float = 3600.0
    mailbox: tuple[CanaryMailbox, ...] = ()
    letter: tuple[CanaryLetter, ...] = ()


class PostureAccount(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """An account at a provider whose configuration is read.

    Attributes:
        name: the provider's in the settings.
        kind: by default the provider's; for an SMTP relay that of its company, such as ``ses``.
        base_url: by default the provider's where the kind is the same.
        secret, account_secret: where the reading keys are, ``env:NAME`` or ``file:PATH``.
        options: as the module of the kind documents them.
    """

    name: str
    kind: str = ""
    secret: str | None = None
    account_secret: str | None = None
    base_url: str = ""
    options: dict[str, str] = {}


class PostureSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How accounts at providers are read.

    Attributes:
        interval: seconds between two readings of one account; a tenth more or less by chance.
        gap: least seconds between two requests to one account.
        patience: readings in a row that must fail before it is said that an account is not seen.
    """

    interval: float = 60.0
    gap: float = 0.2
    patience: int = 3
    account: tuple[PostureAccount, ...] = ()


class HoneyAddress(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """An address of an account that nobody uses, which ``provider`` alone is ever given."""

    address: str
    provider: str


class DriftSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Settings of ``account_drift``: seconds over which changes of one account that nobody
    announced or accepted are counted together."""

    remembers: float = 30 * 86_400.0


class ExportSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Settings of ``export_seen``: seconds over which exports of one account that nobody announced
    or accepted are counted together."""

    remembers: float = 30 * 86_400.0


class WatchSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Settings of the room."""

    delivery_silence: SilenceSettings = SilenceSettings()
    provider_refusal: RefusalSettings = RefusalSettings()
    stranger_in_mail: StrangerSettings = StrangerSettings()
    half_proof: HalfProofSettings = HalfProofSettings()
    reset_surge: SurgeSettings = SurgeSettings()
    denial: DenialSettings = DenialSettings()
    honey_account: HoneySettings = HoneySettings()
    canary_missing: CanaryMissingSettings = CanaryMissingSettings()
    unknown_message: UnknownMessageSettings = UnknownMessageSettings()
    volume_mismatch: VolumeMismatchSettings = VolumeMismatchSettings()
    accepted_not_delivered: AcceptedSettings = AcceptedSettings()
    failover: FailoverSettings = FailoverSettings()
    reset_fanout: FanoutSettings = FanoutSettings()
    redeemed_undelivered: UndeliveredSettings = UndeliveredSettings()
    misplaced_redemption: MisplacedSettings = MisplacedSettings()
    takeover_pattern: TakeoverSettings = TakeoverSettings()
    honey_hit: HoneyMailSettings = HoneyMailSettings()
    account_drift: DriftSettings = DriftSettings()
    console_sign_in: ConsoleSettings = ConsoleSettings()
    export_seen: ExportSettings = ExportSettings()
    dmarc_stranger: DmarcStrangerSettings = DmarcStrangerSettings()
    tls_report: TlsSettings = TlsSettings()
    correlation: CorrelationSettings = CorrelationSettings()


def seconds(value: float) -> int:
    """Seconds as microseconds."""
    return round(value * SECOND)
