"""Looks whether an item of a leave is done before a person's word is taken for it.

What can be seen is looked at: DNS, the settings, our account at the provider as it was last read,
and whether the provider still accepts the key that we send with. What cannot be seen is said in the
note that goes with the item, so that nobody takes a word for a look.

Security: a thief who left a key or a record behind says that it is gone. Nothing here is believed
of the provider but what speaks against it: that it refuses our key is its own word, and noted as
such.
"""

import os
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from mailkeep.base.clock import readable
from mailkeep.base.errors import BadSettings
from mailkeep.base.keys import KeyRing
from mailkeep.base.wording import counted
from mailkeep.cutover.checklist import Leaving
from mailkeep.cutover.looks import WORD, Seen
from mailkeep.cutover.offboarding import OffboardingView
from mailkeep.mail import queries as mail
from mailkeep.providers.allowance import Allowance
from mailkeep.providers.errors import UnknownProvider
from mailkeep.providers.posture import registry
from mailkeep.store.database import Database, Tx
from mailkeep.watch import posture

from . import provider_limits, wiring_cutover
from . import wiring_posture as posture_settings
from .provider_dns_records import asked
from .settings import Settings, provider_configs

if TYPE_CHECKING:
    from dns.asyncresolver import Resolver

#: By item of the list, the kinds of things in an account that are then gone.
KINDS: Mapping[str, tuple[str, ...]] = {
    "webhooks": ("webhook",),
    "templates": ("template",),
    "contacts": ("allow",),
    "archives": ("export",),
    "users": ("user",),
    "senders": ("sender", "domain"),
}
#: Of these an account holds more than is read.
PART = frozenset({"contacts", "archives", "users"})


class Ticking:
    """The looks of one installation.

    Args:
        ask: makes the resolver when it is needed; may raise ``BadSettings``.
        offline: why nobody outside is asked; "": they are.
        environ: where ``env:NAME`` secrets are looked up.
    """

    def __init__(
        self,
        settings: Settings,
        database: Database,
        keys: KeyRing,
        *,
        ask: Callable[[], "Resolver"],
        offline: str = "",
        environ: Mapping[str, str] = os.environ,
    ) -> None:
        self._settings = settings
        self._database = database
        self._keys = keys
        self._ask = ask
        self._offline = offline
        self._environ = environ

    async def known(self, tx: Tx, provider: str) -> Leaving:
        """What is known of a provider that is to be left. Raises ``BadSettings``: no such one."""
        return await wiring_cutover.leaving(tx, self._settings, self._keys, provider)

    async def look(self, view: OffboardingView, item: str) -> Seen:
        """What is seen of an item of a list. One that is not on it: nothing."""
        text = next((one.text for one in view.items if one.name == item), "")
        if item.startswith("dns."):
            return await self._record(text)
        if item in KINDS:
            return await self._account(view.provider, item)
        if item == "keys":
            return await self._key(view.provider)
        if item == "routes":
            return self._routes(view.provider)
        if item == "settings":
            return self._out(view.provider)
        return Seen()

    async def _record(self, text: str) -> Seen:
        from .doctor.records import Records  # DNS takes a while to import
        from .doctor.resolver import fill
        from .doctor.withdrawn import standing

        record, records = asked(text), Records()
        if record is None:
            return Seen(note=f"{WORD}its name is not known, or another provider needs it too")
        if self._offline:
            return Seen(note=f"{WORD}{self._offline}")
        await fill(records, lambda: standing(record, records), self._ask())
        found = standing(record, records)
        if found.kinds:
            return Seen(f"{record.name} ({found.words}) still stands in DNS")
        if found.unknown:
            return Seen(note=f"{WORD}DNS did not answer about {record.name}")
        return Seen(note=f"gone from DNS{f', but {found.aside}' if found.aside else ''}")

    async def _account(self, provider: str, item: str) -> Seen:
        """By the last reading of our account: another one comes by itself."""
        async with self._database.read() as tx:
            account = await posture.view(tx, self._keys, provider)
        kinds = KINDS[item]
        if account.read_at is None:
            return Seen(note=f"{WORD}our account there is not read")
        at = f"{readable(account.read_at)[:16]} UTC"
        there = sum(len(account.items.get(kind, ())) for kind in kinds)
        if there:
            has = counted(there, f"{item.removesuffix('s')} was", f"{item} were")
            return Seen(f"{has} there when our account was last read ({at})")
        if not self._is_read(provider, account, kinds):
            return Seen(note=f"{WORD}no list of {item} is read there")
        more = "; it may hold more than is read" if item in PART else ""
        return Seen(note=f"none seen at {at}{more}")

    def _is_read(self, provider: str, account: posture.View, kinds: tuple[str, ...]) -> bool:
        """Whether every list with such things was read, and the last time as well."""
        try:
            module = registry.get(posture_settings.kind_of(self._settings, provider))
        except UnknownProvider:
            return False
        lists = [name for name, of in module.lists.items() if any(one.value in kinds for one in of)]
        states = [account.lists.get(name) for name in lists]
        return bool(states) and all(
            one is not None and one.read and not one.failures for one in states
        )

    async def _key(self, provider: str) -> Seen:
        if self._offline:
            return Seen(note=f"{WORD}{self._offline}")
        async with self._database.read() as tx:
            cut = set(await mail.cut(tx))
        try:
            config = provider_configs(self._settings, self._environ)[provider]
            found = (await provider_limits.limits({provider: config}, 0, cut))[provider]
        except (BadSettings, KeyError):
            return Seen(note=f"{WORD}we have no key for it any more")
        if isinstance(found.told, Allowance):
            return Seen(f"{provider} still accepts the key that we send with")
        if found.refused:
            return Seen(note=f"{provider} says that it refuses our key; of others nothing is seen")
        return Seen(note=f"{WORD}{found.told}")

    def _routes(self, provider: str) -> Seen:
        streams = [
            name
            for name, one in self._settings.streams().items()
            if any(route.provider == provider for route in one.routes)
        ]
        if streams:
            return Seen(f"the settings still give {provider} a route in {', '.join(streams)}")
        return Seen(note="no route in the settings")

    def _out(self, provider: str) -> Seen:
        if provider in self._settings.provider_names():
            return Seen(f"the settings still have a [[provider]] table of {provider}")
        if provider not in {one.name for one in self._settings.left}:
            return Seen(f"the settings have no [[left]] table of {provider}")
        return Seen(note="[[left]] in the settings")
