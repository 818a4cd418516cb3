"""What the database says of the house as it stands: counts, never an address."""

from mailkeep.accounts import counted, second_step
from mailkeep.base.clock import iso
from mailkeep.mail import api_keys
from mailkeep.mail import queries as mail
from mailkeep.operators import services as operators
from mailkeep.operators.permissions import ROLES, Permission
from mailkeep.store.database import Tx
from mailkeep.trust.types import PartyKind
from mailkeep.trust.world import Group, Key

from . import scene
from .types import House, Live
from .whatif import Model

#: Where most people have their mailbox: told apart though nobody registers them.
WIDE = ("gmail.com", "outlook.com", "hotmail.com", "yahoo.com", "icloud.com")
_GOOD = {"good", "replaced"}


async def live(tx: Tx, house: House) -> Live:
    """What stands and who is there, with one statement each."""
    keys = tuple(
        Key(scene.key_party(one.name), one.scopes, one.domains)
        for one in await api_keys.listing(tx)
        if one.state(tx.now) in _GOOD
    )
    return Live(
        iso(tx.now)[:10],
        await mail.standing(tx, (one.name for one in house.providers)),
        await _groups(tx, house),
        keys,
        await mail.exposed_to_each(tx),
        await second_step.is_wanted(tx),
        tuple(
            scene.operator_party(one.id)
            for one in await operators.listing(tx)
            if one.role is not None and Permission.ACTIONS_APPLY in ROLES[one.role]
        ),
    )


async def model(tx: Tx, house: House) -> Model:
    """Everything that the questions of this room are asked of."""
    found = await live(tx, house)
    return Model(house, found, scene.world(house, found))


async def _groups(tx: Tx, house: House) -> tuple[Group, ...]:
    domains = {
        one.lower()
        for party in house.parties.values()
        if party.kind in {PartyKind.MAILBOX, PartyKind.DNS, PartyKind.REGISTRAR}
        for one in party.serves
    }
    return tuple(
        Group(
            one.account_class,
            one.factor,
            one.domain,
            *scene.held(house, one.account_class),
            accounts=one.accounts,
        )
        for one in await counted.alike(tx, domains | set(WIDE))
    )
