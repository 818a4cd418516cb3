"""Simulates how well a visit fits its account's history, as ``recovery.risk`` would judge it.

Judged: an account has a history of up to forty sign-ins, one in eight has none. Who resets on a new
browser is at home, or where they work, in two cases of three; abroad in one of fifty; with another
family of browser in one of four.
"""

import math
from random import Random

from mailkeep.accounts.types import SignIn
from mailkeep.base.clock import DAY, HOUR, Instant
from mailkeep.recovery.risk import judge

NO_HISTORY, AT_HOME, ABROAD, ANOTHER = 1 / 8, 2 / 3, 1 / 50, 1 / 4
MOST = 40


def risk(chance: Random, at: Instant, *, known: bool) -> tuple[float, bool]:
    """The score of a visit in nats, and whether it is raised.

    Args:
        known: the account was signed in to from this browser before.
    """
    if not known and chance.random() < NO_HISTORY:
        return 0.0, True
    count = min(MOST, 1 + round(chance.lognormvariate(math.log(8), 0.8)))
    history = [
        SignIn(
            at - round(chance.uniform(1, 120)) * DAY + round(chance.gauss(0, 3)) * HOUR,
            browser="known",
            network="home" if chance.random() < 0.7 else "work",
            place="here",
            agent="usual",
        )
        for _ in range(count)
    ]
    visit = SignIn(
        at,
        browser="known" if known else "new",
        network=chance.choice(("home", "home", "work")) if chance.random() < AT_HOME else "other",
        place="there" if chance.random() < ABROAD else "here",
        agent="usual" if known or chance.random() >= ANOTHER else "another",
    )
    found = judge(history, visit)
    return round(found.score, 2), found.raised
