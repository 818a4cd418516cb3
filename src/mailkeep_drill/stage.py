"""Runs the drill: starts the mail server and the systems, on one clock."""

import asyncio
import random
import runpy
import time
from collections.abc import Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from .cast import people
from .ending import check
from .mailboxes import Mailboxes
from .plan import FAST, USUAL, Plan
from .processes import Child, free_port
from .record import Facts
from .script import Run
from .systems.base import System
from .systems.mailkeep import Mailkeep
from .systems.ordinary import Ordinary

ALL = 20  #: runs at once: more than there are
_FEW = 12  # customers of the run that only falls silent: nobody attacks them


@dataclass(frozen=True, slots=True)
class Options:
    """What the command line says. ``at_once``: runs that are played beside each other; a machine
    that has too many of them starves all, and what is measured then is the machine."""

    customers: int = 200
    attacked: int = 40
    reader: str = "both"
    rate: float = 2.0
    fast: bool = False
    seed: int = 8
    kills: int = 0
    ordinary: bool = True
    scenario: Path | None = None
    at_once: int = ALL

    @property
    def plan(self) -> Plan:
        """The script's instants."""
        return FAST if self.fast else USUAL


@dataclass(frozen=True, slots=True)
class Part:
    """One run of a drill.

    Attributes:
        key: short, used in file names and addresses: letters, digits and "-".
        fallen: letter of the provider that falls.
        thief: whether somebody reads there.
        system: "mailkeep", or "ordinary": a stock site with one provider.
        asleep: nobody acts on what the system says before a customer has complained.
        run: what happens.
        plan: when; None: as the options say.
    """

    key: str
    title: str
    fallen: str
    thief: bool
    system: Literal["mailkeep", "ordinary"]
    asleep: bool = False
    run: type[Run] = Run
    plan: Plan | None = None


def load(file: Path) -> Part:
    """The scenario of a file of Python, its ``PART``.

    Raises:
        ValueError: it has none.
    """
    part = runpy.run_path(str(file)).get("PART")
    if not isinstance(part, Part):
        raise ValueError(f"{file} has no PART that is a Part")
    return part


def parts(options: Options) -> list[Part]:
    """The runs: a scenario alone; else the ordinary set-up, ours for each reader while nobody
    looks, ours where somebody acts at once, ours with a provider fallen silent."""
    if options.scenario is not None:
        return [load(options.scenario)]
    chosen = [Part("ordinary", "Ordinary set-up", "A", True, "ordinary")]
    if not options.ordinary:
        chosen = []
    for letter in ("a", "b") if options.reader == "both" else (options.reader,):
        title = f"Mailkeep, thief at {letter.upper()}"
        key = f"mailkeep-{letter}"
        chosen.append(Part(key, title, letter.upper(), True, "mailkeep", asleep=True))
    if options.reader == "both":
        title = "Mailkeep, thief at A, acted on at once"
        chosen.append(Part("mailkeep-awake", title, "A", True, "mailkeep"))
    chosen.append(Part("mailkeep-silent", "Mailkeep, A falls silent", "A", False, "mailkeep"))
    return chosen


class Stage:
    """Everything that runs during a drill.

    Args:
        home: a directory for databases and logs.
    """

    def __init__(self, options: Options, home: Path) -> None:
        self.options = options
        self.home = home
        self.runs: list[Run] = []
        self.t0 = 0.0
        self._stack = AsyncExitStack()

    async def open(self) -> None:
        """Start the mail server and cast the runs; no system is up yet."""
        chosen = parts(self.options)
        listeners = {part.key: free_port() for part in chosen if part.system == "mailkeep"}
        forward = [f"--forward={_canary(key)}=127.0.0.1:{port}" for key, port in listeners.items()]
        host = await self._stack.enter_async_context(
            Child("mailkeep_drill.mailhost", *forward, log=self.home / "mailhost.log")
        )
        mailboxes = await self._stack.enter_async_context(Mailboxes(host.ready["http"]))
        persons = people(self.options.customers, random.Random(self.options.seed))
        for part in chosen:
            home = self.home / part.key
            home.mkdir()
            deliver = host.ready["smtp"]
            system: System
            if part.system == "ordinary":
                system = Ordinary(part.key, part.title, mailboxes, deliver, home)
            else:
                listen = listeners[part.key]
                canary = _canary(part.key)
                system = Mailkeep(part.key, part.title, mailboxes, deliver, home, canary, listen)
            self._stack.push_async_callback(system.stop)
            self.runs.append(
                part.run(
                    system,
                    persons if part.thief else persons[:_FEW],
                    part.plan or self.options.plan,
                    fallen=part.fallen,
                    thief=part.thief,
                    attacked=self.options.attacked,
                    rate=self.options.rate,
                    kills=self.options.kills if part.system == "mailkeep" else 0,
                    seed=self.options.seed,
                    asleep=part.asleep,
                )
            )

    async def play(self) -> list[Facts]:
        """Play all runs, some of them on one clock at a time; returns what happened."""
        for first in range(0, len(self.runs), self.options.at_once):
            self.t0 = 0.0
            await self._play(self.runs[first : first + self.options.at_once])
        return [run.facts for run in self.runs]

    async def _play(self, runs: Sequence[Run]) -> None:
        """Set everything up, play, check, and end what was played against."""
        async with asyncio.TaskGroup() as group:
            for run in runs:
                group.create_task(run.prepare())
        self.t0 = time.time() + 2.0
        async with asyncio.TaskGroup() as group:
            for run in runs:
                group.create_task(run.play(self.t0))
        async with asyncio.TaskGroup() as group:
            for run in runs:
                group.create_task(check(run))
        for run in runs:
            await run.system.stop()

    async def close(self) -> None:
        """End every process."""
        await self._stack.aclose()


def _canary(key: str) -> str:
    return f"canary-{key}.example"
