"""Passkeys (W3C Web Authentication, level 3): keys that sign for our address and for no other.

A page that looks like ours gets no signature, so this is the phishing-resistant factor that SP
800-63B-4 section 2.2 asks to be offered. Nothing can be guessed at it, so failures count against a
window only, never against the key.

Security: reads hostile JSON. A challenge has 256 bits, is kept here, good once, for five minutes,
for one purpose, one account and one browser: what another browser was given, or what was signed for
something else, proves nothing.
"""

import enum
import secrets
from urllib.parse import urlsplit

import msgspec
from sqlalchemy import delete, insert, select, update
from webauthn import (
    generate_authentication_options,
    generate_registration_options,
    options_to_json,
    verify_authentication_response,
    verify_registration_response,
)
from webauthn.helpers import (
    bytes_to_base64url,
    parse_authentication_credential_json,
    parse_client_data_json,
    parse_registration_credential_json,
)
from webauthn.helpers.exceptions import WebAuthnException
from webauthn.helpers.structs import (
    AuthenticatorSelectionCriteria,
    AuthenticatorTransport,
    PublicKeyCredentialDescriptor,
    ResidentKeyRequirement,
    UserVerificationRequirement,
)

from mailkeep.accounts import tables
from mailkeep.base.clock import MINUTE, Instant
from mailkeep.base.errors import Conflict, Invalid
from mailkeep.base.keys import KeyRing
from mailkeep.store.database import Tx

from .types import Kind, Weighed

_p, _c = tables.passkeys, tables.passkey_challenges

_CHALLENGE = 32  # bytes
LIFE = 5 * MINUTE  #: of a challenge
LONGEST = 16_384  #: characters of a browser's answer
MOST = 20  #: passkeys of one account
#: What a reader of hostile JSON, CBOR and keys may raise.
_UNREADABLE = (WebAuthnException, ValueError, TypeError, KeyError, RecursionError)


class Purpose(enum.StrEnum):
    """What a challenge is for; a signature for one serves no other."""

    BIND = "bind"  #: a new passkey
    PROVE = "prove"  #: the second factor of an account that is known already
    ALONE = "alone"  #: sign in without a password
    CONSOLE = "console"  #: an operator's second step at the console


class Site(msgspec.Struct, frozen=True):
    """For whom passkeys are made.

    Attributes:
        rp_id: the host that they sign for; "" where there is none: an address of numbers.
        origin: of our pages.
    """

    rp_id: str
    origin: str

    @classmethod
    def of(cls, public_url: str) -> "Site":
        """The site of our pages (WebAuthn section 5.1.3: the RP ID is a domain, no IP address)."""
        parts = urlsplit(public_url)
        host = parts.hostname or ""
        named = host == "localhost" or ("." in host and not host.replace(".", "").isdigit())
        usable = named and (parts.scheme == "https" or host == "localhost")
        return cls(host if usable else "", f"{parts.scheme}://{parts.netloc.lower()}")


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
    there = await _of(tx, account)
    if len(there) >= MOST:
        raise Conflict(f"an account has {MOST} passkeys at most; remove one first")
    challenge = await _challenge(tx, account, Purpose.BIND, browser)
    options = generate_registration_options(
        rp_id=site.rp_id,
        rp_name=issuer,
        user_name=name,
        user_display_name=name,
        user_id=handle(keys, account),
        challenge=challenge,
        timeout=LIFE // 1000,
        authenticator_selection=AuthenticatorSelectionCriteria(
            resident_key=ResidentKeyRequirement.REQUIRED,
            require_resident_key=True,
            user_verification=UserVerificationRequirement.PREFERRED,
        ),
        exclude_credentials=there,
    )
    return options_to_json(options)


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
    purpose = _purpose(account, console=console)
    challenge = await _challenge(tx, account, purpose, browser)
    options = generate_authentication_options(
        rp_id=site.rp_id,
        challenge=challenge,
        timeout=LIFE // 1000,
        allow_credentials=[] if account is None else await _of(tx, account, settled=settled),
        user_verification=UserVerificationRequirement.REQUIRED
        if account is None or verified
        else UserVerificationRequirement.PREFERRED,
    )
    return options_to_json(options)


async def verify_new(tx: Tx, site: Site, account: str, browser: str, answer: str) -> Made:
    """Read what ``navigator.credentials.create`` returned; uses nothing up.

    Raises:
        Invalid: it is no answer to a challenge of ours, or made for another site.
    """
    wrong = Invalid("the browser's answer cannot be used; try again", field="passkey")
    try:
        if len(answer) > LONGEST:
            raise wrong
        read = parse_registration_credential_json(answer)
        challenge = parse_client_data_json(read.response.client_data_json).challenge
        if not await _awaited(tx, challenge, Purpose.BIND, account, browser):
            raise wrong
        found = verify_registration_response(
            credential=read,
            expected_challenge=challenge,
            expected_rp_id=site.rp_id,
            expected_origin=site.origin,
            require_user_verification=False,
        )
    except _UNREADABLE as error:
        raise wrong from error
    transports = ",".join(one.value for one in read.response.transports or ())
    return Made(
        bytes_to_base64url(challenge),
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
    nothing = Weighed(Kind.PASSKEY)
    try:
        if not site.rp_id or len(answer) > LONGEST:
            return nothing, account
        read = parse_authentication_credential_json(answer)
        challenge = parse_client_data_json(read.response.client_data_json).challenge
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
        found = verify_authentication_response(
            credential=read,
            expected_challenge=challenge,
            expected_rp_id=site.rp_id,
            expected_origin=site.origin,
            credential_public_key=row["public_key"],
            credential_current_sign_count=0,  # judged when it is used, beside those that overtake
            require_user_verification=account is None,
        )
    except _UNREADABLE:
        return nothing, account
    weighed = Weighed(
        Kind.PASSKEY,
        True,
        bytes_to_base64url(challenge),
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
            challenge=bytes_to_base64url(made),
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
            _c.c.challenge == bytes_to_base64url(challenge),
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


async def _of(
    tx: Tx, account: str, *, settled: bool = False
) -> list[PublicKeyCredentialDescriptor]:
    theirs = select(_p).where(_p.c.account_id == account).order_by(_p.c.factor_id)
    if settled:
        f = tables.factors
        theirs = theirs.join(f, f.c.id == _p.c.factor_id).where(f.c.held_by.is_(None))
    rows = await tx.all(theirs)
    known = {one.value: one for one in AuthenticatorTransport}
    return [
        PublicKeyCredentialDescriptor(
            id=row["credential"],
            transports=[known[one] for one in row["transports"].split(",") if one in known],
        )
        for row in rows
    ]
