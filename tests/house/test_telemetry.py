"""Rules, runbooks, the dashboard and the metrics' page speak of what there is."""

import json
import re
from pathlib import Path

import msgspec
import pytest
import typer.main
import yaml

from mailkeep.app.telemetry.catalogue import BY_NAME, METRICS
from mailkeep.app.telemetry.facts import GIVEN_UP, OTHER, SIGN_IN_FAILED
from mailkeep.app.telemetry.reference import page
from mailkeep.app.telemetry.settings import TelemetrySettings
from mailkeep.cli.main import app

ROOT = Path(__file__).parents[2]
RULES = ROOT / "deploy" / "prometheus" / "alerts.yml"
RUNBOOK = (ROOT / "docs" / "runbooks" / "alerts.md").read_text()
REFERENCE = (ROOT / "docs" / "reference.md").read_text()
DASHBOARD = ROOT / "deploy" / "grafana" / "mailkeep.json"

SIGN_INS = {"signed_in", *SIGN_IN_FAILED}
#: Labels that Prometheus itself adds, and that of a histogram's buckets.
GIVEN = {"instance", "job", "le"}
_SELECTOR = re.compile(r"\b(mailkeep_\w+)(?:\{([^}]*)\})?")
_GROUPED = re.compile(r"\b(?:by|on)\s*\(([^)]*)\)")


class Rule(msgspec.Struct, forbid_unknown_fields=True):
    alert: str
    expr: str
    wait: str = msgspec.field(name="for")
    labels: dict[str, str]
    annotations: dict[str, str]


class Group(msgspec.Struct, forbid_unknown_fields=True):
    name: str
    rules: list[Rule]


class Groups(msgspec.Struct, forbid_unknown_fields=True):
    groups: list[Group]


def rules() -> list[Rule]:
    read = msgspec.convert(yaml.safe_load(RULES.read_text()), Groups)
    return [rule for group in read.groups for rule in group.rules]


def metric(name: str) -> str:
    """The metric of a series: that of a bucket is the histogram's."""
    for ending in ("_bucket", "_count", "_sum"):
        whole = name.removesuffix(ending)
        if whole != name and BY_NAME.get(whole, METRICS[0]).kind == "histogram":
            return whole
    return name


def check(expression: str) -> None:
    """An expression speaks of metrics and labels that exist, and its brackets close."""
    found = _SELECTOR.findall(expression)
    labels: set[str] = set()
    for name, matchers in found:
        assert metric(name) in BY_NAME, f"{name} in {expression}"
        own = set(BY_NAME[metric(name)].labels) | GIVEN
        labels |= own
        for matcher in re.findall(r'(\w+)\s*(?:=~|!~|!=|=)\s*"', matchers):
            assert matcher in own, f"{matcher} in {expression}"
    for group in _GROUPED.findall(expression):
        assert {one.strip() for one in group.split(",")} <= labels | GIVEN, expression
    for opening, closing in ("()", "{}", "[]"):
        assert expression.count(opening) == expression.count(closing), expression


@pytest.mark.parametrize("rule", rules(), ids=lambda rule: rule.alert)
def test_a_rule_speaks_of_what_exists_and_has_its_runbook(rule: Rule) -> None:
    check(rule.expr)
    assert rule.labels.keys() == {"severity"}
    assert rule.labels["severity"] in {"critical", "warning", "info"}
    assert re.fullmatch(r"\d+[smh]", rule.wait)
    assert rule.annotations.keys() == {"summary", "runbook_url"}
    assert f"\n## {rule.alert}\n" in RUNBOOK
    assert rule.annotations["runbook_url"] == f"docs/runbooks/alerts.md#{rule.alert.lower()}"
    kept = set(re.findall(r"\$labels\.(\w+)", rule.annotations["summary"]))
    known = {
        label for name, _ in _SELECTOR.findall(rule.expr) for label in BY_NAME[metric(name)][2]
    }
    assert kept <= known | GIVEN
    # What an aggregation drops cannot be said.
    for group in re.findall(r"(?:sum|max|min) by \(([^)]*)\)", rule.expr):
        assert kept <= {one.strip() for one in group.split(",")}, rule.alert


@pytest.mark.parametrize(
    ("name", "label", "known"),
    [("mailkeep_given_up_total", "why", GIVEN_UP), ("mailkeep_sign_ins_total", "result", SIGN_INS)],
)
def test_a_rule_names_reasons_that_there_are(name: str, label: str, known: set[str]) -> None:
    for rule in rules():
        for metric_name, matchers in _SELECTOR.findall(rule.expr):
            said = re.findall(rf'\b{label}=~?"([^"]*)"', matchers) if metric_name == name else []
            assert {word for one in said for word in one.split("|")} <= {*known, OTHER}, rule.alert


def test_a_section_of_the_runbook_is_about_a_rule() -> None:
    names = [rule.alert for rule in rules()]
    assert re.findall(r"^## (\w+)$", RUNBOOK, re.MULTILINE) == names
    assert len(set(names)) == len(names)


def test_recovery_may_wait_less_than_all_other_mail() -> None:
    bounds = {
        rule.alert: float(rule.expr.rpartition(">")[2])
        for rule in rules()
        if "mailkeep_queue_oldest_seconds" in rule.expr
    }
    assert list(bounds) == [
        "MailkeepRecoveryMailWaits",
        "MailkeepMailWaits",
        "MailkeepBulkMailWaits",
    ]
    assert sorted(bounds.values()) == list(bounds.values())


def test_the_commands_of_the_runbook_exist() -> None:
    commands = typer.main.get_command(app)
    named = re.findall(
        r"^(mailkeep [a-z ]+?)(?:\s+#.*)?$|`(mailkeep [a-z ]+)", RUNBOOK, re.MULTILINE
    )
    assert len(named) > 10
    for one, other in named:
        found: object = commands
        for word in (one or other).split()[1:]:
            found = getattr(found, "commands", {}).get(word)
            assert found is not None, one or other
    # Who types a command of the page must not be told that a reason is missing.
    assert not re.findall(r"`mailkeep providers \w+ NAME`", RUNBOOK)


def test_what_the_runbook_says_of_metrics_and_checks_is_so() -> None:
    for name, matchers in re.findall(r"`(mailkeep_\w+)(\{[^}]*\})?", RUNBOOK):
        if name in {"mailkeep_data"}:
            continue
        check(f"{name}{matchers}")


def test_the_page_of_the_metrics_is_made_of_their_table() -> None:
    assert (ROOT / "docs" / "metrics.md").read_text() == page()


def test_names_follow_the_conventions() -> None:
    """https://prometheus.io/docs/practices/naming/"""
    assert len(BY_NAME) == len(METRICS)
    for one in METRICS:
        assert re.fullmatch(r"mailkeep_[a-z_]+", one.name)
        assert one.name.endswith("_total") == (one.kind == "counter"), one.name
        assert bool(one.buckets) == (one.kind == "histogram"), one.name
        assert not set(one.labels) & GIVEN, one.name
        assert one.help


def test_the_settings_stand_in_the_reference() -> None:
    for name in TelemetrySettings.__struct_fields__:
        assert f"`{name}`" in REFERENCE


def test_the_dashboard_asks_for_what_exists() -> None:
    read = json.loads(DASHBOARD.read_text())
    panels = read["panels"]
    expressions = [target["expr"] for panel in panels for target in panel.get("targets", ())]
    assert len(expressions) >= 15
    for expression in expressions:
        check(expression)
    assert len({panel["id"] for panel in panels}) == len(panels)
    for panel in panels:
        place = panel["gridPos"]
        assert place["x"] + place["w"] <= 24
