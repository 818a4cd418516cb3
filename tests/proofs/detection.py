"""The detectors in simulated houses.

``python tests/proofs/detection.py YEARS [RUNS [SEED [AT_ONCE]]]``

Prints the report, at its head what was to be reached and whether it was (``goals``), and draws
docs/pictures/detection.svg. Each year of ordinary life is a life of its own, with its own seed,
``AT_ONCE`` of them in processes beside each other. What was measured is written down at once, in
docs/proofs/lived.jsonl: a run that is stopped goes on from there, unless the code has changed since
by a single byte. Ends with 1 where a goal is missed; with 2 where somebody honest, or for an
outsider a provider, could have been cut off.
"""

import hashlib
import subprocess
import sys
from concurrent.futures import Future, ProcessPoolExecutor, as_completed
from functools import partial
from pathlib import Path
from typing import Any

import msgspec

from mailkeep.watch import tuning
from mailkeep.watch.detectors.catalogue import DETECTORS
from mailkeep.watch.simulate import figure, goals, measuring, pace, words
from mailkeep.watch.simulate.company import SimulatedCompany
from mailkeep.watch.simulate.life import Life
from mailkeep.watch.types import WatchSettings

ROOT = Path(__file__).parents[2]
LIVED = ROOT / "docs/proofs/lived.jsonl"
SOME = 10  #: years in one of which colleagues tell nobody what they change


def _year(seed: int, *, unannounced: bool = False) -> measuring.Ordinary:
    return measuring.ordinary(measuring.YEAR, seed, WatchSettings(), unannounced=unannounced)


class Lived:
    """What was measured before by the very code that runs now, and is not measured again.

    Attributes:
        found: each part by its name.
    """

    def __init__(self, place: Path) -> None:
        self._place = place
        self._code = _code()
        lines = place.read_text(encoding="utf-8").splitlines() if place.exists() else []
        parts = [msgspec.json.decode(line) for line in lines]
        same = [one for one in parts if one["code"] == self._code]
        self.found: dict[str, Any] = {one["part"]: one["found"] for one in same}
        if len(same) < len(parts):
            place.unlink()
            for key, one in self.found.items():
                self._write(key, one)

    def keep(self, key: str, work: Future[Any]) -> None:
        """Write down what came of a part, and say so to whoever waits."""
        self.found[key] = msgspec.to_builtins(work.result())
        self._write(key, self.found[key])
        false = self.found[key].get("false", {})
        print(f"{len(self.found)} parts: {key}: {sum(false.values())} false", file=sys.stderr)
        for said in false:
            print(f"  {said}", file=sys.stderr)

    def take(self, key: str, kind: type[Any]) -> Any:
        """A part, as what it is."""
        return msgspec.convert(self.found[key], kind)

    def _write(self, key: str, found: Any) -> None:
        line = msgspec.json.encode({"code": self._code, "part": key, "found": found})
        with self._place.open("ab") as file:
            file.write(line + b"\n")


def _code() -> str:
    """A digest of every module of ours that is loaded: what detects, simulates and judges."""
    ours = {
        name: Path(module.__file__).read_bytes()
        for name, module in sorted(sys.modules.items())
        if name.partition(".")[0] == "mailkeep" and module.__file__
    }
    digest = hashlib.sha256()
    for name, source in ours.items():
        digest.update(f"{name} {len(source)}\n".encode() + source)
    return digest.hexdigest()[:16]


def main(years: int, runs: int = 20, seed: int = 1, at_once: int = 1) -> int:
    """Measure, print, draw; the exit code: 1 where a goal is missed, 2 for what must not be."""
    settings = WatchSettings()
    speed = pace.speed(100_000, seed, settings)
    commit = subprocess.run(
        ["git", "log", "-1", "--format=%h"],
        capture_output=True,
        text=True,
        check=True,
        cwd=ROOT,
    ).stdout.strip()
    seeds = [seed * 1000 + number for number in range(years)]
    untold = seeds[: max(1, years // SOME)]
    lived = Lived(LIVED)
    wanted = {
        f"scenarios {seed} {runs}": partial(measuring.measure, 1, seed, runs, settings),
        **{f"year {one}": partial(_year, one) for one in seeds},
        **{f"untold {one}": partial(_year, one, unannounced=True) for one in untold},
    }
    before = len(wanted.keys() & lived.found.keys())
    with ProcessPoolExecutor(at_once) as pool:
        work = {pool.submit(do): key for key, do in wanted.items() if key not in lived.found}
        for one in as_completed(work):
            lived.keep(work[one], one)
    found = lived.take(f"scenarios {seed} {runs}", measuring.Measured)
    life = measuring.together([lived.take(f"year {one}", measuring.Ordinary) for one in seeds])
    told = measuring.together([lived.take(f"untold {one}", measuring.Ordinary) for one in untold])
    picture = ROOT / "docs/pictures/detection.svg"
    picture.write_text(figure.picture(found.silence), encoding="utf-8")
    names = ", ".join(one.name for one in DETECTORS)
    print(f"# Detection: delay, false alarms, misses\n\nMade by `make prove` on commit {commit}: ")
    print(f"`python tests/proofs/detection.py {years} {runs} {seed}`. Detectors: {names}.")
    if before:
        print(f"{before} of its {len(wanted)} parts are of earlier runs of the same code.")
    print()
    print(words.report(found, life, speed))
    print("\n## With colleagues who change things at the providers and tell nobody\n")
    print("\n".join(words.life(told)))
    # What a house would set after two months, with a budget of one false alarm in half a year.
    quiet = list(Life(SimulatedCompany(canaries=600.0), seed + 1).run(60))
    tuned = tuning.tune(quiet, settings, 180.0)
    after = measuring.ordinary(measuring.YEAR, seed, tuning.applied(tuned, settings))
    print("\n## With what `watch tune --budget 180d` makes of two months of another life\n")
    print(f"```toml\n{tuning.toml(tuned)}\n```\n")
    print("\n".join(words.life(after)))
    missed = [one for one in goals.verdicts(found, life, speed) if not one.met]
    for one in missed:
        print(f"missed: {one.goal}: {one.reached}", file=sys.stderr)
    if any(one.grave for one in missed):
        return 2  # nobody honest may be cut off, and nobody outside may bring it about
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main(*map(int, sys.argv[1:])))
