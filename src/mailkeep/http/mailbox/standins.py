"""A client of the stand-in providers' control ports: reads and switches their faults.

The addresses come from whoever started the stand-ins, on this machine; no request can name one.
"""

import asyncio
from typing import Any

import msgspec

from mailkeep.base.clock import SECOND, Instant
from mailkeep.base.errors import Invalid, NotFound, Unavailable
from mailkeep.http.port import StandInView

PATIENCE_SECONDS = 3.0
BY_HAND = "set by hand"


class Choice(msgspec.Struct, frozen=True):
    """One way to turn a fault on."""

    label: str
    value: Any


class Fault(msgspec.Struct, frozen=True):
    """A fault that a stand-in can have, in words."""

    name: str
    title: str
    meaning: str
    choices: tuple[Choice, ...]


class On(msgspec.Struct, frozen=True):
    """A fault that a stand-in has."""

    fault: Fault
    label: str
    since: Instant


class Look(msgspec.Struct, frozen=True):
    """A stand-in now. ``on`` None: it does not answer."""

    name: str
    faults: tuple[Fault, ...]
    on: tuple[On, ...] | None

    def has(self, fault: str) -> On | None:
        return next((one for one in self.on or () if one.fault.name == fault), None)


class _State(msgspec.Struct):
    faults: dict[str, dict[str, Any]]
    since: dict[str, float]


class StandIns:
    """Args:
    views: those that run; none in production.
    """

    def __init__(self, views: tuple[StandInView, ...]) -> None:
        self._views = {one.name: one for one in views}
        self._catalogues: dict[str, tuple[Fault, ...]] = {}

    async def look(self) -> list[Look]:
        """Every stand-in with its faults."""
        return list(await asyncio.gather(*(self._one(view) for view in self._views.values())))

    async def switch(self, name: str, fault: str, choice: str | None) -> None:
        """Turn a fault on as one of its choices says, or off (None).

        Raises:
            NotFound: no such stand-in, or no such fault.
            Invalid: no such choice.
            Unavailable: the stand-in does not answer.
        """
        view = self._view(name)
        known = {one.name: one for one in await self._catalogue(view)}
        if fault not in known:
            raise NotFound(f"{name} has no such fault")
        value: Any = None
        if choice is not None:
            values = {one.label: one.value for one in known[fault].choices}
            if choice not in values:
                raise Invalid(f"no such choice; there are {', '.join(values)}", field="choice")
            value = values[choice]
        await self._call(view, "POST", "/faults", {fault: value})

    async def clear(self) -> None:
        """Turn every fault of every stand-in off. Raises ``Unavailable``."""
        await asyncio.gather(
            *(self._call(view, "DELETE", "/faults") for view in self._views.values())
        )

    def _view(self, name: str) -> StandInView:
        if name not in self._views:
            raise NotFound("no such stand-in")
        return self._views[name]

    async def _one(self, view: StandInView) -> Look:
        try:
            faults = await self._catalogue(view)
            state = msgspec.convert(await self._call(view, "GET", "/state"), _State)
        except Unavailable:
            return Look(view.name, self._catalogues.get(view.name, ()), None)
        on = tuple(
            On(one, _label(one, state.faults[one.name]), round(state.since[one.name] * SECOND))
            for one in faults
            if one.name in state.faults
        )
        return Look(view.name, faults, on)

    async def _catalogue(self, view: StandInView) -> tuple[Fault, ...]:
        if view.name not in self._catalogues:
            found = await self._call(view, "GET", "/catalogue")
            self._catalogues[view.name] = msgspec.convert(found, tuple[Fault, ...])
        return self._catalogues[view.name]

    async def _call(self, view: StandInView, method: str, path: str, body: Any = None) -> Any:
        import aiohttp

        patience = aiohttp.ClientTimeout(total=PATIENCE_SECONDS)
        try:
            async with (
                aiohttp.ClientSession(timeout=patience) as session,
                session.request(method, view.control + path, json=body) as reply,
            ):
                if reply.status != 200:
                    raise Unavailable(f"the {view.name} stand-in refused that")
                return await reply.json()
        except (aiohttp.ClientError, TimeoutError, OSError, ValueError) as error:
            raise Unavailable(f"the {view.name} stand-in does not answer") from error


def _label(fault: Fault, state: dict[str, Any]) -> str:
    """Which of its choices a fault is on with; plain ones fit where no other does."""
    plain = BY_HAND
    for one in fault.choices:
        if not isinstance(one.value, dict):
            plain = one.label
        elif all(state.get(name) == value for name, value in one.value.items()):
            return one.label
    return plain
