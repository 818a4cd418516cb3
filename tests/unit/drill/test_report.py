"""The page holds what was measured, escapes what others wrote, and needs nothing from outside."""

import re
from html.parser import HTMLParser
from pathlib import Path
from xml.etree import ElementTree

from mailkeep_drill.record import Alert, Attempt, Facts, Marks, Note, Suspicion
from mailkeep_drill.report import ROWS, markdown, page
from mailkeep_drill.report_words import AUGUST, of_scenario
from mailkeep_drill.scorecard import score
from mailkeep_drill.timeline import bins, draw

_VOID = {"meta", "br", "input", "img", "link", "hr"}


class _Nesting(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.faults: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag not in _VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        pass

    def handle_endtag(self, tag: str) -> None:
        if not self.open or self.open.pop() != tag:
            self.faults.append(tag)


def run(kind: str = "mailkeep") -> Facts:
    return Facts(
        key=kind,
        title=f"The {kind} one <b>",
        kind=kind,
        fallen="A",
        thief=True,
        customers=3,
        with_totp=1,
        versions={"django": "5.2"},
        changed={"HASHER": "quicker & no weaker"},
        marks=Marks(foreign=5.0, leak=6.0, suspended=20.0, end=60.0),
        notes=[Note(5.0, "fault", "an address at <script>alert(1)</script>")],
        alerts=[Alert("1", "a", 1.0, 1.2), Alert("2", "a", 1.5, 30.0), Alert("3", "a", 21.0)],
        attempts=[Attempt("a", asked=7.0, half=8.0), Attempt("b", changed=9.0, signed_in=9.5)],
        suspicions=[Suspicion(12.0, "i", "provider_silent", "provider a", 3.0, ["a: <i>b"])],
    )


def test_the_page_is_well_formed_self_contained_and_escaped() -> None:
    runs = [run("ordinary"), run()]
    text = page([score(one) for one in runs], runs, {"seed": "8"}, AUGUST)
    nesting = _Nesting()
    nesting.feed(text)
    assert nesting.faults == []
    assert nesting.open == []
    assert "<script" not in text
    assert "<i>b" not in text
    assert not re.search(r"(src|href)=|url\(|@import", text)
    assert "Simulated" in text
    assert "Compressed" in text
    assert "quicker &amp; no weaker" in text


def test_a_scenario_is_told_under_its_own_name(tmp_path: Path) -> None:
    file = tmp_path / "outage.py"
    file.write_text('"""Provider A answers 500 <b>."""\nPART = None\n')
    words = of_scenario("Mailkeep, A is out of order", file)
    runs = [run()]
    cards = [score(one) for one in runs]
    text, table = page(cards, runs, {}, words), markdown(cards, {}, words)
    assert "<h1>Mailkeep, A is out of order</h1>" in text
    assert "Provider A answers 500 &lt;b&gt;." in text
    assert table.startswith("# Mailkeep, A is out of order\n")
    assert "8 August" not in text + table
    assert "<h1>8 August" in page(cards, runs, {}, AUGUST)


def test_the_page_says_which_targets_were_missed() -> None:
    runs = [run()]
    text = page([score(one) for one in runs], runs, {}, AUGUST)
    assert "Some targets were missed." in text
    assert "✗ missed" in text


def test_the_timeline_is_xml_with_a_text_for_those_who_do_not_see_it() -> None:
    root = ElementTree.fromstring(draw([run()]))
    space = {"s": "http://www.w3.org/2000/svg"}
    words = root.find("s:desc", space)
    assert words is not None
    assert "accounts entered by the thief: 1, mails lost: 1" in (words.text or "")
    assert len(root.findall(".//s:circle", space)) == 1
    assert len(root.findall(".//s:polygon", space)) == 1


def test_mail_is_binned_by_when_it_was_handed_over() -> None:
    assert bins(run(), 60.0) == [(0.0, 1, 1, 0), (20.0, 0, 0, 1)]


def test_the_table_has_a_column_for_each_run_and_says_what_was_missed() -> None:
    cards = [score(run("ordinary")), score(run())]
    text = markdown(cards, {"seed": "8"}, AUGUST)
    rows = [line for line in text.splitlines() if line.startswith("|")]
    assert len(rows) == len(ROWS) + 2
    assert {line.count("|") for line in rows} == {len(cards) + 2}
    assert "A target was missed." in text
