"""The rules of the chain of trust against an attacker who knows none, and the time that they take.

``python tests/proofs/trust.py`` prints its report; ``make prove`` keeps it. It computes only: no
service is started, and what is timed is the processor's time of this process.
"""

import importlib
import random
import sys
import time
from pathlib import Path

ROOT = Path(__file__).parents[2]
WORLDS = 1000
PARTIES, TIES = 300, 3000
GOAL_SECONDS = 2.0


def main() -> int:
    sys.path.insert(0, str(ROOT))
    test = importlib.import_module("tests.unit.trust.test_reach")
    crowd = importlib.import_module("tests.unit.posture.crowd")
    reach = importlib.import_module("mailkeep.trust.reach")
    rules = importlib.import_module("mailkeep.trust.rules")
    began = time.process_time()
    wrong = []
    for seed in range(WORLDS):
        try:
            test.check(test.random_world(random.Random(seed)), random.Random(seed))
        except AssertionError as error:
            wrong.append(f"system {seed}: {error}")
    tried = time.process_time() - began
    world = crowd.large(PARTIES, TIES)
    began = time.process_time()
    engine = reach.Engine(rules.ground(world))
    words = 0
    for party in world.parties:
        words += len(engine.reach([party]))
    every = time.process_time() - began
    print("# The chain of trust")
    print()
    print("| what | came to | goal |")
    print("|---|---|---|")
    print(f"| random systems in which rules and attacker differ | {len(wrong)} of {WORLDS} | 0 |")
    print(f"| processor time of it | {tried:.0f} s | - |")
    print(
        f"| what-if for each of {PARTIES} parties with {TIES} ties, {len(engine.rules)} rules,"
        f" {words} capabilities | {every:.2f} s | {GOAL_SECONDS:.0f} s |"
    )
    for one in wrong[:5]:
        print(f"\n- {one}")
    return 1 if wrong or every > GOAL_SECONDS else 0


if __name__ == "__main__":
    sys.exit(main())
