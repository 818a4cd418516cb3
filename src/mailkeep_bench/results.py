"""The result of a run, and its JSON form."""

import msgspec


class Series(msgspec.Struct):
    """One measure of one system: a value a round.

    Attributes:
        system: "mailkeep" or "postfix".
        measure: "rate", "cpu", "median", …; the goals name these.
    """

    system: str
    measure: str
    unit: str
    values: list[float] = []


class Row(msgspec.Struct):
    """One row of the report.

    Attributes:
        counted: messages that were acknowledged, and found in the sink, each exactly once.
        absent: what the row needs and this machine or this Mailkeep has not; "" when nothing.
        broken: what went wrong; a row that did not do its work is none.
        short: why it is smaller than what its goals are for; "" when it is not. It is not judged.
        notes: what a reader must know about it.
    """

    name: str
    title: str
    series: list[Series] = []
    counted: int = 0
    absent: str = ""
    broken: str = ""
    short: str = ""
    notes: list[str] = []

    def add(self, system: str, measure: str, unit: str, value: float) -> None:
        """Add a round's value."""
        for one in self.series:
            if (one.system, one.measure) == (system, measure):
                one.values.append(value)
                return
        self.series.append(Series(system, measure, unit, [value]))

    def values(self, system: str, measure: str) -> list[float]:
        """The values of one measure, in the order of the rounds."""
        for one in self.series:
            if (one.system, one.measure) == (system, measure):
                return one.values
        return []


class Verdict(msgspec.Struct):
    """A goal and what was reached.

    Attributes:
        reached: None when it was not measured.
        met: None when it was not judged.
        missed: by which share of the goal; 0.0 when met.
    """

    row: str
    goal: str
    reached: float | None
    unit: str
    met: bool | None
    missed: float


class Run(msgspec.Struct):
    """Everything that a run found."""

    about: dict[str, str]
    rows: list[Row]
    verdicts: list[Verdict] = []
