"""The detectors in simulated houses.

``python tests/proofs/detection.py YEARS [RUNS [SEED [AT_ONCE]]]``

Prints the report, at its head what was to be reached and whether it was (``goals``), and draws
docs/pictures/detection.svg. Each year of ordinary life is a life of its own, with its own seed,
``AT_ONCE`` of them in processes beside each other. Ends with 1 where a goal is missed; with 2 where
somebody honest, or for an outsider a provider, could have been cut off.
"""

import subprocess
import sys
from concurrent.futures import ProcessPoolExecutor, as_completed
from pathlib import Path

from mailkeep.watch import tuning
from mailkeep.watch.detectors.catalogue import DETECTORS
from mailkeep.watch.simulate import figure, goals, measuring, pace, words
from mailkeep.watch.simulate.company import SimulatedCompany
from mailkeep.watch.simulate.life import Life
from mailkeep.watch.types import WatchSettings

ROOT = Path(__file__).parents[2]
SOME = 10  #: years in one of which colleagues tell nobody what they change


def _year(seed: int, *, unannounced: bool = False) -> measuring.Ordinary:
    return measuring.ordinary(measuring.YEAR, seed, WatchSettings(), unannounced=unannounced)


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
    with ProcessPoolExecutor(at_once) as pool:
        measured = pool.submit(measuring.measure, 1, seed, runs, settings)
        work = [pool.submit(_year, seed * 1000 + number) for number in range(years)]
        untold = [
            pool.submit(_year, seed * 1000 + number, unannounced=True)
            for number in range(max(1, years // SOME))
        ]
        lives = []
        for one in as_completed(work):
            lives.append(one.result())
            so_far = sum(sum(life.false.values()) for life in lives)
            print(f"{len(lives)} of {years} years, {so_far} false", file=sys.stderr)
            for said in lives[-1].false:
                print(f"  {said}", file=sys.stderr)
        life = measuring.together(lives)
        found = measured.result()
        told = measuring.together([one.result() for one in untold])
    picture = ROOT / "docs/pictures/detection.svg"
    picture.write_text(figure.picture(found.silence), encoding="utf-8")
    names = ", ".join(one.name for one in DETECTORS)
    print(f"# Detection: delay, false alarms, misses\n\nMade by `make prove` on commit {commit}: ")
    print(f"`python tests/proofs/detection.py {years} {runs} {seed}`. Detectors: {names}.")
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
