"""Events that the accounts room records. Accounts are ids; addresses, networks and browsers are
pseudonyms."""

from mailkeep.events.types import Fact, fact

from .types import SignInFailure


@fact("accounts.opened")
class AccountOpened(Fact, frozen=True, kw_only=True):
    """An account's first address was confirmed: it can be signed in to from now on."""

    account: str
    address: str


@fact("accounts.signed_up")
class SignedUp(Fact, frozen=True, kw_only=True):
    """Somebody signed up with an address. ``taken``: the account that has it already, or ""."""

    address: str
    network: str
    taken: str


@fact("accounts.signed_in")
class SignedInFact(Fact, frozen=True, kw_only=True):
    """A full session was made. ``factor``: a second factor was proved for it.

    ``agent``: pseudonym of the browser's family; ``place``: a country, where a proxy tells it.
    """

    account: str
    session: str
    network: str
    browser: str
    factor: bool
    known_browser: bool
    agent: str = ""
    place: str | None = None


@fact("accounts.application_signed_in")
class ApplicationSignedIn(Fact, frozen=True, kw_only=True):
    """An application whose users are kept here was told who is signed in: the first time in a
    session."""

    account: str
    application: str
    session: str


@fact("accounts.application_refused")
class ApplicationRefused(Fact, frozen=True, kw_only=True):
    """A code for an application had leaked, and all that came of it is void. ``why``:
    another_application, replayed, redirect, verifier."""

    account: str
    application: str
    why: str


@fact("accounts.sign_in_failed")
class SignInFailed(Fact, frozen=True, kw_only=True):
    """A sign-in was refused. ``account`` is None where no account has that address."""

    account: str | None
    address: str | None
    network: str
    why: SignInFailure


@fact("accounts.factor_bound")
class FactorBound(Fact, frozen=True, kw_only=True):
    """A second factor was bound: every contact point is to be told. ``factor_kind``:
    see ``factors.types.Kind``. ``held``: it is a held change, and told as one."""

    account: str
    factor: str
    factor_kind: str
    browser: str
    network: str
    held: bool = False


@fact("accounts.factor_revoked")
class FactorRevoked(Fact, frozen=True, kw_only=True):
    """A second factor proves nothing any more. ``why``: owner, lost, replaced, with_last, recovery,
    denied. Those that are replaced, or go with the last one, are told with what caused it."""

    account: str
    factor: str
    factor_kind: str
    why: str


@fact("accounts.factor_leaving")
class FactorLeaving(Fact, frozen=True, kw_only=True):
    """The last second factor of an account is being removed; it is still asked until ``until``."""

    account: str
    factor: str
    factor_kind: str
    until: int


@fact("accounts.language_chosen")
class LanguageChosen(Fact, frozen=True, kw_only=True):
    """Whoever is signed in chose another language for mail to the owner. ``before``: the tag of
    what they read so far; ``chosen``: how whoever speaks it calls the new one."""

    account: str
    before: str
    chosen: str


@fact("accounts.factor_stays")
class FactorStays(Fact, frozen=True, kw_only=True):
    """A second factor that was being removed stays."""

    account: str
    factor: str


@fact("accounts.factor_blocked")
class FactorBlocked(Fact, frozen=True, kw_only=True):
    """A factor was answered wrongly so often in a row that it is looked at no more on one way in
    (SP 800-63B-4 section 3.2.2). ``way``: see ``factors.types.Way``."""

    account: str
    factor: str
    factor_kind: str
    way: str


@fact("accounts.passkey_copied")
class PasskeyCopied(Fact, frozen=True, kw_only=True):
    """A right signature whose counter had not grown was refused: somebody has a copy of the key."""

    account: str
    factor: str


@fact("accounts.saved_code_used")
class SavedCodeUsed(Fact, frozen=True, kw_only=True):
    """One of the saved codes was used. ``left``: how many are left."""

    account: str
    factor: str
    left: int


@fact("accounts.factor_reminder_due")
class FactorReminderDue(Fact, frozen=True, kw_only=True):
    """An account without a second factor is to be reminded by mail. ``standing``, ``until``: see
    ``factors.policy``."""

    account: str
    standing: str
    until: int | None


@fact("accounts.password_removed")
class PasswordRemoved(Fact, frozen=True, kw_only=True):
    """An account has passkeys only: no reset writes a password to it."""

    account: str


@fact("accounts.password_set")
class PasswordSet(Fact, frozen=True, kw_only=True):
    """A password was written. ``by``: sign_up, change, recovery."""

    account: str
    by: str


@fact("accounts.sessions_ended")
class SessionsEnded(Fact, frozen=True, kw_only=True):
    """Sessions were ended before their time. ``why``: owner, recovery, denied, frozen, restored,
    operator, class, forgotten.

    ``session``: the one that was ended; None: all of the account.
    """

    account: str
    count: int
    why: str
    session: str | None = None


@fact("accounts.frozen")
class AccountFrozen(Fact, frozen=True, kw_only=True):
    """Nobody signs in and no password is written until ``until``."""

    account: str
    until: int
    why: str


@fact("accounts.subjects_registered")
class SubjectsRegistered(Fact, frozen=True, kw_only=True):
    """An application registered users whom it had not registered before, by an API key."""

    application: str
    key: str
    accounts: tuple[str, ...]


@fact("accounts.subject_change_held")
class SubjectChangeHeld(Fact, frozen=True, kw_only=True):
    """An application wants what recovers a user changed (``replace``), or the user forgotten
    (``erase``): every contact point is to be told. ``agreed``: ``owner`` or ``application``, and it
    is good at ``due``; "": nobody did so far, and it lapses then."""

    account: str
    application: str
    change: str
    what: str
    key: str
    due: int
    agreed: str = ""


@fact("accounts.subject_language_changed")
class SubjectLanguageChanged(Fact, frozen=True, kw_only=True):
    """An API key has mail to a user written in another language; see ``LanguageChosen``."""

    account: str
    application: str
    key: str
    before: str
    chosen: str


@fact("accounts.subject_change_ended")
class SubjectChangeEnded(Fact, frozen=True, kw_only=True):
    """A held change came to its end. ``why``: applied, stopped (by an owner), replaced (by a newer
    one), withdrawn (the application wants what stands), taken (an address is another user's),
    unanswered (nobody agreed), restored (the database is an older copy)."""

    account: str
    application: str
    change: str
    why: str


@fact("accounts.subject_erased")
class SubjectErased(Fact, frozen=True, kw_only=True):
    """A user was forgotten, as its application wished."""

    account: str
    application: str


@fact("accounts.subjects_rewritten")
class SubjectsRewritten(Fact, frozen=True, kw_only=True):
    """An application wanted more users changed in a day than it may: a thief of its key, or a
    move. ``count`` of ``of`` users were; said once a day."""

    application: str
    key: str
    count: int
    of: int


@fact("accounts.thawed")
class AccountThawed(Fact, frozen=True, kw_only=True):
    """A freeze ended before its time: its owner gave a fresh proof. ``why`` it had been frozen."""

    account: str
    why: str


@fact("accounts.change_held")
class ChangeHeld(Fact, frozen=True, kw_only=True):
    """What opens or recovers the account was changed by who was signed in; every address is to be
    told. Until ``until`` it can be stopped, and recovery goes by the addresses from before.

    ``what``: see ``types.ChangeKind``. ``address``: the pseudonym of the one that it is about.
    ``factor``: a bound second factor was shown for it.
    """

    account: str
    change: str
    what: str
    address: str | None
    until: int
    factor: bool


@fact("accounts.change_settled")
class ChangeSettled(Fact, frozen=True, kw_only=True):
    """A change was not stopped in time: it counts."""

    account: str
    change: str
    what: str
    address: str | None


@fact("accounts.addresses_taken_back")
class AddressesTakenBack(Fact, frozen=True, kw_only=True):
    """Changes of addresses that had settled were undone, since they were not the owner's. By ids of
    contact points; ``cause``: the incident."""

    account: str
    off: tuple[str, ...]
    back: tuple[str, ...]
    cause: str


@fact("accounts.addresses_given_back")
class AddressesGivenBack(Fact, frozen=True, kw_only=True):
    """That was a mistake: what was taken off is there again."""

    account: str
    points: tuple[str, ...]
    cause: str


@fact("accounts.changes_stopped")
class ChangesStopped(Fact, frozen=True, kw_only=True):
    """Changes were stopped, all those of the account that were held. ``by``: owner, notice,
    recovery, restored."""

    account: str
    changes: tuple[str, ...]
    by: str


@fact("accounts.change_denied")
class ChangeDenied(Fact, frozen=True, kw_only=True):
    """Whoever holds a notice said: this was not me. ``provider`` carried it. ``acted``: changes
    were stopped by it; an address that has stopped its share stops no more."""

    account: str
    change: str
    address: str | None
    provider: str
    acted: bool


@fact("accounts.session_denied")
class SessionDenied(Fact, frozen=True, kw_only=True):
    """Whoever is signed in to an account says of another session: this was not me. It ended, with
    ``ended`` in all from its browser, which is a stranger's from now on."""

    account: str
    session: str
    browser: str
    network: str
    ended: int


@fact("accounts.class_changed")
class ClassChanged(Fact, frozen=True, kw_only=True):
    """An operator gave an account another class; the audit chain says who. Every contact point is
    to be told. ``held_until``: until then the holds of before stand; 0: nothing was lowered."""

    account: str
    before: str
    after: str
    held_until: int = 0


@fact("accounts.erasure_asked")
class ErasureAsked(Fact, frozen=True, kw_only=True):
    """All that names an account's owner will be erased at ``until``; every contact point is to be
    told."""

    account: str
    until: int


@fact("accounts.erased")
class AccountErased(Fact, frozen=True, kw_only=True):
    """Nothing that names an account's owner is left but keyed hashes."""

    account: str


@fact("accounts.imported")
class AccountImported(Fact, frozen=True, kw_only=True):
    """An account was taken over from another system; the audit chain says by whom."""

    account: str
    addresses: tuple[str, ...]
    account_class: str


@fact("accounts.browser_forgotten")
class BrowserForgotten(Fact, frozen=True, kw_only=True):
    """The owner said that a browser is not theirs any more. ``ended``: its sessions that ended."""

    account: str
    browser: str
    ended: int
