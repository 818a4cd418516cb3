"""Passkeys: WebAuthn credentials bound to our origin (W3C Web Authentication, level 3).

A look-alike page gets no signature, so this is the phishing-resistant factor that SP 800-63B-4
section 2.2 asks to be offered. There is nothing to guess, so failures count against a time window
only and never lock the key.

Security: reads hostile JSON. A challenge has 256 bits, is stored here, and is valid once, for five
minutes, for one purpose, one account and one browser: a challenge given to another browser, or a
signature made for another purpose, proves nothing.
"""

import base64
import enum
import secrets

import msgspec
from sqlalchemy import delete, insert, select, update

from mailkeep.accounts import tables
from mailkeep.base.clock import MINUTE, Instant
from mailkeep.base.errors import Conflict, Invalid
from mailkeep.base.keys import KeyRing
from mailkeep.store.database import Tx

from .types import Bound, Kind, Site, Weighed

_p, _c = tables.passkeys, tables.passkey_challenges

_CHALLENGE = 32  # bytes
LIFE = 5 * MINUTE  #: of a challenge
LONGEST = 16_384  #: characters of a browser's answer
MOST = 20  #: passkeys of one account
#: Challenges, and sign-ins by passkey alone, in a window for one network. Nothing can be guessed at
#: them, so this only bounds our work.
NETWORK_ASKS = 60


class Purpose(enum.StrEnum):
    """What a challenge is for; a signature for one serves no other."""

    BIND = "bind"  #: a new passkey
    PROVE = "prove"  #: the second factor of an account that is known already
    ALONE = "alone"  #: sign in without a password
    CONSOLE = "console"  #: an operator's second step at the console


class Made(msgspec.Struct, frozen=True):
    """A new passkey whose registration was verified."""

    challenge: str
    credential: bytes
    public_key: bytes
    sign_count: int
    synced: bool
    transports: str


def handle(keys: KeyRing, account: str) -> bytes:
    """The user handle of an account: it says nothing of anybody (WebAuthn section 14.6.1)."""
    return bytes.fromhex(keys.lookup_hash("user handle", account))


async def ask_to_bind(
    tx: Tx, keys: KeyRing, site: Site, account: str, browser: str, *, name: str, issuer: str
) -> str:
    """The options for ``navigator.credentials.create``, as JSON.

    Args:
        name: of the account as the browser shows it.
        issuer: whose account it is.

    Raises:
        Conflict: there are passkeys enough.
    """
    from . import ceremony

    there = await _of(tx, account)
    if len(there) >= MOST:
        raise Conflict(f"an account has {MOST} passkeys at most; remove one first")
    challenge = await _challenge(tx, account, Purpose.BIND, browser)
    return ceremony.creation(
        site, issuer, name, handle(keys, account), challenge, there, LIFE // 1000
    )


async def ask(
    tx: Tx,
    site: Site,
    account: str | None,
    browser: str,
    *,
    verified: bool = False,
    settled: bool = False,
    console: bool = False,
) -> str:
    """The options for ``navigator.credentials.get``, as JSON.

    Args:
        account: whose passkey is asked for; None: whoever has one.
        verified: the passkey is to verify its user; without ``account`` it always is, since it
            stands for the password too.
        settled: only those that nobody can deny any more.
        console: for the second step there; without ``account``.
    """
    from . import ceremony

    purpose = _purpose(account, console=console)
    challenge = await _challenge(tx, account, purpose, browser)
    there = [] if account is None else await _of(tx, account, settled=settled)
    must = account is None or verified
    return ceremony.request(site, challenge, there, LIFE // 1000, verified=must)


async def verify_new(tx: Tx, site: Site, account: str, browser: str, answer: str) -> Made:
    """Read what ``navigator.credentials.create`` returned; uses nothing up.

    Raises:
        Invalid: it is no answer to a challenge of ours, or made for another site.
    """
    from . import ceremony

    wrong = Invalid("the browser's answer cannot be used; try again", field="passkey")
    try:
        if len(answer) > LONGEST:
            raise wrong
        read, challenge = ceremony.read_creation(answer)
        if not await _awaited(tx, challenge, Purpose.BIND, account, browser):
            raise wrong
        found = ceremony.created(site, read, challenge)
    except ceremony.UNREADABLE as error:
        raise wrong from error
    transports = ",".join(one.value for one in read.response.transports or ())
    return Made(
        _text(challenge),
        found.credential_id,
        found.credential_public_key,
        found.sign_count,
        found.credential_backed_up,
        transports[:80],
    )


async def write(tx: Tx, factor: str, account: str, made: Made) -> None:
    """Keep a passkey; ``factor`` is on record already.

    Raises:
        Invalid: its challenge was used, or is too old.
        Conflict: the passkey is bound already, here or elsewhere.
    """
    if not await _use_up(tx, made.challenge):
        raise Invalid("that took too long; try again", field="passkey")
    values = {
        "factor_id": factor,
        "account_id": account,
        "credential": made.credential,
        "public_key": made.public_key,
        "sign_count": made.sign_count,
        "transports": made.transports,
        "synced": made.synced,
    }
    if await tx.run(tx.upsert(_p).values(**values).on_conflict_do_nothing()) != 1:
        raise Conflict("this passkey is bound already")


async def weigh(
    tx: Tx,
    site: Site,
    keys: KeyRing,
    account: str | None,
    browser: str,
    answer: str,
    *,
    console: bool = False,
) -> tuple[Weighed, str | None]:
    """Verify what ``navigator.credentials.get`` returned; uses nothing up.

    Returns what it is worth, and whose it is: with ``account`` None the passkey says.
    """
    from . import ceremony

    nothing = Weighed(Kind.PASSKEY)
    try:
        if not site.rp_id or len(answer) > LONGEST:
            return nothing, account
        read, challenge = ceremony.read_request(answer)
        purpose = _purpose(account, console=console)
        row = await tx.one(select(_p).where(_p.c.credential == read.raw_id))
        if row is None or not await _awaited(tx, challenge, purpose, account, browser):
            return nothing, account
        owner = str(row["account_id"])
        said = read.response.user_handle
        if account is None and said != handle(keys, owner):
            return nothing, account
        if (account is not None and owner != account) or (
            said is not None and said != handle(keys, owner)
        ):
            return nothing, account
        key = bytes(row["public_key"])
        found = ceremony.proved(site, read, challenge, key, verified=account is None)
    except ceremony.UNREADABLE:
        return nothing, account
    weighed = Weighed(
        Kind.PASSKEY,
        True,
        _text(challenge),
        row["factor_id"],
        found.new_sign_count,
        found.credential_backed_up,
        found.user_verified,
    )
    return weighed, owner


async def use(tx: Tx, weighed: Weighed) -> bool | None:
    """Use a signature up; False when its challenge was used meanwhile.

    Returns None when its counter has not grown (WebAuthn section 6.1.1): another device holds a
    copy of the key. Keys that do not count say 0 always.
    """
    if not await _use_up(tx, weighed.mark):
        return False
    grown = _p.c.sign_count < weighed.count
    if weighed.count == 0:
        grown = _p.c.sign_count == 0
    there = update(_p).where(_p.c.factor_id == weighed.factor, grown)
    if await tx.run(there.values(sign_count=weighed.count, synced=weighed.synced)) == 1:
        return True
    still = await tx.value(select(_p.c.factor_id).where(_p.c.factor_id == weighed.factor))
    return None if still is not None else False


async def forget_challenges(tx: Tx, before: Instant, limit: int) -> int:
    """Forget challenges that expired before an instant; returns how many."""
    old = select(_c.c.challenge).where(_c.c.expires_at < before).limit(limit)
    return await tx.run(delete(_c).where(_c.c.challenge.in_(old)))


def _purpose(account: str | None, *, console: bool) -> Purpose:
    if account is not None:
        return Purpose.PROVE
    return Purpose.CONSOLE if console else Purpose.ALONE


async def _challenge(tx: Tx, account: str | None, purpose: Purpose, browser: str) -> bytes:
    made = secrets.token_bytes(_CHALLENGE)
    await tx.run(
        insert(_c).values(
            challenge=_text(made),
            account_id=account,
            purpose=purpose.value,
            browser=browser,
            expires_at=tx.now + LIFE,
        )
    )
    return made


async def _awaited(
    tx: Tx, challenge: bytes, purpose: Purpose, account: str | None, browser: str
) -> bool:
    theirs = _c.c.account_id.is_(None) if account is None else _c.c.account_id == account
    found = await tx.value(
        select(_c.c.challenge).where(
            _c.c.challenge == _text(challenge),
            _c.c.purpose == purpose.value,
            theirs,
            _c.c.browser == browser,
            _c.c.expires_at > tx.now,
        )
    )
    return found is not None


async def _use_up(tx: Tx, challenge: str) -> bool:
    live = (_c.c.challenge == challenge, _c.c.expires_at > tx.now)
    return await tx.run(delete(_c).where(*live)) == 1


async def _of(tx: Tx, account: str, *, settled: bool = False) -> list[Bound]:
    theirs = select(_p).where(_p.c.account_id == account).order_by(_p.c.factor_id)
    if settled:
        f = tables.factors
        theirs = theirs.join(f, f.c.id == _p.c.factor_id).where(f.c.held_by.is_(None))
    return [Bound(row["credential"], row["transports"]) for row in await tx.all(theirs)]


def _text(challenge: bytes) -> str:
    return base64.urlsafe_b64encode(challenge).rstrip(b"=").decode()
