"""Deletes what our account at a provider still holds, when that provider is left for good.

The key for it is passed in once and stored nowhere: a stored key that can empty an account could be
stolen to do so. The account is read before and after, and only what is seen to be gone counts.
"""

import os
from collections.abc import Callable, Collection, Mapping

import msgspec

from mailkeep.base.clock import Clock
from mailkeep.base.errors import Conflict
from mailkeep.providers.posture import registry
from mailkeep.providers.posture.emptying import DELETES, SETTINGS, trouble
from mailkeep.providers.posture.types import AccountConfig, Item, Kind, Trouble
from mailkeep.watch.collectors.posture import Carry, collect

from . import wiring_posture
from .settings import Settings

#: By what is read there, the item of the list that it belongs to.
ITEMS: Mapping[Kind, str] = {
    Kind.WEBHOOK: "webhooks",
    Kind.TEMPLATE: "templates",
    Kind.ALLOW: "contacts",
    Kind.USER: "users",
    Kind.SENDER: "senders",
    Kind.DOMAIN: "senders",
}
#: Of these nothing else is to be done once none is seen any more.
WHOLE = frozenset({"webhooks", "templates"})
GAP = 0.2  #: seconds between two requests
MOST = 2000  #: items at one go


class Held(msgspec.Struct, frozen=True):
    """Our data in a provider's account.

    Attributes:
        goes: what its API deletes.
        stays: how many there are, by item of the list, that only a person deletes.
        read: how many lists could be read.
        unread: lists that could not be read, and why.
        unseen: items of the list of which something may be there that was not read.
    """

    goes: tuple[Item, ...]
    stays: Mapping[str, int]
    read: int
    unread: Mapping[str, Trouble]
    unseen: frozenset[str]

    def counted(self) -> dict[str, int]:
        """How many entries would be deleted, by checklist item."""
        out: dict[str, int] = {}
        for one in self.goes:
            out[ITEMS[one.kind]] = out.get(ITEMS[one.kind], 0) + 1
        return out

    def is_empty(self, item: str) -> bool:
        """Whether nothing of an item of the list is there any more, as far as is read."""
        return item not in {*self.counted(), *self.stays, *self.unseen}


def account(
    settings: Settings, name: str, key: str, environ: Mapping[str, str] = os.environ
) -> AccountConfig:
    """The account of a provider, with a key that may delete.

    Args:
        key: where it is: ``env:NAME`` or ``file:PATH``.

    Raises:
        BadSettings: the key is not there.
        Conflict: no API that we speak deletes anything there.
    """
    config = wiring_posture.with_key(settings, name, key, environ)
    if config.kind not in DELETES:
        known = ", ".join(sorted(DELETES))
        raise Conflict(
            f"no API that we speak empties an account of kind {config.kind!r}; there are {known}"
            " (for a relay, [[posture.account]] kind says whose it is)"
        )
    return config


async def look(config: AccountConfig, carry: Carry, clock: Clock, items: Collection[str]) -> Held:
    """What the account holds of ``items`` of the list."""
    module = registry.get(config.kind)
    delete = DELETES[config.kind]
    found = await collect(module, config, carry, clock=clock, gap=GAP)
    goes: list[Item] = []
    stays: dict[str, int] = {}
    unread: dict[str, Trouble] = {}
    unseen: set[str] = set()
    read = 0
    for name, several in found.items():
        about = {ITEMS[kind] for kind in module.lists[name] if kind in ITEMS} & set(items)
        if isinstance(several, Trouble):
            if about:
                unread[name] = several
                unseen |= about
            continue
        read += bool(about)
        for one in several:
            item = ITEMS.get(one.kind)
            if item is None or item not in items or one.id in SETTINGS.get(config.kind, ()):
                continue
            if delete(config, one) is not None and len(goes) < MOST:
                goes.append(one)
            else:
                stays[item] = stays.get(item, 0) + 1
    return Held(tuple(goes), stays, read, unread, frozenset(unseen))


async def empty(
    config: AccountConfig, held: Held, carry: Carry, at: Callable[[int, int], None]
) -> dict[Trouble, int]:
    """Delete the entries one after the other; returns how many failed, by reason. An entry that is
    gone already counts as deleted, so it can be run again from wherever it stopped.

    Args:
        at: is told how many are done, of how many.
    """
    failed: dict[Trouble, int] = {}
    delete = DELETES[config.kind]
    for number, one in enumerate(held.goes, 1):
        request = delete(config, one)
        if request is not None and (why := trouble(await carry(request))) is not None:
            failed[why] = failed.get(why, 0) + 1
            if why is Trouble.REFUSED:
                break  # the key may not: the rest would be refused as well
        at(number, len(held.goes))
    return failed
