"""One running system for one set of capabilities: an account of each kind, attacked at once."""

import asyncio
import random
import tempfile
import time
from contextlib import AsyncExitStack, suppress
from pathlib import Path

from mailkeep_drill.cast import passwords, thief_sources
from mailkeep_drill.mailboxes import Mailboxes
from mailkeep_drill.processes import Child, free_port
from mailkeep_drill.systems.base import Failed, System
from mailkeep_drill.systems.delegated import Delegated
from mailkeep_drill.systems.mailkeep import Mailkeep
from mailkeep_drill.systems.ordinary import Ordinary

from . import doors
from .at_delegated import DelegatedThief
from .at_mailkeep import MailkeepThief
from .at_ordinary import OrdinaryThief
from .eyes import Eyes
from .thief import Thief
from .victims import comes_back, open_account
from .words import DELEGATED, Can, Cell, Kind

PATIENCE = 180.0  #: seconds in which an owner must be back: what is stated, and what they take
RESET = 45.0  #: seconds of one try
OUTLAST = 6.0  #: longer than anything is held here
#: What is hours and days is seconds here: it cannot be waited for.
BRIEF = {
    "recovery": {"freeze": 4.0, "hold": 4.0, "hold_long": 4.0},
    "accounts.class.customer": {"change_hold": 4.0},
}
_CANARY = "canary.example"
_THIEVES: dict[type[System], type[Thief]] = {
    Ordinary: OrdinaryThief,
    Mailkeep: MailkeepThief,
    Delegated: DelegatedThief,
}


async def play(can: frozenset[Can], kinds: list[Kind], seed: int, *, stock: bool) -> list[Cell]:
    """Open an account of each kind, attack all, let their owners come back; the cells.

    Args:
        can: what the attacker can do.
        seed: of what is drawn by chance on this side.
        stock: at a stock allauth site instead of Mailkeep.
    """
    chance = random.Random(seed)
    async with AsyncExitStack() as stack:
        home = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="matrix-")))
        listen = free_port()
        forward = f"--forward={_CANARY}=127.0.0.1:{listen}"
        host = await stack.enter_async_context(
            Child("mailkeep_drill.mailhost", forward, log=home / "mailhost.log")
        )
        mailboxes = await stack.enter_async_context(Mailboxes(host.ready["http"]))
        smtp = host.ready["smtp"]
        first: System
        if stock:
            first = Ordinary("matrix", "Ordinary set-up", mailboxes, smtp, home)
        else:
            first = Mailkeep(
                "matrix", "Mailkeep", mailboxes, smtp, home, _CANARY, listen, brief=BRIEF
            )
        await _started(stack, first)
        site = Delegated(first, home) if isinstance(first, Mailkeep) else first
        if isinstance(site, Delegated) and DELEGATED.intersection(kinds):
            await _started(stack, site)
        draw, source = passwords(chance), thief_sources()
        victims = [
            (
                system := site if kind in DELEGATED else first,
                await open_account(system, kind, number, chance, draw()),
            )
            for number, kind in enumerate(kinds)
        ]
        eyes = Eyes(can, first.providers, mailboxes)
        await eyes.open()
        stack.push_async_callback(eyes.close)
        if Can.DROPS_A in can:
            await first.providers["A"].fault(accept_and_drop=True)
        cells = []
        for system, victim in victims:
            thief = _THIEVES[type(system)](can, eyes, victim, system.url, source(), draw(), OUTLAST)
            cells.append(_cell(system, home, thief, draw()))
        return await asyncio.gather(*cells)


async def _started(stack: AsyncExitStack, system: System) -> None:
    stack.push_async_callback(system.stop)
    await system.start()


async def _cell(system: System, home: Path, thief: Thief, password: str) -> Cell:
    can, victim = thief.can, thief.victim
    how = await doors.work(can, system, home, victim, thief)
    if how or await thief.attack():
        return Cell(can, victim.kind, True, how or thief.how)
    back = await _back(system, thief, password)
    if Can.SESSION in can and back is not None and await thief.inside(thief.stolen()):
        return Cell(can, victim.kind, True, "the stolen session outlived the owner's return")
    return Cell(can, victim.kind, False, thief.how, back)


async def _back(system: System, thief: Thief, password: str) -> float | None:
    """How long the owner takes to get in while the attacker goes on; None: too long."""
    began = time.monotonic()
    harassing = asyncio.create_task(_harass(thief))
    try:
        while (left := PATIENCE - (time.monotonic() - began)) > 0:
            with suppress(Failed):
                if await comes_back(system, thief.victim, password, min(RESET, left)):
                    return time.monotonic() - began
            await asyncio.sleep(1.0)
    finally:
        harassing.cancel()
        await asyncio.gather(harassing, return_exceptions=True)
    return None


async def _harass(thief: Thief) -> None:
    while True:
        await thief.harass()
        await asyncio.sleep(0.5)
