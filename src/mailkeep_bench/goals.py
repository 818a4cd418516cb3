"""The benchmark's goals, and whether they were reached (pure)."""

from dataclasses import dataclass

from .arithmetic import median, missed_by
from .results import Row, Verdict


@dataclass(frozen=True, slots=True)
class Goal:
    """What a row is held to.

    Attributes:
        measure: of Mailkeep's rounds, whose median counts.
        beside: the target is a multiple of Postfix's median in the same row.
        at_least: more is better.
    """

    row: str
    measure: str
    target: float
    unit: str
    beside: bool = False
    at_least: bool = False

    def words(self) -> str:
        """The goal as people read it."""
        bound = "at least" if self.at_least else "at most"
        if self.beside:
            return f"{bound} {self.target:g} times Postfix's {self.measure}"
        return f"{self.measure} {bound} {self.target:g} {self.unit}"


def _times(row: str, target: float) -> Goal:
    return Goal(row, "rate", target, "×", beside=True, at_least=True)


GOALS = (
    _times("http-accept", 3.0),
    _times("http-batch", 12.0),
    _times("smtp-accept", 1.5),
    _times("delivery-smtp", 2.5),
    Goal("delivery-smtp", "cpu", 450.0, "µs"),
    _times("delivery-http", 2.5),
    Goal("delivery-http", "cpu", 450.0, "µs"),
    Goal("recovery-depth", "median", 50.0, "ms"),
    Goal("recovery-depth", "p99", 100.0, "ms"),
    Goal("recovery-hang", "median", 50.0, "ms"),
    Goal("recovery-hang", "p99", 100.0, "ms"),
    Goal("memory", "resident", 200.0, "MiB"),
    Goal("memory", "ready after kill", 5.0, "s"),
    Goal("ready", "ready", 2.0, "s"),
    Goal("life", "rate", 1000.0, "/s", at_least=True),
)

#: A whole life is held to its rate only as far as the load was offered: 1,000/s offered can be
#: 999.6 counted. What is lost is judged by the counts, never by this.
TOLERANCE = 0.005


def judge(row: Row, goals: tuple[Goal, ...] = GOALS) -> list[Verdict]:
    """What became of the goals of a row."""
    return [_judge(row, goal) for goal in goals if goal.row == row.name]


def _judge(row: Row, goal: Goal) -> Verdict:
    ours = row.values("mailkeep", goal.measure)
    theirs = row.values("postfix", goal.measure)
    if not ours or (goal.beside and not theirs):
        return Verdict(row.name, goal.words(), None, goal.unit, None, 0.0)
    reached = median(ours) / (median(theirs) if goal.beside else 1.0)
    missed = missed_by(reached, goal.target, goal.at_least)
    allowed = TOLERANCE if goal.row == "life" else 0.0
    if missed <= allowed:
        missed = 0.0
    met = None if row.short else missed == 0.0
    return Verdict(row.name, goal.words(), reached, goal.unit, met, 0.0 if row.short else missed)
