"""Checklists and the regulator's clock in the JSON form of the API (pure)."""

import msgspec

from mailkeep.base.clock import iso
from mailkeep.incidents.regulator import Deadline
from mailkeep.incidents.tracks import Item
from mailkeep.incidents.types import Notified


class CheckOut(msgspec.Struct):
    """A checklist item. ``done`` null: nothing is to be done."""

    text: str
    done: bool | None
    detail: str


class NotifiedOut(msgspec.Struct):
    """``duty``: ``told`` or ``not_needed``. ``reference``: the regulator's, or the reason."""

    duty: str
    at: str
    by: str
    reference: str


class RegulatorOut(msgspec.Struct):
    """What a regulator must be told, by when. ``done`` false: it is missing. ``aware_at``: since
    when the breach is known. ``notified`` null: the clock runs."""

    due_at: str
    aware_at: str
    notified: NotifiedOut | None
    items: list[CheckOut]


def check(item: Item) -> CheckOut:
    return CheckOut(item.text, item.done, item.detail)


def regulator(found: Deadline | None) -> RegulatorOut | None:
    """A clock; None where there is none."""
    if found is None:
        return None
    told = None if found.notified is None else _notified(found.notified)
    return RegulatorOut(iso(found.due_at), iso(found.aware_at), told, [*map(check, found.items)])


def _notified(one: Notified) -> NotifiedOut:
    return NotifiedOut(one.duty.value, iso(one.at), one.by, one.reference)
