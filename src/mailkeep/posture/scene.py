"""Builds the rules' input from the settings and the database: parties, ways of mail, groups of
accounts (pure)."""

from collections.abc import Iterable, Mapping

import msgspec

from mailkeep.base.clock import SECOND
from mailkeep.mail.grants import Scope
from mailkeep.recovery.types import WhenAlone
from mailkeep.trust import register, rules
from mailkeep.trust.catalogue import HOUSES, shown_by
from mailkeep.trust.graph import TrustGraph, overridden
from mailkeep.trust.types import Party, PartyKind
from mailkeep.trust.world import Carrier, Key, Lane, World, pairs, with_custody

from .types import Live, Provider, TrustConfiguration

#: Mailkeep's own parties, with what to call them.
OURS = {
    rules.MAILKEEP: "Mailkeep's process",
    rules.DATABASE: "Mailkeep's database",
    rules.KEYS: "Mailkeep's key files",
    rules.BACKUPS: "Mailkeep's backups",
}


_MAKERS = {"manager": "Key that makes keys", "reading": "Reading key, which can send,"}


def operator_party(operator: str) -> str:
    """The party that is a person who may act at the console."""
    return f"operator:{operator}"


def secret_of(provider: str) -> str:
    """The party that is the API secret of a provider account."""
    return f"secret:{provider}"


def manager_of(provider: str) -> str:
    """The party that is the key which makes keys at a provider."""
    return f"manager:{provider}"


def reading_of(provider: str) -> str:
    """The party that is the key which reads our account at a provider."""
    return f"reading:{provider}"


def hook_of(provider: str) -> str:
    """The party that is the secret by which a provider's webhooks are believed."""
    return f"webhook:{provider}"


def accounts(providers: Iterable[Provider]) -> list[tuple[str, str, tuple[str, ...]]]:
    """The name of each account, its party, and those of its keys, for ``with_custody``."""
    return [(one.name, one.party, (secret_of(one.name), *one.makers)) for one in providers]


def key_party(name: str) -> str:
    """The party that is an API key of ours."""
    return f"key:{name}"


def parties(house: TrustConfiguration, live: Live) -> Mapping[str, Party]:
    """The register, with our own processes, stores, keys and secrets.

    Where the register has a table for one of them, it says who administers it and where it runs.
    """
    named = dict(OURS)
    named |= {secret_of(one.name): f"API secret of {one.name}" for one in house.providers}
    named |= {one.hook: f"Webhook secret of {one.name}" for one in house.providers if one.hook}
    named |= {
        key: f"{_MAKERS[key.partition(':')[0]]} of {one.name}"
        for one in house.providers
        for key in one.makers
    }
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
    behind = (rules.SIGN_ON,) if house.sign_on else ()
    for party in live.operators:
        name = f"Operator {party.partition(':')[2]}"
        found = out.get(party, Party(party))
        out[party] = msgspec.structs.replace(
            found,
            name=found.name or name,
            kind=PartyKind.OURS,
            administered_by=tuple(dict.fromkeys((*found.administered_by, *behind))),
        )
    if behind:
        _sign_on(out, house.sign_on)
    _unsaid(out, house, live)
    return out


def former(house: TrustConfiguration, live: Live) -> dict[str, str]:
    """The party of each provider that carries nothing any more and was given addresses: as the
    settings say, or, where they say nothing of it, the party that is called so."""
    here = {one.name for one in house.providers}
    given = sorted({provider for provider, _before, count in live.given if count})
    return {one: one for one in given if one not in here} | dict(house.left)


def _unsaid(parties: dict[str, Party], house: TrustConfiguration, live: Live) -> None:
    """Add the parties that only the ledger knows, by the names that their providers had."""
    for party in former(house, live).values():
        if party not in parties:
            known = HOUSES[party].party() if party in HOUSES else Party(party, kind=PartyKind.MAIL)
            parties[party] = known
    register.add_known(parties)


def _sign_on(parties: dict[str, Party], host: str) -> None:
    """Add who signs operators in: whoever the register says, and the house whose name it is at."""
    found = parties.get(rules.SIGN_ON, Party(rules.SIGN_ON, kind=PartyKind.IDENTITY))
    shown = shown_by(host)
    theirs: tuple[str, ...] = ()
    if shown is not None:
        known = (one.id for one in parties.values() if one.known == shown.id)
        theirs = tuple(one for one in known if one != rules.SIGN_ON) or (shown.id,)
    parties[rules.SIGN_ON] = msgspec.structs.replace(
        found,
        name=found.name or host,
        owned_by=tuple(dict.fromkeys((*found.owned_by, *theirs))),
    )
    register.add_known(parties)


def world(house: TrustConfiguration, live: Live) -> World:
    """The input of the rules."""
    everybody = parties(house, live)
    recovery = house.recovery
    proofs = "" if recovery is None else recovery.stream
    custody = with_custody(house.parties, accounts(house.providers), proofs)
    graph = TrustGraph(custody, lambda: live.today)
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
            rests=one.name in live.resting,
            returns=one.returns,
            texts=one.texts,
        )
        for one in house.providers
    )
    # They carry nothing, and keep the addresses that they were given.
    gone = tuple(Carrier(*one, (), stands=False) for one in former(house, live).items())
    split = {proofs} if recovery is None else {proofs, recovery.confirmations}
    degrades = recovery is not None and recovery.when_alone is WhenAlone.DEGRADE
    alone = recovery is not None and recovery.contact_points_alone
    return World(
        everybody,
        (*carriers, *gone),
        tuple(
            Lane(name, one.secret, opens=one.secret and name not in split)
            for name, one in house.streams.items()
        ),
        live.groups,
        (
            *live.keys,
            *(Key(one, (Scope.OPERATE.value,), person=True) for one in _acting(house, live)),
        ),
        loosed=overridden(house.parties, live.today),
        proofs=proofs,
        notices="" if recovery is None else recovery.notices,
        pairs=pairs(carriers, proofs, graph) if proofs else (),
        degrades=recovery.hold_long if recovery is not None and degrades else None,
        without_factor=recovery.hold_alone if recovery is not None and alone else None,
        site=house.site,
        sending=house.sending,
        secrets={one.name: secret_of(one.name) for one in house.providers},
        makers={one.name: one.makers for one in house.providers if one.makers},
        hooks={one.name: one.hook for one in house.providers if one.hook},
        shown=frozenset(one.name for one in house.providers if one.shown),
        sign_on=house.sign_on,
    )


def _acting(house: TrustConfiguration, live: Live) -> tuple[str, ...]:
    """Who acts as an operator without an API key."""
    return live.operators + ((rules.SIGN_ON,) if house.sign_on else ())


def held(house: TrustConfiguration, account_class: str) -> tuple[bool, float]:
    """Whether a class recovers by mail, and for how many seconds it waits."""
    policy = house.classes.of(account_class)
    return policy.recovers_by_mail, policy.recovery_hold / SECOND
