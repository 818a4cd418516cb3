"""Builds the rules' input from the settings and the database: parties, ways of mail, groups of
accounts (pure)."""

from collections.abc import Mapping

import msgspec

from mailkeep.base.clock import SECOND
from mailkeep.mail.grants import Scope
from mailkeep.recovery.types import WhenAlone
from mailkeep.trust import rules
from mailkeep.trust.catalogue import HOUSES, OF_PROVIDER
from mailkeep.trust.graph import TrustGraph, overridden
from mailkeep.trust.types import Party, PartyKind
from mailkeep.trust.world import Carrier, Key, Lane, World, pairs

from .types import House, Live, Provider

#: Mailkeep's own parties, with what to call them.
OURS = {
    rules.MAILKEEP: "Mailkeep's process",
    rules.DATABASE: "Mailkeep's database",
    rules.KEYS: "Mailkeep's key files",
    rules.BACKUPS: "Mailkeep's backups",
}


#: Who signs operators in: it can say of anybody that they are one.
SIGN_ON = "operators.sign-on"


def operator_party(operator: str) -> str:
    """The party that is a person who may act at the console."""
    return f"operator:{operator}"


def secret_of(provider: str) -> str:
    """The party that is the API secret of a provider account."""
    return f"secret:{provider}"


def key_party(name: str) -> str:
    """The party that is an API key of ours."""
    return f"key:{name}"


def parties(house: House, live: Live) -> Mapping[str, Party]:
    """The register, with our own processes, stores, keys and secrets.

    Where the register has a table for one of them, it says who administers it and where it runs.
    """
    named = dict(OURS)
    named |= {secret_of(one.name): f"API secret of {one.name}" for one in house.providers}
    named |= {one.party: f"API key {one.party.partition(':')[2]}" for one in live.keys}
    named |= {
        f"{rules.CLIENT}{one.application}": f"client secret of {one.application}"
        for one in live.keys
        if one.application
    }
    out = dict(house.parties)
    for party, name in named.items():
        found = out.get(party, Party(party))
        out[party] = msgspec.structs.replace(found, name=found.name or name, kind=PartyKind.OURS)
    behind = (SIGN_ON,) if house.sign_on else ()
    for party in live.operators:
        name = f"Operator {party.partition(':')[2]}"
        out[party] = Party(party, name, kind=PartyKind.OURS, administered_by=behind)
    if behind:
        found = out.get(SIGN_ON, Party(SIGN_ON, kind=PartyKind.IDENTITY))
        out[SIGN_ON] = msgspec.structs.replace(found, name=found.name or house.sign_on)
    return out


def world(house: House, live: Live) -> World:
    """The input of the rules."""
    everybody = parties(house, live)
    recovery = house.recovery
    graph = TrustGraph(house.parties, lambda: live.today)
    carriers = tuple(
        Carrier(
            one.name,
            one.party,
            tuple(
                name
                for name, stream in house.streams.items()
                if any(route.provider == one.name for route in stream.routes)
            ),
            house.sending if one.domains is None else one.domains,
            stands=one.name in live.standing,
            returns=one.returns,
            texts=_texts(one, everybody[one.party]),
        )
        for one in house.providers
    )
    proofs = "" if recovery is None else recovery.stream
    split = {proofs} if recovery is None else {proofs, recovery.confirmations}
    degrades = recovery is not None and recovery.when_alone is WhenAlone.DEGRADE
    alone = recovery is not None and recovery.contact_points_alone
    return World(
        everybody,
        carriers,
        tuple(
            Lane(name, one.secret, opens=one.secret and name not in split)
            for name, one in house.streams.items()
        ),
        live.groups,
        (*live.keys, *(Key(one, (Scope.OPERATE.value,)) for one in _acting(house, live))),
        loosed=overridden(house.parties, live.today),
        proofs=proofs,
        notices="" if recovery is None else recovery.notices,
        pairs=pairs(carriers, proofs, graph) if proofs else (),
        degrades=recovery.hold_long if recovery is not None and degrades else None,
        without_factor=recovery.hold_alone if recovery is not None and alone else None,
        site=house.site,
        sending=house.sending,
        secrets={one.name: secret_of(one.name) for one in house.providers},
    )


def _texts(provider: Provider, party: Party) -> bool:
    """Whether it carries text messages. A provider whose kind carries mail does not, whatever its
    party is said to be: codes would be thought to go where they do not."""
    house = OF_PROVIDER.get(provider.kind)
    mails = house is not None and HOUSES[house].kind is PartyKind.MAIL
    return party.kind is PartyKind.SMS and not mails


def _acting(house: House, live: Live) -> tuple[str, ...]:
    """Who acts as an operator without an API key."""
    return live.operators + ((SIGN_ON,) if house.sign_on else ())


def held(house: House, account_class: str) -> tuple[bool, float]:
    """Whether a class recovers by mail, and for how many seconds it waits."""
    policy = house.classes.of(account_class)
    return policy.recovers_by_mail, policy.recovery_hold / SECOND
