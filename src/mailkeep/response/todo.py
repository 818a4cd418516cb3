"""What is to do about an incident, decided here for every place that counts or lists it (pure).

Two things, and no third: actions that wait for a person's decision, and items of the checklists
that are not done.
"""

from collections.abc import Iterable

from mailkeep.base.wording import counted
from mailkeep.incidents.tracks import Item
from mailkeep.incidents.types import Incident, State

from .types import ActionState, ActionView, CaseView


def waits(one: ActionView) -> bool:
    """Whether it waits for a person: asked for by another one, or proposed with something to do."""
    return one.waits is not None or (one.state is ActionState.PROPOSED and not one.preview.idle)


def to_decide(incident: Incident, actions: Iterable[ActionView]) -> list[ActionView]:
    """Those of an incident's actions that wait for a person; none of a closed one's."""
    return [one for one in actions if waits(one)] if incident.state is not State.CLOSED else []


def still_to_do(case: CaseView) -> tuple[Item, ...]:
    """What is not done of both checklists, and of what the regulator must be told."""
    duties = case.deadline.items if case.deadline else ()
    return tuple(one for one in (*case.mail, *case.security, *duties) if one.done is False)


def say(count: int) -> str:
    """How many wait for a decision, in words."""
    return f"{counted(count, 'action waits', 'actions wait')} for a decision"
