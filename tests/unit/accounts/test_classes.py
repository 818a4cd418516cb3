"""Classes of accounts: what a table leaves out, and what no table can change."""

import pytest

from mailkeep.accounts.classes import (
    BUILT_IN,
    Assurance,
    Classes,
    ClassSettings,
    FactorPolicy,
)
from mailkeep.app.settings import parse
from mailkeep.base.clock import DAY, HOUR
from mailkeep.base.errors import BadSettings


@pytest.mark.check("63B 2.2.3")
def test_sessions_last_as_long_as_the_standard_allows() -> None:
    """SP 800-63B-4 section 2.2.3: a day in all, an hour unused; no class that comes with us has
    more."""
    for one in BUILT_IN.values():
        assert one.session_life <= DAY
        assert one.session_idle <= HOUR


def test_a_table_changes_what_it_says_and_leaves_the_rest() -> None:
    raw = {"accounts": {"class": {"staff": {"recovery_hold": 60}, "press": {"factor": "required"}}}}
    classes = Classes(parse(raw).accounts.classes)
    assert classes.of("staff").recovery_hold == 60 * 1_000_000
    assert classes.of("staff").factor is FactorPolicy.REQUIRED
    assert classes.of("press").factor is FactorPolicy.REQUIRED
    assert classes.of("press").name == "press"
    assert classes.of("press").change_hold == classes.of("customer").change_hold
    assert "press" in classes
    assert classes.names == ("customer", "high-value", "operator", "press", "staff")


def test_a_class_whose_table_was_lost_is_held_to_the_strictest() -> None:
    lost = Classes().of("press")
    assert lost.factor is FactorPolicy.REQUIRED
    assert lost.change_hold == BUILT_IN["high-value"].change_hold
    assert lost.name == "press"


def test_a_lax_high_value_table_does_not_open_lost_classes() -> None:
    lax = ClassSettings(factor=FactorPolicy.OPTIONAL, change_hold=0.0)
    assert Classes({"high-value": lax}).of("press").factor is FactorPolicy.REQUIRED


@pytest.mark.parametrize(
    ("name", "table", "words"),
    [
        ("Staff", {}, "small letters"),
        ("a" * 33, {}, "small letters"),
        ("staff", {"grace": -1}, "grace must be 0 to"),
        ("staff", {"change_hold": float("nan")}, "change_hold must be 0 to"),
        ("staff", {"recovery_hold": 1e12}, "recovery_hold must be 0 to"),
        ("staff", {"session_idle": 1}, "60 at least"),
        ("operator", {"recovers_by_mail": True}, "never recover by mail"),
        ("operator", {"factor": "optional"}, "second factor is required"),
        ("staff", {"factr": "required"}, "did you mean factor?"),
        ("staff", {"factor": "perhaps"}, "perhaps"),
    ],
)
def test_what_cannot_be_is_said(name: str, table: dict[str, object], words: str) -> None:
    with pytest.raises(BadSettings) as caught:
        parse({"accounts": {"class": {name: table}}})
    assert words in str(caught.value)


def test_a_class_may_ask_for_passkeys() -> None:
    strict = ClassSettings(assurance=Assurance.PHISHING_RESISTANT)
    assert Classes({"press": strict}).of("press").assurance is Assurance.PHISHING_RESISTANT
