"""What waits for a person, and what is still to do."""

import msgspec
import pytest

from mailkeep.incidents.types import Incident, State
from mailkeep.response import todo
from mailkeep.response.types import ActionState, ActionView, Approval, Asked, Preview, Step
from mailkeep.watch.types import Subject

REQUEST = Approval(
    *("apv_1", "inc_1", "cut_provider", Step.UNDO, Asked.WAITING, "", "ada", 1, 2),
)


def _action(state: ActionState, *, idle: bool = False, waits: Approval | None = None) -> ActionView:
    preview = Preview("x", 1, idle=idle)
    return ActionView("act_1", "cut_provider", state, "ada", 1, preview, None, waits)


@pytest.mark.parametrize(
    ("one", "waits"),
    [
        (_action(ActionState.PROPOSED), True),
        (_action(ActionState.PROPOSED, idle=True), False),
        (_action(ActionState.APPLIED), False),
        (_action(ActionState.FAILED), False),
        # Somebody wants it back: another one decides.
        (_action(ActionState.APPLIED, waits=REQUEST), True),
        (_action(ActionState.PROPOSED, idle=True, waits=REQUEST), True),
    ],
)
def test_what_waits_for_a_person(one: ActionView, waits: bool) -> None:
    incident = Incident("inc_1", Subject("provider", "a"), State.OPEN, 1, 1, ())
    assert todo.to_decide(incident, [one]) == ([one] if waits else [])
    closed = msgspec.structs.replace(incident, state=State.CLOSED)
    assert todo.to_decide(closed, [one]) == []


def test_it_is_said_in_words() -> None:
    assert todo.say(1) == "1 action waits for a decision"
    assert todo.say(3) == "3 actions wait for a decision"
