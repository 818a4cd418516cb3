"""What we can observe at each party: sign-ins, key use, exports, changes, reads (pure).

Where nobody looks, an act is a blind spot, whatever a detector could make of it.
"""

import enum
from collections.abc import Iterable

import msgspec

from mailkeep.providers.posture import registry
from mailkeep.providers.posture.types import Kind
from mailkeep.trust.types import Party, PartyKind

from .types import House


class Act(enum.StrEnum):
    """An act at a third party that concerns us."""

    SIGN_IN = "sign-in"  #: somebody signs in to our account there, or gets access to it
    KEY_USE = "key use"  #: a key of ours is used by somebody else
    EXPORT = "export"  #: our mail or our recipients are taken away
    CHANGE = "setting change"  #: keys, senders, webhooks, DNS records become others
    READ = "content read"  #: somebody reads the mail


class Sight(msgspec.Struct, frozen=True):
    """Whether an act is seen. ``how``: by what, and after how long; or why it is not."""

    party: str
    act: Act
    seen: bool
    how: str


#: Which lists of an account show an act. No provider's API tells of sign-ins: who can sign in is
#: the nearest to it.
_LISTS = {
    Act.SIGN_IN: (Kind.USER,),
    Act.EXPORT: (Kind.EXPORT,),
    Act.CHANGE: (Kind.KEY, Kind.SENDER, Kind.WEBHOOK, Kind.DOMAIN),
    Act.READ: (Kind.READING,),
}


def visible(house: House, parties: Iterable[Party], interval: str) -> list[Sight]:
    """What is seen of every party, act by act.

    Args:
        interval: how often accounts at providers are read, in words.
    """
    out = []
    for party in parties:
        mine = [one for one in house.providers if one.party == party.id]
        for act in Act:
            out.append(_sight(house, party, mine and mine[0].name, act, interval))
    return out


def share(sights: Iterable[Sight]) -> int:
    """Per mille of the acts that are seen."""
    every = list(sights)
    return round(1000 * sum(one.seen for one in every) / len(every)) if every else 1000


#: Acts as audit logs of others have them.
_TOLD = {
    Act.SIGN_IN: ("sign_in",),
    Act.CHANGE: ("key", "user", "change", "dns"),
}


def _sight(house: House, party: Party, provider: object, act: Act, interval: str) -> Sight:
    told = house.consoles.get(party.id, {})
    logs = sorted({log for word in _TOLD.get(act, ()) for log in told.get(word, ())})
    if logs:
        return Sight(party.id, act, True, f"the audit log {', '.join(logs)}, as soon as it tells")
    if party.kind is PartyKind.OURS:
        seen = act in {Act.CHANGE, Act.SIGN_IN, Act.EXPORT}
        how = "the audit chain, at once" if seen else "no record is kept of it"
        return Sight(party.id, act, seen, how)
    if not isinstance(provider, str):
        return Sight(party.id, act, False, "nothing of ours looks there")
    if act is Act.KEY_USE:
        watcher = house.watchers.get("unknown_message")
        if not next(one.heard for one in house.providers if one.name == provider):
            return Sight(party.id, act, False, f"no webhooks of {provider} are read")
        seen = watcher is not None and not watcher.off
        delay = watcher.delay if seen and watcher is not None else "its detector is off"
        return Sight(party.id, act, seen, f"mail that we never sent: {delay}")
    if provider not in house.accounts_read:
        return Sight(party.id, act, False, f"our account {provider} is not read ([posture])")
    kind = next(one.kind for one in house.providers if one.name == provider)
    blind = registry.blind(kind)
    seen_lists = [of.value for of in _LISTS[act] if of not in blind]
    if seen_lists:
        return Sight(party.id, act, True, f"{', '.join(seen_lists)} read every {interval}")
    return Sight(party.id, act, False, blind[_LISTS[act][0]])
