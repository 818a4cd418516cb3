"""The detectors in simulated houses: ``python tests/proofs/detection.py DAYS [RUNS [SEED]]``.

Prints the report and draws docs/pictures/detection.svg. Ends with 1 where a party was accused that
nothing was the matter with oftener than once in thirty years, as far as the run can tell, where an
outsider could have had a provider cut off, or where silence is told later than 1.1 of its limit.
"""

import subprocess
import sys
from pathlib import Path

from mailkeep.watch import tuning
from mailkeep.watch.detectors.catalogue import DETECTORS
from mailkeep.watch.simulate import figure, measuring, words
from mailkeep.watch.simulate.house import House
from mailkeep.watch.simulate.life import Life
from mailkeep.watch.types import WatchSettings

ROOT = Path(__file__).parents[2]


def main(days: float, runs: int = 20, seed: int = 1) -> int:
    """Measure, print, draw; the exit code: 1 where a goal is missed, 2 for what must not be."""
    settings = WatchSettings()
    speed = measuring.speed(200_000, seed, settings)
    found = measuring.measure(days, seed, runs, settings)
    picture = ROOT / "docs/pictures/detection.svg"
    picture.write_text(figure.picture(found.silence), encoding="utf-8")
    commit = subprocess.run(
        ["git", "log", "-1", "--format=%h"],
        capture_output=True,
        text=True,
        check=True,
        cwd=ROOT,
    ).stdout.strip()
    names = ", ".join(one.name for one in DETECTORS)
    print(f"# Detection: delay, false alarms, misses\n\nMade by `make prove` on commit {commit}: ")
    print(f"`python tests/proofs/detection.py {days:g} {runs} {seed}`. Detectors: {names}.")
    print(f"\nAll of them together weigh {speed.per_second:,.0f} facts a second on one core.\n")
    print(words.report(found))
    # What a house would set after two months, with a budget of one false alarm in half a year.
    quiet = list(Life(House(canaries=600.0), seed + 1).run(60))
    tuned = tuning.tune(quiet, settings, 180.0)
    life = measuring.ordinary(days / 2, seed, tuning.applied(tuned, settings))
    print("\n## With what `watch tune --budget 180d` makes of two months of another life\n")
    print(f"```toml\n{tuning.toml(tuned)}\n```\n")
    print("\n".join(words.life(life)))
    years = days / measuring.YEAR
    false = sum(found.ordinary.false.values())
    late = [one.rate for one in found.silence if one.mean > 1.1 * one.limit or one.missed]
    cut = [one.name for one in found.scenarios if one.outsider and one.cut]
    if cut or found.ordinary.cut:
        return 2  # nobody honest may be cut off, and nobody outside may bring it about
    return 1 if late or false > years / 30 else 0


if __name__ == "__main__":
    sys.exit(main(float(sys.argv[1]), *map(int, sys.argv[2:])))
