"""Silence in recorded traffic: how soon each provider's would have been noticed.

Usage: ``python tests/proofs/recorded.py [MINUTES]``. A service runs for so long, in real time, with
stand-in providers that report over real webhooks. Its mail comes as a wave (one a second in the
mean, the period a quarter of the time) with a burst of 100 every few minutes; canaries and posture
are as in development. Then its own log is exported, and ``mailkeep watch silence`` reads it: from
each of 40 moments on, nothing of one provider is confirmed any more.
"""

import asyncio
import json
import math
import random
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from statistics import median

import aiohttp
from common import MAILKEEP, Rows, commit, development

RATE = 1.0  #: mails a second, in the mean
SWING = 0.8  #: of it, up and down
BURST, BETWEEN = 100, 240.0  #: mails at once; seconds between two, in the mean
TIMES, WITHIN = 40, "10m"


async def _live(home: Path, seconds: float, draw: random.Random) -> int:
    """Have the service carry mail for so long; how many."""
    sent, started = 0, time.monotonic()
    burst = draw.expovariate(1 / BETWEEN)
    async with development(home) as up, aiohttp.ClientSession() as session:
        while (passed := time.monotonic() - started) < seconds:
            if passed >= burst:
                burst = passed + draw.expovariate(1 / BETWEEN)
                many = BURST
            else:
                wave = 1 + SWING * math.sin(passed / seconds * 8 * math.pi)
                await asyncio.sleep(draw.expovariate(RATE * wave))
                many = 1
            for _ in range(many):
                await up.send(session, f"user{draw.randrange(5000)}@example.net")
            sent += many
        await asyncio.sleep(10)  # what is under way arrives
    return sent


async def _said(*words: str) -> str:
    process = await asyncio.create_subprocess_exec(
        MAILKEEP, *words, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    )
    said, _ = await process.communicate()
    if process.returncode:
        raise SystemExit(f"mailkeep {' '.join(words)} ended with {process.returncode}")
    return said.decode()


async def main(minutes: float) -> int:
    """Print the report; the exit code."""
    report = Rows()
    with tempfile.TemporaryDirectory() as place:
        home, log = Path(place) / "home", Path(place) / "log.jsonl"
        sent = await _live(home, minutes * 60, random.Random(1))
        await _said("watch", "export", str(log), "--home", str(home))
        asked = ("watch", "silence", str(log), "--times", str(TIMES), "--within", WITHIN, "--json")
        found = json.loads(await _said(*asked))
        opened = json.loads(await _said("incidents", "list", "--home", str(home), "--json"))
    report.part(f"{minutes:g} minutes, {sent:,} mails")
    report.add("facts in the log", f"{found['facts']:,}")
    report.add("incidents while it ran", len(opened["incidents"]), not opened["incidents"])
    for name in sorted({one["provider"] for one in found["silences"]}):
        cuts = [one for one in found["silences"] if one["provider"] == name]
        seen = [one["noticed"] for one in cuts if one["noticed"] is not None]
        by = Counter(detector for one in cuts for detector in one["detectors"])
        words = f"{len(seen)} of {len(cuts)}"
        if seen:
            words += f", after {median(seen):.1f} s in the median, {max(seen):.1f} s at most"
        who = ", ".join(f"{detector} {count}" for detector, count in by.most_common())
        report.add(f"{name} silent: noticed", f"{words} (by {who})", len(seen) == len(cuts))
    print("# Silence in recorded traffic\n")
    print(
        f"Made by `python tests/proofs/recorded.py {minutes:g}` on commit {await commit()}: the log"
        f" of a running service, read again from {TIMES} moments on without what one provider"
        f" confirmed, {WITHIN} after each. Its mail was made up, as a wave with bursts; times,"
        " webhooks and canaries are as they were."
    )
    print("\n".join(report.lines))
    return 1 if report.wrong else 0


if __name__ == "__main__":
    sys.exit(asyncio.run(main(float((sys.argv[1:] or ["60"])[0]))))
