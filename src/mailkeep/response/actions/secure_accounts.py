"""Action: freeze accounts that somebody else may have.

About a provider, those whose password was replaced with the help of a proof through the suspects:
whoever replaced it may not have been the owner. About an account, that one, whatever happened to
it. About a campaign, all that were recovered in its time, many by their owners.

Sessions end, the password that was written stops working, and so do factors that were bound since
from a browser that the account did not know: a thief's would keep the owner out. Where a suspect
carried the proof, addresses are as they were before that recovery (``accounts.undoing``). Nobody
signs in until the freeze is over; it ends by itself, so a wrong suspicion locks nobody out for
good.

Where a provider is suspected, proofs do not end it: it may have been another one. Elsewhere nobody
says that a route is read, so two fresh proofs do (``SECURED``), and what is under way ends, since
it may be a thief's. Who stages signs against an account so closes it for as long as its owner needs
for a reset, once a person has agreed each time. Whoever reads the owner's mailbox comes back in as
well: against that there is ``hold_recoveries``, and a second factor.

Who is back is not locked out again when this is applied once more, or late. The one account of an
incident is: a person means it.
"""

from collections import Counter

from sqlalchemy import select

from mailkeep.accounts import queries as accounts
from mailkeep.accounts import undoing
from mailkeep.accounts.types import SECURED
from mailkeep.base.clock import SECOND, Instant, iso, readable
from mailkeep.base.errors import NotFound
from mailkeep.base.wording import counted
from mailkeep.incidents import blast
from mailkeep.incidents import queries as incidents
from mailkeep.incidents.words import span
from mailkeep.mail.types import GiveUpReason
from mailkeep.recovery import orders
from mailkeep.recovery import queries as recovery
from mailkeep.response import tables
from mailkeep.response.types import ActionState, Preview

from . import emit_signals
from .port import Action, At, Case, Progress

_SUSPECT = "incident"  #: why an account is frozen that a suspect carried a proof of
_STANDS = (ActionState.RUNNING, ActionState.STOPPED, ActionState.APPLIED)

_a = tables.actions


async def preview(at: At) -> Preview:
    found = await _accounts(at, at.case)
    length = span(0, round(at.means.settings.freeze * SECOND))
    count, kind = len(found), at.case.incident.subject.kind
    warning = _warning(kind, count, held=await _held(at))
    if kind == "provider":
        what = (
            f"Accounts recovered with a proof through the suspect: {count}. Their sessions end, "
            f"the new password is void, and nobody signs in to them for {length}."
        )
        warning = (
            f"owners who recovered these accounts themselves cannot sign in for {length}, and must "
            "recover again; a factor that they added since on a new device is gone"
        )
    elif kind == "account":
        what = (
            "Its sessions end, its password is void, resets under way end, and nobody signs in to "
            f"this account for {length}, or until a new reset is completed. What was changed since "
            f"{readable(at.case.since)} is taken back."
        )
    else:
        what = (
            f"Accounts recovered in this time, by whomever: {count}. Their sessions end, the new "
            f"passwords are void, resets under way end, and nobody signs in to them for {length}, "
            "or until a new reset is completed."
        )
    warnings = (warning,) if found else ()
    return Preview(what, count, warnings + await _readdressed(at, found))


async def _readdressed(at: At, found: list[str]) -> tuple[str, ...]:
    """What would be undone of settled changes of addresses, in words; nothing when nothing."""
    off = back = elsewhere = bare = 0
    if at.case.suspects:
        for account in await undoing.changed(at.tx, found, at.case.since):
            plan = await _plan(at, account, at.tx.now)
            off, back = off + len(plan.off), back + len(plan.back)
            elsewhere, bare = elsewhere + plan.elsewhere, bare + plan.bare
    if not off + back + elsewhere:
        return ()
    said = (
        f"addresses that were added since, and are taken off: {off}; removed since, and brought "
        f"back: {back}. Owners who did that themselves, without a second factor from before, are "
        "reached at the earlier ones again"
    )
    if elsewhere:
        said += f". Another account has them by now, so they stay there: {elsewhere}"
    if bare:
        said += f". Left without any address, so that nobody recovers them: {bare}"
    return (said,)


async def _plan(at: At, account: str, until: Instant) -> undoing.Plan:
    """What to undo of an account: from the recovery in doubt on, nothing of its owner's before."""
    case = at.case
    window = (case.since, case.until)
    began = await recovery.doubted_since(at.tx, account, case.suspects, *window)
    if began is None:
        return undoing.Plan()
    return await undoing.plan(at.tx, account, began, until)


def _warning(kind: str, count: int, *, held: bool) -> str:
    """What it costs owners, and whom it does not stop."""
    if kind == "campaign":
        said = f"{counted(count, 'owner')}, most of whom may have done it themselves, must reset"
    else:
        said = "its owner is signed out too, and must reset"
    said += " the password once more; a factor that was added since on a new device is gone"
    if not held:
        said += (
            ". Whoever reads the owner's mailbox comes back in by a reset as well: hold recoveries "
            "first"
        )
    return said


async def step(at: At) -> Progress:
    case = at.case
    part = at.part(await _accounts(at, case))
    until = at.tx.now + round(at.means.settings.freeze * SECOND)
    counts = Counter(
        {
            name: value
            for name, value in (at.before.result if at.before.cursor else {}).items()
            if isinstance(value, int)
        }
    )
    for account in part.accounts:
        back = await _back(at, account)
        if back is None:
            if not case.suspects and at.means.recovery is not None:
                await at.means.recovery.end_of(at.tx, account, GiveUpReason.SECURED)
            await at.means.accounts.freeze(at.tx, account, until, _why(case))
            counts["frozen"] += 1
        ends = at.tx.now if back is None else back - 1
        await at.means.accounts.take_back(at.tx, account, case.since, ends)
        if case.suspects:
            off, back = await _undo_changes(at, account, ends)
            counts["taken_off"] += off
            counts["brought_back"] += back
        if case.incident.account is not None:
            # Nobody knows since when somebody has it: the signs that count may be later.
            await at.means.accounts.void_password(at.tx, account)
    result: dict[str, object] = {"frozen": counts["frozen"], "until": iso(until)}
    result |= {name: count for name, count in counts.items() if count}
    return part.done(result)


async def _undo_changes(at: At, account: str, until: Instant) -> tuple[int, int]:
    """Returns how many addresses were taken off and brought back. What is under way may go by one
    that was taken off, and ends."""
    await accounts.account(at.tx, account, lock=True)
    plan = await _plan(at, account, until)
    if plan.off and at.means.recovery is not None:
        await at.means.recovery.end_of(at.tx, account, GiveUpReason.SECURED)
    await undoing.carry_out(at.means.database, at.tx, account, plan, at.case.incident.id)
    return len(plan.off), len(plan.back)


async def undo(at: At) -> str:
    """End the freeze at once, but of accounts that another incident has frozen as well, and put
    addresses there again that were taken off for this one. The passwords stay void: nobody can tell
    whose they were."""
    thawed, given, others = 0, 0, await _frozen_elsewhere(at)
    for account in await _accounts(at, at.case):
        if account in others:
            continue
        thawed += await at.means.accounts.thaw(at.tx, account, _why(at.case))
        cause = at.case.incident.id
        given += await undoing.give_back(at.means.database, at.tx, account, cause)
    words = f"accounts that can be signed in to again, once they are recovered: {thawed}"
    return f"{words}; addresses that are there again: {given}" if given else words


async def look(at: At) -> dict[str, object]:
    """At how many of the accounts which other services have acknowledged; see ``emit_signals``."""
    found = await _accounts(at, at.case)
    return {**at.before.result, "elsewhere": await emit_signals.receivers(at, found)}


def _why(case: Case) -> str:
    return _SUSPECT if case.suspects else SECURED


async def _back(at: At, account: str) -> Instant | None:
    """When its owner came back in, by proofs that count more than those in doubt; None: not yet."""
    case = at.case
    if case.suspects:
        window = (case.since, case.until)
        began = await recovery.doubted_since(at.tx, account, case.suspects, *window)
        # Over a route that nobody suspects, both proofs go to an address that a thief added.
        theirs = (
            frozenset[str]()
            if began is None
            else await undoing.strange(at.tx, account, began, at.tx.now)
        )
        return await recovery.regained(at.tx, account, case.suspects, *window, but=theirs)
    if case.incident.account is not None:
        return None
    # No route is suspected: what counts more is a recovery that began after this had first ended
    # all that was under way.
    ours = (_a.c.name == ACTION.name, _a.c.incident_id == case.incident.id)
    first = await at.tx.value(select(_a.c.first_at).where(*ours))
    if first is None:
        return None
    return await recovery.recovered_again(at.tx, account, case.since, first)


async def _held(at: At) -> bool:
    """Whether recoveries of all that this is about wait before a password is chosen."""
    return await orders.ordered(at.tx, (), at.case.incident.account or "")


async def _frozen_elsewhere(at: At) -> set[str]:
    """The accounts that other incidents froze, and did not take back: who agreed to take it back
    for this one has judged nothing of those."""
    began = at.tx.now - round(at.means.settings.freeze * SECOND)
    rows = await at.tx.all(
        select(_a.c.incident_id).where(
            _a.c.name == ACTION.name,
            _a.c.incident_id != at.case.incident.id,
            _a.c.state.in_([one.value for one in _STANDS]),
            _a.c.at > began,
        )
    )
    found: set[str] = set()
    for row in rows:
        other = await incidents.one(at.tx, row["incident_id"])
        suspects = at.means.house.suspects(other.subject)
        window = blast.window(other, at.tx.now, at.means.incidents.settings)
        found.update(await _accounts(at, Case(other, suspects, *window)))
    return found


async def _accounts(at: At, case: Case) -> list[str]:
    one = case.incident.account
    if one is None:
        ways = case.suspects or frozenset(at.means.house.parties)
        return await recovery.accounts(at.tx, ways, case.since, case.until, "completed")
    try:
        return [(await accounts.account(at.tx, one)).id]
    except NotFound:  # erased meanwhile
        return []


ACTION = Action(
    "secure_accounts",
    "Freeze the accounts that somebody else may have",
    preview,
    step,
    dangerous=True,
    about=("provider", "campaign", "account"),
    undo=undo,
    look=look,
    says="Accounts that somebody else may have are signed out, and closed for a while.",
    by_window=True,
    by_account=True,
)
