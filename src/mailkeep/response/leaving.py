"""Begins to leave a provider from a console or with a key, where nobody is at the house's shell.

Security: a hostile leave cuts off, and a thief of one session would frame a healthy provider with
it. So the cut is one by hand, by its rules: announced to everybody, confirmed by a second person,
and not at all by one person where a stream's mail would stop.
"""

import msgspec

from mailkeep.base.errors import Conflict
from mailkeep.cutover import offboarding
from mailkeep.cutover.checklist import Leaving
from mailkeep.cutover.offboarding import Offboarding, OffboardingView
from mailkeep.mail import queries as mail
from mailkeep.store.database import Tx

from . import hands
from .actions.port import Means
from .keeping import take_turn


class Begun(msgspec.Struct, frozen=True):
    """A list that stands.

    Attributes:
        new: it was begun, or dated anew, by this call.
        cut: this call cut the provider off, which a second person has to confirm.
        warnings: what is left with too little by that.
    """

    view: OffboardingView
    new: bool = True
    cut: bool = False
    warnings: tuple[str, ...] = ()


async def begin(
    tx: Tx,
    means: Means,
    rooms: Offboarding,
    leaving: Leaving,
    *,
    hostile: bool,
    by: str,
    reason: str,
) -> Begun:
    """Begin a list; one that stands as it is wanted stays as it is.

    Raises:
        Conflict: see ``Offboarding.start``; or the cut takes two people, or an incident is open
            about it, and it is cut off there.
        Invalid, NotAllowed, NotFound: see ``hands.cut``.
    """
    name = leaving.provider
    means.may_act()
    await take_turn(tx)
    before = await offboarding.view(tx, name, lock=True)
    if before is not None and before.done_at is None and before.hostile >= hostile:
        return Begun(before, new=False)
    if hostile:  # of one that is cut off already too: its word goes with it
        await hands.may(tx, means, name, by, reason or "left as hostile", beside=True)
    if not hostile or name in await mail.cut(tx):
        return Begun(await rooms.start(tx, leaving, hostile=hostile, by=by))
    would = await hands.would(tx, means, name)
    if would.stops and hands.is_for_two(means.settings):
        raise Conflict(
            f"without {name} the mail of {', '.join(would.stops)} stops, or its proofs have no two"
            " independent routes: ask for the cut first, which a second person carries out, and"
            " leave it then"
        )
    await hands.cut(tx, means, name, by=by, reason=reason)
    view = await rooms.start(tx, leaving, hostile=True, by=by)
    return Begun(view, cut=hands.is_for_two(means.settings), warnings=would.warnings)
