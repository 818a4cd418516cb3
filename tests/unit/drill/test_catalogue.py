"""The faults in words: nothing left out, and every value is one that the stand-in takes."""

import msgspec
import pytest

from mailkeep_drill.standins.catalogue import catalogue
from mailkeep_drill.standins.faults import KINDS, Switchboard
from mailkeep_drill.standins.mandrill import Mandrill
from mailkeep_drill.standins.postmark import Postmark
from mailkeep_drill.standins.smtp import SmtpRelay


@pytest.mark.parametrize("standin", [Mandrill, Postmark, SmtpRelay])
def test_every_fault_is_described_and_every_choice_can_be_set(
    standin: type[Mandrill | Postmark | SmtpRelay],
) -> None:
    found = catalogue(standin.suspensions)
    assert sorted(one.name for one in found) == sorted(KINDS)
    for one in found:
        assert one.meaning.endswith(".")
        assert one.choices
        assert len({choice.label for choice in one.choices}) == len(one.choices)
        for choice in one.choices:
            board = Switchboard(standin.suspensions)
            board.set({one.name: msgspec.json.decode(msgspec.json.encode(choice.value))})
            assert list(board.state()) == list(board.since()) == [one.name]


def test_the_choices_of_a_fault_leave_different_marks() -> None:
    """A page finds what is on by comparing it with the choices."""
    board = Switchboard(Mandrill.suspensions)
    for one in catalogue(Mandrill.suspensions):
        states = []
        for choice in one.choices:
            board.set({one.name: choice.value})
            states.append(msgspec.json.encode(board.state()[one.name]))
        assert len(set(states)) == len(states)
