"""The service of accounts: sign up, confirm, sign in, change the password, freeze.

Attacks met here: account enumeration (same reply, same work), claiming an address before its owner
does (code and browser must come together), guessing (tries are counted before they are made), and
locking an owner out by guessing (known browsers are counted apart).
"""

from sqlalchemy import and_, case, insert, literal, select, update

from mailkeep.base import addresses
from mailkeep.base.clock import Instant
from mailkeep.base.errors import Conflict, Invalid, NotSignedIn, TooMany
from mailkeep.base.ids import new_id
from mailkeep.base.keys import KeyRing
from mailkeep.base.secret import Secret
from mailkeep.events.log import record
from mailkeep.store.database import Database, Tx

from . import language, queries, tables, throttle
from .administration import Administration
from .changes import LANE, Changes
from .classes import CUSTOMER, Classes
from .confirming import Confirming, Share, Use
from .contacts import Contacts
from .entering import Entering
from .events import AccountFrozen, AccountOpened, AccountThawed, SignedUp, SignInFailed
from .factors.adoption import Adoption
from .factors.demands import Demands
from .factors.services import Factors
from .factors.types import Site
from .hashing import SlowHash
from .keeping import Keeping
from .language import Languages, shipped
from .passwords import TRIES, Passwords
from .second_step import SecondStep
from .sessions import Sessions
from .signing_in import SigningIn
from .types import (
    ENDED_BY_PROOFS,
    ChangeKind,
    Origin,
    SignedIn,
    SignInFailure,
    SignUp,
    Stage,
)

_WRONG = "the address or the password is wrong"
_STRANGERS = "strangers"
#: Wrong passwords in a window from all unknown browsers together (SP 800-63B asks for a limit of
#: 100). Known browsers have counts of their own, so that this locks no owner out.
STRANGER_TRIES = 100


class Accounts:
    """What may be done to accounts.

    Args:
        database: where they are kept.
        keys: name addresses, hash handles, seal factors.
        slow: hashes passwords and codes.
        classes: what holds for each class of accounts.
        public_url: of the pages; passkeys sign for it.
        languages: in which owners are written to.
    """

    def __init__(
        self,
        database: Database,
        keys: KeyRing,
        slow: SlowHash,
        classes: Classes | None = None,
        public_url: str = "http://localhost",
        languages: Languages | None = None,
    ) -> None:
        self._database = database
        self._keys = keys
        self._slow = slow
        self.classes = classes or Classes()
        self.languages = languages or shipped()
        self.sessions = Sessions(database, keys, self.classes)
        self.passwords = Passwords(database, slow)
        self.changes = Changes(database, keys, self.sessions, self.passwords, self.classes)
        self.factors = Factors(
            database=database,
            keys=keys,
            slow=slow,
            site=Site.of(public_url),
            classes=self.classes,
            changes=self.changes,
        )
        self.keeping = Keeping(database, self.sessions, self.factors)
        self.demands = Demands(database, self.classes)
        self.adoption = Adoption(database)
        self.entering = Entering(
            database,
            keys,
            self.sessions,
            self.passwords,
            self.factors,
            self.demands,
        )
        self.signing_in = SigningIn(database, keys, self.sessions)
        self.administration = Administration(database, self.sessions, self.classes)
        self.second_step = SecondStep(database, keys, self.factors)
        self.confirming = Confirming(database, keys, slow)
        self.contacts = Contacts(database, self.confirming, self.changes, self.address_key)

    def address_key(self, address: str) -> str:
        """The pseudonym of a checked address, the same in every room."""
        return self._keys.pseudonym("address", addresses.key(address))

    async def sign_up(
        self,
        address: str,
        password: str,
        network: str,
        account_class: str = CUSTOMER,
        locale: str = "",
    ) -> SignUp:
        """Open an account that waits for its address to be confirmed.

        The reply to the browser is ``confirmation`` alone, the same whether the address is taken
        or not. An unconfirmed account holds nothing: the owner of the address can still sign up.

        Args:
            locale: the language of mail to its owner (BCP 47); "": not known. See ``language``.

        Raises:
            Invalid: the address or the password cannot be used.
        """
        address = addresses.parse(address)
        kept_password = await self.passwords.make(
            password, has_factor=False, about=[address], of=network
        )
        key = self.address_key(address)
        minted = await self.confirming.mint(key, network, Use.SIGN_UP)
        async with self._database.write() as tx:
            share = await self.confirming.share(tx, minted, key, network, Use.SIGN_UP)
            owner = await queries.by_address(tx, key)
            taken = "" if owner is None else owner.account
            # Of a fresh address too, since the time would tell.
            reads = await language.locale(tx, taken)
            point = None
            if share is not Share.NONE:
                # For a taken address too, since the time would tell: nothing can ever confirm that.
                point = await self._open_account(
                    tx, account_class, address, key, kept_password, locale
                )
                await record(
                    self._database, tx, SignedUp(address=key, network=network, taken=taken)
                )
            await self.confirming.open(tx, minted, None if taken else point, share)
        mail = share is Share.MAIL
        mailed = Secret(minted.code) if owner is None and mail else None
        reads = locale if owner is None else reads
        return SignUp(minted.handle, address, mailed, owner is not None, mail, reads)

    async def confirm(self, confirmation: str, code: str, network: str) -> str:
        """Confirm the address of a sign-up, once; returns the account. See ``confirming``.

        Raises:
            Conflict: wrong, used, expired, tries used up, or taken meanwhile: the same words.
        """
        found = await self.confirming.check(confirmation, code, network)
        account = None if found is None else await self._confirmed(*found)
        if account is None:
            raise Conflict(
                "this code is wrong, used or expired: look at the newest mail, or have one sent"
            )
        return account

    async def sign_in(
        self,
        address: str,
        password: str,
        *,
        browser: str,
        network: str,
        agent: str = "",
        place: str | None = None,
    ) -> SignedIn:
        """Check a password and make a session: full, or waiting for the second factor.

        Args:
            browser: pseudonym of the browser's own long-lived cookie.
            network: pseudonym of where it comes from.
            agent, place: see ``types.Origin``.

        Raises:
            NotSignedIn: wrong, unknown or frozen: the same words after the same work.
            TooMany: too many tries from there; known browsers have their own count.
        """
        try:
            key = self.address_key(addresses.parse(address))
        except Invalid:
            key = self._keys.pseudonym("address", addresses.key(address[:320]))
        lane = f"network {network}"
        async with self._database.write() as tx:
            came = await queries.at_the_door(tx, key, browser)
            account, kept, known = came.account, came.kept, came.known
            if known:
                lane = f"browser {browser}"
            allowed = await self._may_try(tx, key, lane, known=known)
            if not allowed:
                failed = SignInFailed(
                    account=account, address=key, network=network, why=SignInFailure.THROTTLED
                )
                await record(self._database, tx, failed)
        if not allowed:
            raise TooMany(
                "too many tries; wait a while, or recover the account",
                retry_after=throttle.WAIT,
            )
        right = await self.passwords.right(kept, password, of=network)
        fresh = await self.passwords.anew(kept, password, of=network) if right else None
        async with self._database.write() as tx:
            made: SignedIn | SignInFailure = SignInFailure.PASSWORD
            if right and account is not None:
                origin = Origin(browser, network, agent, place)
                made = await self._start(tx, account, kept, origin, known=known)
                if fresh is not None and not isinstance(made, SignInFailure):
                    await self.passwords.renew(tx, account, kept, fresh)
            if isinstance(made, SignInFailure):
                await record(
                    self._database,
                    tx,
                    SignInFailed(account=account, address=key, network=network, why=made),
                )
            else:
                await throttle.clear(tx, key, lane)
        if isinstance(made, SignInFailure):
            raise NotSignedIn(_WRONG)
        return made

    async def change_password(
        self, account: str, current: str, new: str, network: str, *, factor: bool = False
    ) -> None:
        """The signed-in owner chooses another password; every session ends, and the notice can
        disable it while the change is held.

        Args:
            factor: a bound second factor was shown for it.

        Raises:
            NotSignedIn: the current password is wrong.
            Invalid: the new one cannot be used.
            TooMany: too many wrong current passwords.
        """
        kept = await self.passwords.prove(account, current, network)
        async with self._database.read() as tx:
            bound = await queries.has_factor(tx, account)
            about = [one.address for one in await queries.contact_points(tx, account)]
        made = await self.passwords.make(
            new, has_factor=bound, about=about, of=network, proved=True
        )
        async with self._database.write() as tx:
            view = await queries.account(tx, account, lock=True)
            if await queries.password_hash(tx, account) != kept:
                raise NotSignedIn("the current password is wrong")
            await self.passwords.write(tx, account, made, by="change")
            await self.changes.hold(tx, view, ChangeKind.PASSWORD, factor=factor)
            await self.sessions.end_all(tx, account, "owner")

    async def welcome(self, tx: Tx, account: str, origin: Origin) -> None:
        """The owner came back through this browser: it is known, and what strangers have used up
        of the account's tries, or whoever was signed in of its changes, counts no more."""
        await self.sessions.remember(tx, account, origin)
        await throttle.clear(tx, account, LANE)
        if (await queries.account(tx, account)).application:
            return  # nobody signs in to it here, and its address may be that of an account of ours
        for point in await queries.contact_points(tx, account):
            await throttle.clear(tx, self.address_key(point.address), _STRANGERS)

    async def take_back(self, tx: Tx, account: str, since: Instant, until: Instant) -> None:
        """Undo what somebody did between two instants who should not have come in, however they
        went on: passwords, factors, held changes, and the standing of browsers. Every session ends.

        A factor from a browser that the account knew before stays: it is the owner's, and whoever
        reads old mail must not strip them of it.
        """
        await self.passwords.disable(tx, account, since, until)
        await self.factors.disown(tx, account, since, until)
        await self.passwords.recoverable(tx, account)
        if any(since <= change.at <= until for change in await self.changes.held(tx, account)):
            await self.changes.stop(tx, account)
        await self.sessions.disown(tx, account, since, until)
        await self.sessions.end_all(tx, account, "denied")

    async def void_password(self, tx: Tx, account: str) -> bool:
        """The password opens nothing any more, whoever wrote it and when: its owner resets it.
        False where that is not done by mail, and nothing would open the account again."""
        view = await queries.account(tx, account, lock=True)
        if not self.classes.holding(view).recovers_by_mail:
            return False
        await self.passwords.disable(tx, account, 0, tx.now)
        await self.passwords.recoverable(tx, account)
        return True

    async def freeze(self, tx: Tx, account: str, until: Instant, why: str) -> None:
        """Nobody signs in before ``until``, and every session ends. Never shortens a freeze; one
        that proofs end does not take the place of one that they do not."""
        a = tables.accounts
        longer = a.c.frozen_until.is_(None) | (a.c.frozen_until < until)
        soft = a.c.frozen_why.in_(sorted(ENDED_BY_PROOFS))
        firm = (a.c.frozen_until > tx.now) & ~soft
        firmer = and_(soft, literal(why not in ENDED_BY_PROOFS))
        changed = await tx.run(
            update(a)
            .where(a.c.id == account, longer | firmer)
            .values(
                frozen_until=case((longer, until), else_=a.c.frozen_until),
                frozen_why=case((firm, a.c.frozen_why), else_=why[:12]),
            )
        )
        await self.sessions.end_all(tx, account, "frozen")
        if changed:
            await record(self._database, tx, AccountFrozen(account=account, until=until, why=why))

    async def thaw(self, tx: Tx, account: str, why: str) -> bool:
        """End a freeze before its time; False when the account is not frozen for that reason. Only
        who has seen a fresh proof may: a freeze of another reason stands."""
        a = tables.accounts
        of = (a.c.id == account, a.c.frozen_why == why, a.c.frozen_until > tx.now)
        changed = await tx.run(update(a).where(*of).values(frozen_until=None, frozen_why=None))
        if changed:
            await record(self._database, tx, AccountThawed(account=account, why=why))
        return bool(changed)

    async def factors_due(self) -> None:
        """Let factors go whose hold is over, have accounts without one reminded, and count."""
        await self._database.retrying(self.factors.settle)
        await self._database.retrying(self.demands.remind)
        await self.adoption.keep()

    async def _open_account(
        self, tx: Tx, account_class: str, address: str, key: str, kept: str, locale: str
    ) -> str:
        account, point = new_id("acc", tx.now), new_id("cpt", tx.now)
        await tx.run(
            insert(tables.accounts).values(
                {
                    "id": account,
                    "class": account_class,
                    "class_since": tx.now,
                    "created_at": tx.now,
                    "locale": locale or None,
                }
            )
        )
        await tx.run(
            insert(tables.contact_points).values(
                id=point, account_id=account, address_key=key, address=address, created_at=tx.now
            )
        )
        await self.passwords.write(tx, account, kept, by="sign_up")
        return point

    async def _confirmed(self, confirmation: str, point: str) -> str | None:
        p = tables.contact_points
        async with self._database.write() as tx:
            row = await tx.one(select(p).where(p.c.id == point, p.c.added_by.is_(None)))
            if row is None or await self.confirming.settle(tx, confirmation, point) is None:
                return None
            opened = AccountOpened(account=row["account_id"], address=row["address_key"])
            await record(self._database, tx, opened)
            return str(row["account_id"])

    async def _may_try(self, tx: Tx, key: str, lane: str, *, known: bool) -> bool:
        window = throttle.WINDOW
        if not await throttle.take(tx, key, lane, limit=TRIES, window=window):
            return False
        return known or await throttle.take(
            tx, key, _STRANGERS, limit=STRANGER_TRIES, window=window
        )

    async def _start(
        self, tx: Tx, account: str, kept: str | None, origin: Origin, *, known: bool
    ) -> SignedIn | SignInFailure:
        """A session after a right password, or why there is none: the account may be frozen by now,
        or the password replaced while it was being checked."""
        view = await queries.account(tx, account, lock=True)
        if view.frozen(tx.now):
            return SignInFailure.FROZEN
        if await queries.password_hash(tx, account) != kept:
            return SignInFailure.REPLACED
        if await queries.has_factor(tx, account):
            return await self.sessions.create(tx, account, origin, Stage.FACTOR)
        if await self.demands.on_sign_in(tx, account):
            return await self.sessions.create(tx, account, origin, Stage.ENROL)
        return await self.sessions.enter(tx, account, origin, factor=False, known=known)
