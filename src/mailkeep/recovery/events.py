"""Events that the recovery room records. Accounts, addresses, networks and browsers are
pseudonyms."""

from mailkeep.events.types import Fact, fact


@fact("recovery.requested")
class RecoveryRequested(Fact, frozen=True, kw_only=True):
    """Somebody asked for a reset. ``account`` is None where no account has that address."""

    recovery: str | None
    account: str | None
    address: str
    network: str
    browser: str


@fact("recovery.rehearsed")
class RecoveryRehearsed(Fact, frozen=True, kw_only=True):
    """An application told of a reset that it was asked for, and keeps: its word, no visit that we
    saw. ``account`` is None where nobody is registered by that name.

    ``would``: what would have become of it here, a word of ``types.Would``; ``why`` of one that
    waits. ``link``, ``code``: the routes that the proofs would have taken. ``factor``: who would
    have asked for one. ``seconds``, ``reasons``: of its hold.
    """

    rehearsal: str
    application: str
    account: str | None
    address: str
    network: str
    browser: str
    would: str
    why: str = ""
    link: str = ""
    code: str = ""
    factor: str = ""
    seconds: float = 0.0
    reasons: tuple[str, ...] = ()


@fact("recovery.proof_sent")
class ProofSent(Fact, frozen=True, kw_only=True):
    """A proof was handed to the outbox; ``provider`` is the route drawn for it."""

    recovery: str
    account: str
    proof: str  # "link" or "code"
    message: str
    provider: str


@fact("recovery.proof_redeemed")
class ProofRedeemed(Fact, frozen=True, kw_only=True):
    """A browser showed a proof, by POST; once for each browser and proof.

    ``providers``: every party that it was ever attempted through.

    ``same_browser``: the browser that redeemed is the one that asked; that earns it nothing.
    ``known_browser``: the account was fully signed in to from it before.
    """

    recovery: str
    account: str
    proof: str
    providers: tuple[str, ...]
    same_browser: bool
    known_browser: bool
    network: str
    browser: str


@fact("recovery.proof_failed")
class ProofFailed(Fact, frozen=True, kw_only=True):
    """A wrong, used or expired proof was presented. ``recovery`` is None where it fits none."""

    recovery: str | None
    proof: str
    why: str


@fact("recovery.decoy_shown")
class DecoyShown(Fact, frozen=True, kw_only=True):
    """A browser showed the link of a decoy: a mail that ``provider`` alone ever had, to nobody."""

    provider: str
    network: str
    browser: str


@fact("recovery.stopped_by_factor")
class StoppedByFactor(Fact, frozen=True, kw_only=True):
    """Both proofs came, the second factor did not."""

    recovery: str
    account: str


@fact("recovery.completed")
class RecoveryCompleted(Fact, frozen=True, kw_only=True):
    """A new password was written, or a verdict made for an application, by ``browser``.

    ``risk``: how badly it fits the account's history, in nats. ``held``: after a hold.
    ``degraded``: both proofs went over one route, since no other stood.
    """

    recovery: str
    account: str
    factor: bool
    browser: str
    risk: float = 0.0
    held: bool = False
    degraded: bool = False


@fact("recovery.held")
class RecoveryHeld(Fact, frozen=True, kw_only=True):
    """Both proofs came, and its owner has ``seconds`` to stop it. ``reasons``: why."""

    recovery: str
    account: str
    browser: str
    seconds: float
    reasons: tuple[str, ...]
    risk: float


@fact("recovery.hold_begun")
class HoldBegun(Fact, frozen=True, kw_only=True):
    """Notices of a hold have left over independent routes: it ends at ``until``."""

    recovery: str
    account: str
    until: int


@fact("recovery.hold_lengthened")
class HoldLengthened(Fact, frozen=True, kw_only=True):
    """A held recovery was denied when the day's denials were used up: it waits for longer."""

    recovery: str
    account: str
    seconds: float


@fact("recovery.guessing")
class Guessing(Fact, frozen=True, kw_only=True):
    """More wrong codes than ``limit`` came within ``seconds``, for whatever accounts."""

    limit: int
    seconds: float


@fact("recovery.degraded")
class RecoveryDegraded(Fact, frozen=True, kw_only=True):
    """Both proofs of a recovery go over ``provider``: no second route stands, and nothing is held
    against this one."""

    recovery: str
    account: str
    provider: str


@fact("recovery.voided")
class RecoveryVoided(Fact, frozen=True, kw_only=True):
    """A recovery can no longer be completed. ``why``: a word of ``mail.types.GiveUpReason``, for
    which its mail that still waits is given up too."""

    recovery: str
    account: str
    why: str


@fact("recovery.denied")
class RecoveryDenied(Fact, frozen=True, kw_only=True):
    """The owner, or somebody who holds the mail, said: this was not me.

    ``provider`` carried the mail that it was said with. ``acted``: something was stopped by it;
    denials over one route beyond the day's share stop nothing.
    """

    recovery: str
    account: str
    after_completion: bool
    provider: str
    acted: bool


@fact("recovery.proof_voided")
class ProofVoided(Fact, frozen=True, kw_only=True):
    """A proof was voided and is minted anew over another route. ``why``: rerouted (its provider
    refused it) or provider_cut."""

    recovery: str
    account: str
    proof: str
    provider: str
    why: str


@fact("recovery.verdict_made")
class VerdictMade(Fact, frozen=True, kw_only=True):
    """An owner's proofs became a verdict for the application that keeps the account.

    ``factor``: proven, outstanding (the application must ask for it), or none (there is none).
    """

    verdict: str
    recovery: str
    account: str
    application: str
    factor: str


@fact("recovery.verdict_handed_over")
class VerdictHandedOver(Fact, frozen=True, kw_only=True):
    """The application took a verdict, and may act on it."""

    verdict: str
    account: str
    application: str


@fact("recovery.verdict_secured")
class VerdictSecured(Fact, frozen=True, kw_only=True):
    """The application said that it acts on a verdict: password written, sessions ended."""

    verdict: str
    account: str
    application: str


@fact("recovery.verdict_revoked")
class VerdictRevoked(Fact, frozen=True, kw_only=True):
    """A verdict counts for nothing any more.

    ``why``: denied; frozen; or its code was shown by another application (another_application),
    with another verifier (verifier) or redirect URI (redirect), or twice (replayed).
    ``state``: how far it had come. ``secured``: the application must be told by other means.
    """

    verdict: str
    account: str
    application: str
    state: str
    why: str
