"""Goals are judged by medians, and the report says what was reached, missed and not measured."""

from pathlib import Path

import pytest

from mailkeep_bench import goals, report
from mailkeep_bench.__main__ import chosen, options, parser
from mailkeep_bench.goals import GOALS, judge
from mailkeep_bench.results import Row, Run
from mailkeep_bench.rows.catalogue import ROWS


def _row(name: str, ours: list[float], theirs: list[float], cpu: float = 0.0) -> Row:
    row = Row(name, f"Title of {name}", counted=1234)
    for value in ours:
        row.add("mailkeep", "rate", "/s", value)
    for value in theirs:
        row.add("postfix", "rate", "/s", value)
    if cpu:
        row.add("mailkeep", "cpu", "µs", cpu)
    return row


def test_every_row_and_every_option_is_on_its_page() -> None:
    page = (Path(__file__).parents[3] / "docs" / "benchmark.md").read_text()
    assert [name for name in ROWS if f"`{name}`" not in page] == []
    options_ = [one for action in parser()._actions for one in action.option_strings]
    assert [one for one in options_ if one not in {"-h", "--help"} and one not in page] == []


def test_every_goal_belongs_to_a_row() -> None:
    assert {goal.row for goal in GOALS} <= set(ROWS)


@pytest.mark.parametrize(("ours", "met", "missed"), [(3000.0, True, 0.0), (2000.0, False, 1 / 3)])
def test_a_ratio_is_that_of_the_medians(ours: float, met: bool, missed: float) -> None:
    row = _row("http-accept", [1.0, ours, 9e9], [1.0, 1000.0, 9e9])
    (verdict,) = judge(row)
    assert (verdict.reached, verdict.met) == (ours / 1000.0, met)
    assert verdict.missed == pytest.approx(missed)


def test_without_postfix_a_ratio_is_not_measured_and_the_rest_is() -> None:
    ratio, cpu = judge(_row("delivery-smtp", [1000.0], [], cpu=900.0))
    assert (ratio.reached, ratio.met) == (None, None)
    assert (cpu.reached, cpu.met, cpu.missed) == (900.0, False, 1.0)


def test_a_smaller_run_is_shown_and_not_judged() -> None:
    row = Row("recovery-hang", "", short="the goals are for more")
    row.add("mailkeep", "median", "ms", 10.0)
    row.add("mailkeep", "p99", "ms", 900.0)
    assert [(one.reached, one.met) for one in judge(row)] == [(10.0, None), (900.0, None)]


@pytest.mark.parametrize(("rate", "met"), [(996.0, True), (990.0, False)])
def test_a_whole_life_may_lack_what_the_load_did_not_offer(rate: float, met: bool) -> None:
    (verdict,) = judge(_row("life", [rate], []))
    assert verdict.met is met


def test_the_report_says_everything() -> None:
    rows = [
        _row("http-accept", [200.0, 220.0, 210.0], [700.0, 705.0, 710.0]),
        Row("smtp-accept", "SMTP", absent="this Mailkeep has none"),
        Row("delivery-smtp", "Delivery", broken="3 acknowledged messages never came"),
        Row("memory", "Memory", short="the goals are for more", notes=["A note."]),
    ]
    verdicts = [one for row in rows if not row.broken for one in goals.judge(row)]
    text = report.markdown(Run({"kernel": "Linux 6"}, rows, verdicts))
    assert "| kernel | Linux 6 |" in text
    assert "| Mailkeep | rate (/s) | 200 | 210 | 220 | 0.30 × |" in text
    assert "| Postfix | rate (/s) | 700 | 705 | 710 |  |" in text
    assert "at least 3 times Postfix's rate | 0.30 × | missed by 90% |" in text
    assert "at least 1.5 times Postfix's rate |  | not measured |" in text
    assert "1,234 messages counted." in text
    assert "Not measured: this Mailkeep has none." in text
    assert "**Broken off: 3 acknowledged messages never came.**" in text
    assert "Not judged: the goals are for more." in text
    assert text.endswith("A note.\n")


def test_rows_that_take_long_are_run_when_they_are_asked_for() -> None:
    usual = chosen(parser().parse_args([]))
    assert {"http-accept", "delivery-http", "recovery-depth", "ready"} <= set(usual)
    assert not {"memory", "life"} & set(usual)
    assert chosen(parser().parse_args(["--million", "--soak=60"]))[-2:] == ["memory", "life"]
    assert chosen(parser().parse_args(["--only=memory", "--only=ready"])) == ["ready", "memory"]


def test_a_quick_run_is_smaller_and_what_is_said_counts() -> None:
    quick, usual = (options(parser().parse_args(args)) for args in (["--quick"], []))
    assert quick.rounds < usual.rounds
    assert quick.messages < usual.messages
    assert options(parser().parse_args(["--quick", "--messages=77"])).messages == 77
