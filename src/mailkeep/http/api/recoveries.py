"""``/v1/recoveries``: list recoveries, masked; and start one for an owner who asks for help.

The mails go to the owner's own addresses over two routes, as after any request; whoever starts it
neither sees nor chooses a link, a code or a password (ASVS 6.4.6).

To open one takes a reason, is audited and rate-limited, as at the console (``accounts.opening``).

Security: this is for accounts that Mailkeep keeps. The key of an application that keeps its own
users is refused whatever the address, so the refusal tells nothing: its users begin at
``/oauth/authorize``.
"""

from typing import Annotated

import msgspec
from litestar import Controller, get, post

from mailkeep.accounts import opening
from mailkeep.base.clock import iso, when
from mailkeep.base.errors import NotFound
from mailkeep.http.bearer import admit, authorise, ours
from mailkeep.http.port import Incoming, Running
from mailkeep.operators.permissions import Permission
from mailkeep.recovery import showing
from mailkeep.recovery.showing import HoldShown, ProofShown, Shown
from mailkeep.recovery.types import State
from mailkeep.store.database import Tx

from . import strict_json


class RecoveryIn(msgspec.Struct, forbid_unknown_fields=True):
    """``address``: one of the account's addresses; the mails go to this one."""

    address: Annotated[str, msgspec.Meta(min_length=3, max_length=320)]


class RecoveryOut(msgspec.Struct):
    """``id``: as in the log and the audit chain; the same whether or not there is an account."""

    id: str


class RecoveriesIn(msgspec.Struct, forbid_unknown_fields=True):
    """``before``: the ``after`` of the page before."""

    state: State | None = None
    before: Annotated[str, msgspec.Meta(max_length=40)] | None = None


class RecoveryShownOut(msgspec.Struct):
    """A recovery. ``account`` null: nobody has that address, or it was not looked up yet.
    ``degraded``: both proofs went over one route, as there was no second."""

    id: str
    state: str
    account: str | None
    application: str | None
    asked_at: str
    ended_at: str | None
    why: str
    known_browser: bool
    stopped_at: str | None
    denied_at: str | None
    degraded: bool


class RecoveriesOut(msgspec.Struct):
    """Recoveries, the newest first. ``after``: the cursor of the next page; null: this was the
    last."""

    recoveries: list[RecoveryShownOut]
    after: str | None


class ProofOut(msgspec.Struct):
    """A proof: the provider that carried it; ``shown_at``: when it came back."""

    kind: str
    provider: str
    minted_at: str
    expires_at: str
    voided_at: str | None
    shown_at: str | None


class RecoveryHoldOut(msgspec.Struct):
    """A hold. ``until`` null: its clock has not started."""

    reasons: tuple[str, ...]
    held_at: str
    until: str | None


class RecoveryOpenedOut(msgspec.Struct):
    recovery: RecoveryShownOut
    proofs: list[ProofOut]
    holds: list[RecoveryHoldOut]


class OpenIn(msgspec.Struct, forbid_unknown_fields=True):
    """The reason for opening it."""

    reason: Annotated[str, msgspec.Meta(min_length=1, max_length=200)]


class RecoveriesApi(Controller):
    """Starting one needs a key with the scope ``recover`` that is bound to no application; reading,
    one with ``operate``."""

    path = "/v1/recoveries"
    tags = ("recoveries",)

    @post("/", status_code=202, summary="Start a recovery for an owner")
    async def start(self, request: Incoming, running: Running) -> RecoveryOut:
        """The answer is the same whether or not there is an account with that address."""
        ours(await admit(request, running, Permission.RECOVERIES_START))
        wanted = strict_json.decode(await strict_json.body(request), RecoveryIn)
        by = ours(await authorise(request, running, Permission.RECOVERIES_START)).id
        if running.recovery is None:
            raise NotFound("there are no accounts here")
        return RecoveryOut(await running.recovery.start_for(wanted.address, by=by))

    @get("/", summary="How recoveries went")
    async def index(self, request: Incoming, running: Running) -> RecoveriesOut:
        wanted = strict_json.query(request, RecoveriesIn)
        await authorise(request, running, Permission.RECOVERIES_SEE)
        async with running.database.read() as tx:
            found, after = await showing.recent(tx, state=wanted.state, before=wanted.before)
        return RecoveriesOut([_shown(one) for one in found], after)

    @post("/{recovery:str}/open", status_code=200, summary="Open one, and say why")
    async def open(self, request: Incoming, running: Running, recovery: str) -> RecoveryOpenedOut:
        """Audited before it is shown. 429 beyond the limit for an hour."""
        await admit(request, running, Permission.RECOVERIES_SEE)
        wanted = strict_json.decode(await strict_json.body(request), OpenIn)
        by = (await authorise(request, running, Permission.RECOVERIES_SEE)).id

        async def work(tx: Tx) -> RecoveryOpenedOut:
            found = await showing.one(tx, recovery)
            await opening.open_(tx, opening.RECOVERY, recovery, by=by, reason=wanted.reason)
            return RecoveryOpenedOut(
                _shown(found),
                [_proof(one) for one in await showing.proofs(tx, recovery)],
                [_hold(one) for one in await showing.holds(tx, recovery)],
            )

        return await running.database.retrying(work)


def _shown(one: Shown) -> RecoveryShownOut:
    return RecoveryShownOut(
        id=one.id,
        state=one.state.value,
        account=one.account,
        application=one.application or None,
        asked_at=iso(one.asked_at),
        ended_at=when(one.ended_at),
        why=one.why,
        known_browser=one.known_browser,
        stopped_at=when(one.stopped_at),
        denied_at=when(one.denied_at),
        degraded=one.degraded,
    )


def _proof(one: ProofShown) -> ProofOut:
    return ProofOut(
        kind=one.kind,
        provider=one.provider,
        minted_at=iso(one.minted_at),
        expires_at=iso(one.expires_at),
        voided_at=when(one.voided_at),
        shown_at=when(one.shown_at),
    )


def _hold(one: HoldShown) -> RecoveryHoldOut:
    return RecoveryHoldOut(one.reasons, iso(one.held_at), when(one.until))
