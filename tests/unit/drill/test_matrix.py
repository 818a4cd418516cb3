"""Which sets are played, which are smallest, and what a client sees of forms."""

import json
from pathlib import Path
from typing import Any

import pytest

from mailkeep_drill.matrix import __main__ as matrix
from mailkeep_drill.matrix.eyes import Loot
from mailkeep_drill.matrix.forms import forms
from mailkeep_drill.matrix.report import markdown, verdict
from mailkeep_drill.matrix.search import open_kinds, sets, smallest
from mailkeep_drill.matrix.words import Can, Cell, Kind

A, B, P = Can.READS_A, Can.READS_B, Can.PASSWORD


def _cell(*can: Can, kind: Kind = Kind.NONE, lost: bool = False, back: float | None = 3.0) -> Cell:
    return Cell(frozenset(can), kind, lost, "somehow", None if lost else back)


def test_every_set_of_a_size_is_there_once() -> None:
    found = list(sets(list(Can), 2))
    assert len(found) == len(set(found)) == len(Can) * (len(Can) - 1) // 2
    assert all(len(one) == 2 for one in found)


def test_what_contains_a_winning_set_is_not_played_for_that_kind() -> None:
    won = [_cell(P, lost=True)]
    assert open_kinds(frozenset({P, A}), Kind, won) == [kind for kind in Kind if kind != Kind.NONE]
    assert open_kinds(frozenset({A, B}), Kind, won) == list(Kind)


def test_smallest_sets_leave_out_what_contains_them() -> None:
    cells = [
        _cell(A),
        _cell(P, lost=True),
        _cell(A, P, lost=True),
        _cell(A, B, lost=True),
        _cell(A, back=None, kind=Kind.TOTP),
    ]
    assert smallest(cells, lost=True) == {Kind.NONE: [frozenset({P}), frozenset({A, B})]}
    assert smallest(cells, lost=False) == {Kind.TOTP: [frozenset({A})]}


def test_the_verdict_names_third_parties_that_win_alone_and_nobody_else() -> None:
    cells = [
        _cell(P, lost=True),  # the owner's own secret
        _cell(A, B, lost=True),  # two parties
        _cell(A),
        _cell(B, lost=True),
        _cell(Can.DROPS_A, back=None),
    ]
    broken = verdict(cells)
    assert len(broken) == 2
    assert "reads mail at B against password only: lost" in broken[0]
    assert "drops mail at A against password only: its owner did not get back in" in broken[1]


def test_the_report_says_what_was_played_and_how_it_went() -> None:
    text = markdown([_cell(A), _cell(A, kind=Kind.TOTP), _cell(P, lost=True)], list(Kind), 9.0)
    assert "| reads mail at A (third party) | kept; somehow; owner back after 3 s |" in text
    assert "- **password only**: has the password (somehow)" in text
    assert "reads mail at B" not in text


def test_forms_are_filled_as_a_thief_fills_them() -> None:
    page = """<form action="/a" method="POST"><input type="hidden" name="token" value="t">
    <input type=password name=current><input type=password name=new1><input type=email name=mail>
    <input name=code><button name=do value=it>x</button>
    <button name=do value=not>y</button></form>
    <input name="outside"><form><input name=q value=kept></form>"""
    one, two = forms(page)
    assert (one.action, one.method, two.method) == ("/a", "post", "get")
    assert one.filled("old", "mine", mail="me@x.example", text="1") == {
        "token": "t",
        "current": "old",
        "new1": "mine",
        "mail": "me@x.example",
        "code": "1",
        "do": "it",
    }
    assert two.filled("", "", text="1") == {"q": "kept"}


def test_what_a_mail_holds_and_what_a_false_page_gets_of_it() -> None:
    text = (
        "Open https://x.example/recover/proof#ABCDEFGHJKLMNPQRSTUVWXYZ23\n"
        "or http://x.example/accounts/password/reset/key/7-abc/ now\nCode: ABCD-EFGH\n"
    )
    reader, phisher = Loot(), Loot()
    reader.scan(text)
    reader.scan(text)
    phisher.scan(text, only_codes=True)
    assert reader.links == [("/recover/proof", "ABCDEFGHJKLMNPQRSTUVWXYZ23")]
    assert reader.paths == ["/accounts/password/reset/key/7-abc/"]
    assert reader.codes == phisher.codes == ["ABCD-EFGH"]
    assert len(reader) == 3
    assert len(phisher) == 1


async def test_a_set_that_breaks_off_is_reported_and_ends_no_other(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    async def play(can: frozenset[Can], kinds: list[Kind], number: int, *, stock: bool) -> Any:
        if can == {B}:
            raise KeyError("action")
        return [_cell(*can)]

    monkeypatch.setattr(matrix, "play", play)
    played = matrix.Played(tmp_path / "matrix.md", [Kind.NONE])
    await matrix.run(played, [A, B, P], 1, 2, stock=False)
    report = (tmp_path / "matrix.md").read_text()
    assert "## Broke off\n\n- reads mail at B: KeyError('action')." in report
    assert [cell.can for cell in played.cells] == [{A}, {P}]
    assert len(json.loads((tmp_path / "matrix.json").read_text())["cells"]) == 2
