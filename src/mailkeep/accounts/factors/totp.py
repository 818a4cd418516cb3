"""Authenticator apps: time-based one-time codes (TOTP, RFC 6238), each accepted once."""

from typing import Any

import pyotp
from sqlalchemy import Select, delete, insert, select, update

from mailkeep.accounts import tables
from mailkeep.base.clock import SECOND, Instant
from mailkeep.base.errors import Invalid, NotFound
from mailkeep.base.ids import new_id
from mailkeep.base.keys import KeyRing
from mailkeep.base.secret import Secret
from mailkeep.store.database import Tx

from .types import Enrolment

_t = tables.totp_factors
STEP = 30 * SECOND  #: RFC 6238 section 5.2 recommends 30 seconds
DIGITS = 6
_PURPOSE = "totp secret of "


def matching_step(secret: str, code: str, now: Instant, last_step: int) -> int | None:
    """The time step whose code this is, when it is newer than ``last_step`` (pure).

    One step either side of now is taken, for clocks that differ (RFC 6238 section 6). A step that
    was used up counts no more, nor does one before it (section 5.2): whoever looks over a shoulder
    cannot use the code again.
    """
    digits = "".join(c for c in code if c.isdigit() and c.isascii())
    made = pyotp.TOTP(secret)
    for step in (now // STEP - 1, now // STEP, now // STEP + 1):
        if step > last_step and pyotp.utils.strings_equal(made.generate_otp(step), digits):
            return step
    return None


def taken_along(keys: KeyRing, factor: str, sealed: bytes) -> str:
    """The secret of an app in base32, for the one who leaves with all accounts (pure). Nobody else
    sees it again once it is bound."""
    return _open(keys, factor, sealed)


async def enrol(tx: Tx, keys: KeyRing, account: str, *, name: str, issuer: str) -> Enrolment:
    """Begin to bind an app: nothing is asked of it until a code from it is shown.

    Args:
        name: the label in the owner's app, such as the address.
        issuer: whose account it is.
    """
    await tx.run(delete(_t).where(_t.c.account_id == account, _t.c.confirmed_at.is_(None)))
    secret, factor = pyotp.random_base32(32), new_id("fac", tx.now)
    await tx.run(
        insert(_t).values(
            id=factor,
            account_id=account,
            sealed=keys.seal(_PURPOSE + factor, secret.encode()),
            created_at=tx.now,
            last_step=0,
        )
    )
    return _enrolment(factor, secret, name, issuer)


async def shown(
    tx: Tx, keys: KeyRing, account: str, factor: str, *, name: str, issuer: str
) -> Enrolment:
    """An enrolment that waits for its first code, once more: who mistypes it need not begin anew.

    Raises:
        NotFound: there is none; a secret that is bound is never shown again.
    """
    row = await tx.one(_waiting(account, factor))
    if row is None:
        raise NotFound("no such enrolment")
    return _enrolment(factor, _open(keys, factor, row["sealed"]), name, issuer)


async def waits(tx: Tx, account: str, factor: str) -> bool:
    """Whether an enrolment waits for its first code."""
    return await tx.one(_waiting(account, factor)) is not None


async def confirm(tx: Tx, keys: KeyRing, account: str, factor: str, code: str) -> None:
    """Take the first code of an app, which is used up by it.

    Raises:
        NotFound: no such enrolment.
        Invalid: the code is wrong.
    """
    row = await tx.one(_waiting(account, factor))
    if row is None:
        raise NotFound("no such enrolment")
    step = matching_step(_open(keys, row["id"], row["sealed"]), code, tx.now, row["last_step"])
    if step is None:
        raise Invalid("the code is wrong", field="code")
    await tx.run(update(_t).where(_t.c.id == factor).values(confirmed_at=tx.now, last_step=step))


async def use(tx: Tx, keys: KeyRing, factor: str, code: str) -> bool:
    """Whether a code of a bound app is right and unused; uses it up."""
    row = await tx.one(select(_t).where(_t.c.id == factor, _t.c.confirmed_at.is_not(None)))
    if row is None:
        return False
    step = matching_step(_open(keys, row["id"], row["sealed"]), code, tx.now, row["last_step"])
    if step is None:
        return False
    # RFC 6238 section 5.2: a code is accepted once, whoever else presents it at the same time.
    newer = update(_t).where(_t.c.id == factor, _t.c.last_step < step).values(last_step=step)
    return await tx.run(newer) == 1


def _waiting(account: str, factor: str) -> Select[Any]:
    return select(_t).where(
        _t.c.id == factor, _t.c.account_id == account, _t.c.confirmed_at.is_(None)
    )


def _enrolment(factor: str, secret: str, name: str, issuer: str) -> Enrolment:
    uri = pyotp.TOTP(secret).provisioning_uri(name=name, issuer_name=issuer)
    return Enrolment(factor, Secret(secret), Secret(uri))


def _open(keys: KeyRing, factor: str, sealed: bytes) -> str:
    return keys.unseal(_PURPOSE + factor, sealed).decode()
