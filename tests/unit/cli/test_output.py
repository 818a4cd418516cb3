"""What a command says: whole lines, nothing that a terminal obeys, JSON and nothing else."""

import json

import pytest
from typer.testing import CliRunner

from mailkeep.app.doctor.types import Finding, State
from mailkeep.app.settings import parse
from mailkeep.cli import doctor, output
from mailkeep.cli.main import app
from mailkeep.cli.providers import describe
from mailkeep.incidents.words import obeyed
from mailkeep.mail.queries import ProviderState


def test_columns_are_as_wide_as_what_stands_in_them() -> None:
    rows = [("a", "long " * 40, "x"), ("long name", "b", "y")]
    lines = output.table(rows, "nothing").split("\n")
    assert [line[-1] for line in lines] == ["x", "y"]
    assert len({len(line) for line in lines}) == 1
    assert output.table([], "nothing") == "nothing"


def test_what_a_terminal_obeys_is_left_out() -> None:
    hostile = "a\x1b[2J\x07\u202eb\nc\td"
    assert output.plain(hostile) == "a[2Jb c d"
    assert "\x1b" not in output.table([(hostile,)], "")


def test_a_result_is_words_or_one_line_of_json(capsys: pytest.CaptureFixture[str]) -> None:
    output.result({"a": 1}, "one", as_json=False)
    output.result({"a": "x\ny"}, "one", as_json=True)
    words, line = capsys.readouterr().out.split("\n", 1)
    assert words == "one"
    assert json.loads(line) == {"a": "x\ny"}
    assert line.count("\n") == 1


def test_a_result_holds_nothing_that_a_terminal_obeys(capsys: pytest.CaptureFixture[str]) -> None:
    """Whatever a command forgot to clean; in JSON it is written out, and reads the same."""
    hostile = "".join(map(chr, range(0x2100))) + "\n"
    output.result({}, hostile, as_json=False)
    output.result({"a": hostile}, "", as_json=True)
    words, line = capsys.readouterr().out.rsplit("\n{", 1)
    for said in (words, line.rstrip("\n")):
        assert [one for one in said if obeyed(one) and one not in "\n\t"] == []
    assert json.loads("{" + line) == {"a": hostile}


def test_progress_is_told_now_and_then_and_never_with_json(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    now = 0.0
    monkeypatch.setattr(output.time, "monotonic", lambda: now)
    quiet, loud = output.Progress("work", quiet=True), output.Progress("work", quiet=False)
    for done in range(101):
        now = done / 10
        quiet.at(done, 100)
        loud.at(done, 100)
    loud.at(0, 0)
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.split("\n") == [
        "work …", "work: 20%", "work: 40%", "work: 60%", "work: 80%", "work: 100%", "",
    ]  # fmt: skip


def test_a_provider_is_described_with_what_was_said_of_it() -> None:
    settings = parse(
        {
            "provider": [{"name": name, "kind": "smtp", "party": "p"} for name in "ab"],
            "party": [{"id": "p"}],
            "stream": [{"name": "alert", "priority": 1, "routes": [{"provider": "a"}]}],
        }
    )
    states = {"a": ProviderState("a", 1_000_000, "taken over", None, "old reason")}
    a, b = describe(settings, states)
    assert a["streams"] == ["alert"]
    assert (a["cut_at"], a["cut_reason"]) == ("1970-01-01T00:00:01.000Z", "taken over")
    assert (a["rests_since"], a["rest_reason"]) == (None, None), "a rest that is over says nothing"
    assert (b["streams"], b["cut_at"], b["cut_reason"]) == ([], None, None)


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ("incidents lsit", "'mailkeep incidents' has no 'lsit'; did you mean list?"),
        ("accounts list", "'mailkeep accounts' has no 'list'; there are class, end, export, "),
        ("incident", "'mailkeep' has no 'incident'; did you mean incidents?"),
    ],
)
def test_a_word_that_is_no_command_is_answered_with_those_that_are(words: str, told: str) -> None:
    said = CliRunner().invoke(app, words.split(), prog_name="mailkeep")
    assert said.exit_code == output.MISTAKE
    assert told in said.output


@pytest.mark.parametrize(
    "group",
    ["incidents", "watch", "trust", "cutover", "offboard", "privacy", "factors", "keys", "audit",
     "messages", "providers", "pagers", "operators", "applications", "receivers", "signing",
     "recoveries"],
)  # fmt: skip
def test_every_group_that_has_something_to_list_takes_the_word(group: str) -> None:
    assert CliRunner().invoke(app, [group, "list", "--help"]).exit_code == 0


def test_the_doctor_says_what_is_well_first_and_what_is_worst_last() -> None:
    findings = [
        Finding("c0", State.NOT_CHECKED, "nobody asked", ""),
        Finding("c1", State.FAILED, "bad", "mend it"),
        Finding("c2", State.OK, "fine", ""),
        Finding("c3", State.WARNING, "odd", "look at it"),
        Finding("c4", State.NOT_CHECKED, "nobody asked", ""),
    ]
    assert doctor.told(findings, {"ok": 1}).split("\n") == [
        "[ok] c2: fine",
        "[not checked] c0, c4: nobody asked",
        "[WARNING] c3: odd",
        "    next: look at it",
        "[FAILED] c1: bad",
        "    next: mend it",
        "",
        "1 ok",
    ]
