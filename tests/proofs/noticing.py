"""How fast what providers tell is read, and how soon signals become an incident.

Usage: ``python tests/proofs/noticing.py [ROUNDS]``. Webhooks are checked and made claims of by our
adapters alone, in this process: bodies as the stand-ins write them, by kind of proof and size of
batch, best of five (processor time). Then a service is started ``ROUNDS`` times with stand-in
providers, one of them suspends our account, and the log says when each signal and the incident were
written down. Ends with 1 where the incident came later than a second after its last signal.
"""

import asyncio
import sqlite3
import sys
import tempfile
import time
from pathlib import Path

import aiohttp
from common import Rows, commit, development, until

from mailkeep.base.secret import Secret
from mailkeep.providers import registry
from mailkeep.providers.types import ProviderConfig, WebhookRequest
from mailkeep_drill.standins.hooks import HookFormat, HookSettings
from mailkeep_drill.standins.mail import Event, EventKind, Mail, Mailbox
from mailkeep_drill.standins.mandrill_hooks import MandrillHooks
from mailkeep_drill.standins.postmark_hooks import PostmarkHooks

EVENTS = 20_000  #: checked and read for each row
KINDS: tuple[EventKind, ...] = ("delivered", "opened", "delivered", "bounced", "delivered")
URL = "https://mail.example.com/hooks/one"
SECONDS = 1.0  #: from the last signal that it needs to the incident
PATIENCE = 60.0
MICROSECONDS = 1_000_000
DOORS: tuple[tuple[str, str, HookFormat, tuple[int, ...]], ...] = (
    ("HMAC-SHA1 over the form", "mandrill", MandrillHooks(), (1, 10, 100, 1000)),
    ("a shared secret", "postmark", PostmarkHooks(), (1,)),
)


def _events(count: int) -> list[Event]:
    return [
        Event(
            KINDS[number % len(KINDS)],
            Mail(
                id=f"{number:032x}",
                sender=Mailbox("us@example.com"),
                to=(Mailbox(f"user{number}@example.net"),),
                at=1_790_000_000.0 + number,
                subject="Your receipt",
                metadata={"mailkeep_id": f"msg_{number:032d}"},
                tags=("alert",),
            ),
            f"user{number}@example.net",
            1_790_000_001.0 + number,
            diag="smtp;250 2.0.0 OK",
        )
        for number in range(count)
    ]


def _per_second(kind: str, format_: HookFormat, batch: int) -> float:
    """Events that are checked and read in a second of one core."""
    settings = HookSettings(url=URL, key="webhook-key", auth="user:webhook-key")
    secret = Secret("webhook-key" if kind == "mandrill" else "user:webhook-key")
    config = ProviderConfig("one", kind, "", Secret("key"), secret, URL, {}, "party")
    events = _events(max(batch, min(EVENTS, 2000)))
    requests = []
    for at in range(0, len(events) - batch + 1, batch):
        made = format_.request(events[at : at + batch], settings, "real")
        requests.append(WebhookRequest(made.url, made.headers, made.body, 1_790_000_100_000_000))
    adapter, best = registry.get(kind), 0.0
    for _ in range(5):
        read, began = 0, time.process_time()
        while read < EVENTS:
            for one in requests:
                read += len(adapter.parse(config, adapter.verify(config, one)))
        best = max(best, read / (time.process_time() - began))
    return best


async def _suspended(home: Path) -> tuple[float, float, float] | None:
    """Seconds from the first refusal to the first signal, from the last signal to the incident,
    and of all of it; None where none was opened in time."""
    async with development(home) as up, aiohttp.ClientSession() as session:
        first = next(iter(up.controls.values()))
        switched = await session.post(f"{first}/faults", json={"suspend": True})
        switched.raise_for_status()
        for _ in range(20):
            await up.send(session, "ada@example.net")
        file = home / "mailkeep.db"
        await until(lambda: bool(_written(file, "incidents.opened")), PATIENCE)
        opened = _written(file, "incidents.opened")
    if not opened:
        return None
    signals = [at for at in _written(file, "watch.signal") if at <= opened[0]]
    refused = _written(file, "mail.attempted", '%"outcome":"suspended"%')
    return (
        (signals[0] - refused[0]) / MICROSECONDS,
        (opened[0] - signals[-1]) / MICROSECONDS,
        (opened[0] - refused[0]) / MICROSECONDS,
    )


def _written(file: Path, kind: str, like: str = "%") -> list[int]:
    """When facts of a kind were written down, in order, µs."""
    with sqlite3.connect(f"file:{file}?mode=ro", uri=True, timeout=10) as database:
        asked = "SELECT at FROM events WHERE kind = ? AND data LIKE ? ORDER BY at"
        rows = database.execute(asked, (kind, like)).fetchall()
    database.close()
    return [int(at) for (at,) in rows]


async def main(rounds: int) -> int:
    """Print the report; the exit code."""
    report = Rows()
    report.part("Webhooks: checked, and read into claims")
    for proof, kind, format_, batches in DOORS:
        for batch in batches:
            rate = _per_second(kind, format_, batch)
            name = f"{proof} ({kind}), {batch:,} to a request"
            report.add(name, f"{rate:,.0f} events/s of one core")
    report.part(f"A provider suspends our account, {rounds} times")
    found = []
    for number in range(rounds):
        with tempfile.TemporaryDirectory() as home:
            found.append(await _suspended(Path(home)))
        print(f"{number + 1} of {rounds}: {found[-1]}", file=sys.stderr)
    seen = [one for one in found if one is not None]
    report.add("incidents opened", f"{len(seen)} of {rounds}", len(seen) == rounds)
    names = (
        "from the first refusal to the first signal",
        "from the last signal that it needed to the incident",
        "from the first refusal to the incident",
    )
    for at, name in enumerate(names):
        times = sorted(one[at] for one in seen)
        if times:
            words = f"{times[len(times) // 2]:.2f} s, {times[-1]:.2f} s at most"
            report.add(name, words, at != 1 or times[-1] <= SECONDS)
    print("# How soon what is told is noticed\n")
    print(f"Made by `python tests/proofs/noticing.py {rounds}` on commit {await commit()}.")
    print("\n".join(report.lines))
    return 1 if report.wrong else 0


if __name__ == "__main__":
    sys.exit(asyncio.run(main(int((sys.argv[1:] or ["10"])[0]))))
