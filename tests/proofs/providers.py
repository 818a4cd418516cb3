"""Everything that a provider can do to us, one after the other, under a steady load.

Two stand-ins behind each stream: the first carries, the second stands by; the first has a fault for
a while. Bulk goes out steadily, with recovery mail between. Usage: ``python
tests/proofs/providers.py [SECONDS]``: how long each fault lasts. Prints the report in Markdown.
"""

import asyncio
import json
import math
import os
import subprocess
import sys
import tempfile
import time
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from pathlib import Path

import aiohttp
import common

from mailkeep_drill.systems.providers import Provider

BULK, RECOVERY = 8.0, 3.0  #: messages a second
CALM = 3.0  #: seconds without a fault before the next one
NOTICE = 30.0  #: seconds until a silence that nothing has noticed is a person's to end
BACK = 60.0  #: seconds within which the first must carry again once its fault is over
CANARIES = "canary.example"


@dataclass(frozen=True, slots=True)
class Case:
    """A fault, as the stand-ins' ``/faults`` takes it.

    Attributes:
        both: the standby has it too.
        silent: answers are good, so nothing fails over before somebody sees that mail is missing.
    """

    title: str
    fault: dict[str, object]
    both: bool = False
    silent: bool = False


CASES = (
    Case("none", {}),
    Case("slow, 2 s", {"slow": {"seconds": 2}}),
    Case("hangs", {"hang": True}),
    Case("500", {"fail": {"status": 500}}),
    Case("500, and has taken it", {"fail": {"status": 500, "takes": True}}),
    Case("429, Retry-After 8", {"throttle": {"retry_after": 8}}),
    Case("401", {"refuse_key": True}),
    Case("suspended, says so", {"suspend": True}),
    Case("suspended, swallows behind 200", {"suspend": {"kind": "silent"}}, silent=True),
    Case("connection reset", {"reset": True}),
    Case("half an answer", {"reset": {"half": True}}),
    Case("both down", {"fail": {"status": 503}}, both=True),
)


@dataclass(slots=True)
class Found:
    """What a case showed; instants of ``time.monotonic``, by message id where there are several."""

    case: Case
    began: float = 0.0
    ended: float = 0.0
    bulk: dict[str, float] = field(default_factory=dict)
    recovery: dict[str, float] = field(default_factory=dict)
    refused: int = 0
    by: str = "itself"
    back: float | None = None

    def all(self) -> dict[str, float]:
        return self.bulk | self.recovery


def settings(url: str, providers: list[Provider], folder: Path, listen: int) -> str:
    lines = [f'public_url = "{url}"', ""]
    for one in providers:
        name = one.letter
        for kind, secret in (("key", one.key), ("hook", one.hook_key)):
            (folder / f"{name}.{kind}").write_text(secret)
            (folder / f"{name}.{kind}").chmod(0o600)
        lines += ["[[party]]", f'id = "{name}"', "", "[[provider]]", f'name = "{name}"']
        lines += [f'kind = "{one.kind}"', f'party = "{name}"', f'base_url = "{one.api}"']
        lines += [f'secret = "file:{folder / name}.key"']
        lines += [f'webhook_secret = "file:{folder / name}.hook"', ""]
    routes = '[{ provider = "first" }, { provider = "standby", weight = 0.0 }]'
    for name, priority in (("recovery", 0), ("alert", 2), ("bulk", 9)):
        lines += ["[[stream]]", f'name = "{name}"', f"priority = {priority}", f"routes = {routes}"]
    lines += ["", "[canary]", f'domain = "{CANARIES}"', 'sender = "us@example.com"']
    lines += [f'listen = "127.0.0.1:{listen}"', "interval = 2.0", 'allow = ["example.com"]', ""]
    return "\n".join(lines)


class Matrix:
    """One Mailkeep, its providers, and the load."""

    def __init__(self, home: Path, seconds: float) -> None:
        self._home = home
        self._seconds = seconds
        self.sinks = {"first": common.Sink(), "standby": common.Sink()}
        self.found: list[Found] = []
        self._providers: dict[str, Provider] = {}
        self._url = ""
        self._now = Found(Case("before", {}))
        self._over = asyncio.Event()
        self._http: aiohttp.ClientSession | None = None
        self._posts: set[asyncio.Task[None]] = set()

    async def run(self) -> None:
        """Every case, then wait until all has arrived."""
        async with AsyncExitStack() as stack:
            port, listen = common.free_port(), common.free_port()
            self._url = f"http://127.0.0.1:{port}"
            for (name, sink), kind in zip(
                self.sinks.items(), ("mandrill", "postmark"), strict=True
            ):
                sink.forward[CANARIES] = listen
                deliver = f"127.0.0.1:{await sink.start()}"
                stack.callback(sink.stop)
                hook = f"{self._url}/hooks/{name}"
                provider = Provider(name, kind, deliver, self._home.parent / f"{name}.log", hook)
                self._providers[name] = await stack.enter_async_context(provider)
            text = settings(self._url, list(self._providers.values()), self._home.parent, listen)
            (self._home / "mailkeep.toml").write_text(text)
            key = await common.make_key(self._home)
            process = await common.start(self._home, port, self._home.parent / "mailkeep.log")
            stack.push_async_callback(common.stop, process)
            self._http = await stack.enter_async_context(
                aiohttp.ClientSession(headers={"Authorization": f"Bearer {key}"})
            )
            loads = [
                asyncio.create_task(self._load("bulk", BULK)),
                asyncio.create_task(self._load("recovery", RECOVERY)),
            ]
            await asyncio.sleep(10.0)  # what is usual is learnt before the first fault
            for case in CASES:
                await self._case(case)
            self._over.set()
            await asyncio.gather(*loads, *self._posts)
            ids = {one for found in self.found for one in found.all()}
            await self._arrived(ids, common.PATIENCE_SECONDS + 60.0)
            await asyncio.sleep(3.0)

    async def _load(self, stream: str, rate: float) -> None:
        number, began = 0, time.monotonic()
        while not self._over.is_set():
            number += 1
            task = asyncio.create_task(self._post(stream, number))
            self._posts.add(task)
            task.add_done_callback(self._posts.discard)
            await asyncio.sleep(max(0.0, began + number / rate - time.monotonic()))

    async def _post(self, stream: str, number: int) -> None:
        now = self._now
        body = {"stream": stream, "from": "us@example.com", "to": f"c{number}@example.net"}
        body |= {"subject": f"{stream} {number}", "text": "x" * 1024}
        if self._http is None:
            raise RuntimeError("nothing runs")
        ids = now.bulk if stream == "bulk" else now.recovery
        try:
            async with self._http.post(f"{self._url}/v1/messages", json=body) as reply:
                if reply.status == 202:
                    ids[(await reply.json())["id"]] = time.monotonic()
                else:
                    now.refused += 1
        except (aiohttp.ClientError, OSError):
            now.refused += 1  # it was not acknowledged, so nothing was promised

    async def _case(self, case: Case) -> None:
        self._now = Found(case)  # what is sent in the calm before counts too
        await asyncio.sleep(CALM)
        struck = list(self._providers.values())[: 2 if case.both else 1]
        self._now = found = Found(case, began=time.monotonic())
        self.found.append(found)
        for one in struck:
            await one.fault(**case.fault)
        await asyncio.sleep(self._seconds)
        if case.silent and not await self._left(found, NOTICE - self._seconds):
            found.by = "a person"
            await self._command("providers", "cut", "first", "--reason", "it swallows mail")
            await asyncio.sleep(3.0)
        for one in struck:
            await one.fault(**dict.fromkeys(case.fault, False))
        found.ended = time.monotonic()
        self._now = Found(Case("after", {}))
        if found.by != "itself":
            await self._command("providers", "restore", "first")
        found.back = await self._carries(found.ended)
        print(f"{case.title}: back after {found.back}", file=sys.stderr)

    async def _left(self, found: Found, patience: float) -> bool:
        """Whether the standby carries by itself what the first would have, before long."""
        standby = self.sinks["standby"]
        return await common.until(lambda: first_of(found, standby) is not None, patience)

    async def _carries(self, since: float) -> float | None:
        """Seconds until the first carries something that was acknowledged after an instant."""
        sink, now = self.sinks["first"], self._now
        while time.monotonic() - since < BACK:
            at = first_of(now, sink)
            if at is not None:
                return at - since
            await asyncio.sleep(0.05)
        return None

    async def _arrived(self, ids: set[str], patience: float) -> None:
        first, standby = (sink.taken.keys() for sink in self.sinks.values())
        await common.until(lambda: ids <= first | standby, patience)

    async def _command(self, *words: str) -> None:
        process = await asyncio.create_subprocess_exec(
            *(common.MAILKEEP, *words, "--home", str(self._home)),
            stdout=subprocess.DEVNULL,
            stdin=subprocess.DEVNULL,
        )
        if await process.wait():
            raise RuntimeError(f"mailkeep {' '.join(words)} failed")


def first_of(found: Found, sink: common.Sink) -> float | None:
    """When a message that was acknowledged in a case first came to a sink."""
    return min((sink.first[one] for one in found.all() if one in sink.first), default=None)


def percentile(values: list[float], share: float) -> float:
    """By nearest rank; infinite where one never came."""
    return sorted(values)[max(0, math.ceil(share * len(values)) - 1)] if values else math.nan


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the report."""

    case: Case
    acknowledged: int
    lost: int
    doubled: int
    over: float | None
    median: float
    p99: float
    back: float | None
    by: str

    def wrong(self) -> list[str]:
        """What must not be (pure)."""
        out = []
        if self.lost or not self.acknowledged:
            out.append(f"{self.case.title}: {self.lost} of {self.acknowledged} lost")
        if self.back is None:
            out.append(f"{self.case.title}: the first does not carry again")
        return out

    def line(self) -> str:
        """As Markdown (pure)."""
        over = "none" if self.over is None else f"{self.over:.2f} s"
        back = "never" if self.back is None else f"{self.back:.1f} s"
        if self.by != "itself":
            over, back = f"{over}, by {self.by}", f"{back}, by {self.by}"
        latency = f"{self.median * 1e3:,.0f} ms | {self.p99 * 1e3:,.0f} ms"
        arrived = self.acknowledged - self.lost
        return (
            f"| {self.case.title} | {self.acknowledged} | {arrived} | {self.lost} "
            f"| {self.doubled} | {over} | {latency} | {back} |"
        )


def judge(found: Found, sinks: dict[str, common.Sink]) -> Row:
    """A case and what the mail servers took, as a line (pure)."""
    first: dict[str, float] = {}
    for sink in sinks.values():
        for one in found.all().keys() & sink.first.keys():
            first[one] = min(first.get(one, math.inf), sink.first[one])
    times = [first.get(one, math.inf) - at for one, at in found.recovery.items()]
    over = first_of(found, sinks["standby"])
    return Row(
        case=found.case,
        acknowledged=len(found.all()),
        lost=len(found.all()) - len(first),
        doubled=sum(sum(sink.taken[one] for sink in sinks.values()) - 1 for one in first),
        over=None if over is None else over - found.began,
        median=max(0.0, percentile(times, 0.5)),
        p99=max(0.0, percentile(times, 0.99)),
        back=found.back,
        by=found.by,
    )


async def prove(seconds: float, folder: Path) -> int:
    home, began = folder / "home", time.monotonic()
    home.mkdir(mode=0o700)
    matrix = Matrix(home, seconds)
    await matrix.run()
    rows = [judge(found, matrix.sinks) for found in matrix.found]
    refused = sum(found.refused for found in matrix.found)
    print(f"""# What a provider can do to us

Made by `make prove` on commit {await common.commit()}, {os.cpu_count()} cores (load average
{os.getloadavg()[0]:.1f}), SQLite. The first provider (Mandrill, a stand-in) carries, the second
(Postmark, a stand-in) stands by; {BULK:g} bulk and {RECOVERY:g} recovery messages a second all the
time; each fault lasts {seconds:g} s. What was acknowledged while it lasted is followed until it
lies at the receiving mail server.
""")
    print(
        "| fault of the first | acknowledged | delivered | lost | doubled | failover after"
        " | recovery, median | p99 | carries again after |"
    )
    print("|---|---:|---:|---:|---:|---:|---:|---:|---:|")
    for row in rows:
        print(row.line())
    print(f"""
- The first row has no fault: it shows what the machine took by itself, and the others are to be
  read beside it.
- *doubled* has the same `X-Mailkeep-Id`: the provider had taken the mail and did not say so.
- *failover after*: from the beginning of the fault to the first mail of its time that came over
  the standby.
- *recovery*: a stream of priority 0, from the 202 to the mail server. It is no secret stream here:
  secret mail whose answer was lost stays with the provider that may have read it, and recovery
  mints it anew.
- *carries again after*: from the end of the fault to the first mail that came over the first.
- Refused at the door: {refused}. All in all {time.monotonic() - began:.0f} s.""")
    wrong = [one for row in rows for one in row.wrong()]
    print(json.dumps(wrong), file=sys.stderr)
    return 1 if wrong else 0


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as place:
        sys.exit(asyncio.run(prove(float(sys.argv[1]) if sys.argv[1:] else 12.0, Path(place))))
