"""What we can observe at each party: sign-ins, key use, exports, changes, reads (pure).

Where nobody looks, an act is a blind spot, whatever a detector could make of it.
"""

import enum
from collections.abc import Iterable

import msgspec

from mailkeep.providers.posture import registry
from mailkeep.providers.posture.types import Kind
from mailkeep.trust import rules
from mailkeep.trust.types import Party, PartyKind

from .scene import secret_of
from .types import Provider, TrustConfiguration


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


#: Of ours those whose acts the audit chain tells of: what is copied leaves no entry in it.
_AUDITED = ("key:", "operator:")
_COPIED = "whoever copies it leaves no entry in the audit chain"
#: Detectors that see mail which somebody else sends with a key of ours.
_FOREIGN = ("unknown_message", "volume_mismatch")


def visible(house: TrustConfiguration, parties: Iterable[Party]) -> list[Sight]:
    """What is seen of every party, act by act."""
    return [_sight(house, party, act) for party in parties for act in Act]


def share(sights: Iterable[Sight]) -> int:
    """Per mille of the acts that are seen."""
    every = list(sights)
    return round(1000 * sum(one.seen for one in every) / len(every)) if every else 1000


#: Acts as audit logs of others have them.
_TOLD = {
    Act.SIGN_IN: ("sign_in",),
    Act.CHANGE: ("key", "user", "change", "dns"),
}


def _sight(house: TrustConfiguration, party: Party, act: Act) -> Sight:
    told = house.consoles.get(party.id, {})
    logs = sorted({log for word in _TOLD.get(act, ()) for log in told.get(word, ())})
    if logs:
        return Sight(party.id, act, True, f"the audit log {', '.join(logs)}, as soon as it tells")
    if party.kind is PartyKind.OURS:
        return Sight(party.id, act, *_ours(house, party.id, act))
    found = [_at(house, one, act) for one in house.providers if one.party == party.id]
    seen = [how for sees, how in found if sees] or [how for _, how in found]
    if not seen:
        return Sight(party.id, act, False, "nothing of ours looks there")
    return Sight(party.id, act, any(sees for sees, _ in found), "; ".join(dict.fromkeys(seen)))


def _ours(house: TrustConfiguration, party: str, act: Act) -> tuple[bool, str]:
    """Of Mailkeep's own parties the process, its API keys and its operators leave entries."""
    if party == rules.MAILKEEP or party.startswith(_AUDITED):
        if act in {Act.CHANGE, Act.SIGN_IN, Act.EXPORT}:
            return True, "the audit chain, at once"
        return False, "no record is kept of it"
    for one in house.providers:
        if party == secret_of(one.name) and act is Act.KEY_USE:
            return _at(house, one, act)
    return False, _COPIED


def _at(house: TrustConfiguration, provider: Provider, act: Act) -> tuple[bool, str]:
    """Whether an act at one account of ours is seen, and how."""
    name = provider.name
    if act is Act.KEY_USE:
        return _foreign(house, name)
    kind = house.accounts_read.get(name)
    if kind is None:
        return False, f"our account {name} is not read ([posture])"
    blind = registry.blind(kind)
    lists = [of.value for of in _LISTS[act] if of not in blind]
    if lists:
        return True, f"{', '.join(lists)} of {name} read every {house.read_every:g} seconds"
    return False, f"{name}: {blind[_LISTS[act][0]]}"


def _foreign(house: TrustConfiguration, name: str) -> tuple[bool, str]:
    why = []
    for one in (house.watchers[name] for name in _FOREIGN if name in house.watchers):
        if not one.off and (one.at is None or name in one.at):
            return True, f"mail that we never sent: {one.delay}"
        why.append(one.off or one.elsewhere.format(name))
    return False, "; ".join(why) or "nothing of ours looks there"
