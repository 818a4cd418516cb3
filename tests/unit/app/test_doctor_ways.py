"""What the doctor says of ways out, while some provider is cut off."""

from pathlib import Path

import pytest

from mailkeep.app.doctor.types import DatabaseFacts, Said, Scene, State
from mailkeep.app.doctor.ways import stream_routes, two_routes
from mailkeep.app.settings import parse

NAMES = ("a", "b")
SETTINGS = {
    "provider": [
        {"name": one, "kind": "postmark", "party": f"p{one}", "secret": f"env:{one.upper()}"}
        for one in NAMES
    ],
    "party": [{"id": f"p{one}", "name": one} for one in NAMES],
    "stream": [
        {
            "name": one,
            "priority": 0,
            "secret": one != "security",
            "routes": [{"provider": name} for name in NAMES],
        }
        for one in ("recovery", "confirmation", "security")
    ],
    "recovery": {"sender": "us@example.com"},
}


def _scene(*cut: str) -> Scene:
    return Scene(Path("/"), parse(SETTINGS), database=DatabaseFacts(cut=frozenset(cut)))


@pytest.mark.parametrize(
    ("cut", "state", "words"),
    [
        ((), State.WARNING, "Two independent routes carry resets"),
        (("a",), State.FAILED, "of recovery (a: cut off) are independent"),
        (("elsewhere",), State.WARNING, "Two independent routes carry resets"),
    ],
)
def test_who_is_cut_off_carries_no_reset(cut: tuple[str, ...], state: State, words: str) -> None:
    (said,) = two_routes(_scene(*cut))
    assert (said.state, words in said.meaning) == (state, True), said


def test_a_stream_hangs_on_what_stands() -> None:
    def said(*cut: str) -> list[Said]:
        return stream_routes(_scene(*cut))

    assert [one.state for one in said()] == [State.OK]
    assert {one.state for one in said("a")} == {State.WARNING}
    assert "hangs on one party (a: cut off)" in said("a")[0].meaning
    assert {one.state for one in said("a", "b")} == {State.FAILED}
