"""Read-only queries for the what-if analysis: counts, never an address."""

from mailkeep.accounts import second_step
from mailkeep.base.clock import iso
from mailkeep.mail import api_keys
from mailkeep.mail import queries as mail
from mailkeep.operators import services as operators
from mailkeep.operators.permissions import ROLES, Permission
from mailkeep.store.database import Tx
from mailkeep.trust.world import Group, Key
from mailkeep.watch import queries as watch
from mailkeep.watch.report_types import are_brought

from . import counts, scene
from .counts import Counts
from .types import Live, TrustConfiguration
from .whatif import Model

_GOOD = {"good", "replaced"}


async def live(tx: Tx, house: TrustConfiguration, counted: Counts) -> Live:
    """The current state of routes and operators, with one statement each; counts as they are
    stored."""
    keys = tuple(
        Key(scene.key_party(one.name), one.scopes, one.domains, one.application)
        for one in await api_keys.listing(tx)
        if one.state(tx.now) in _GOOD
    )
    standing = await mail.standing(tx, (one.name for one in house.providers))
    return Live(
        iso(tx.now)[:10],
        standing,
        tuple(
            Group(
                one.account_class,
                one.factor,
                one.domain,
                *scene.held(house, one.account_class),
                accounts=one.accounts,
                application=one.application,
            )
            for one in counted.accounts
        ),
        keys,
        counted.given,
        await second_step.is_wanted(tx),
        tuple(
            scene.operator_party(one.id)
            for one in await operators.listing(tx)
            if one.role is not None and Permission.ACTIONS_APPLY in ROLES[one.role]
        ),
        counted_at=counted.at,
        resting=frozenset(await mail.resting(tx)) - frozenset(await mail.cut(tx)),
        brought=await _brought(tx, house),
    )


async def model(tx: Tx, house: TrustConfiguration) -> Model:
    """Everything that the questions of this room are asked of; accounts are counted now."""
    found = await live(tx, house, await counts.at_once(tx, house))
    return Model(house, found, scene.world(house, found))


async def _brought(tx: Tx, house: TrustConfiguration) -> frozenset[str]:
    """Asked only where a detector depends on it."""
    wanted = {one.brought for one in house.watchers.values()} - {""}
    return are_brought(await watch.last_brought(tx)) & wanted if wanted else frozenset()
