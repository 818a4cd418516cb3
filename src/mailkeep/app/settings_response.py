"""Checks the settings ``[response]`` and ``[[playbook]]``."""

from collections.abc import Iterable

from mailkeep.base.errors import BadSettings
from mailkeep.base.wording import nearest
from mailkeep.response.types import PlaybookSettings, ResponseSettings

_ABOVE_NOTHING = (
    "batch",
    "freeze",
    "hold",
    "advise_each_minute",
    "approval_life",
    "confirm_within",
)
_WHOLE = ("lists_each_hour", "lists_each_day")


def check(settings: ResponseSettings, playbooks: Iterable[PlaybookSettings]) -> None:
    """Raises ``BadSettings``."""
    for name in _ABOVE_NOTHING:
        if not getattr(settings, name) > 0:
            raise BadSettings(f"response: {name} must be above 0")
    for name in _WHOLE:
        if getattr(settings, name) < 0:
            raise BadSettings(f"response: {name} must be 0 or more")
    books = list(playbooks)
    if not books and not settings.two_people:
        return
    from mailkeep.response.actions.catalogue import ACTIONS  # all that an action needs

    def known(where: str, name: str) -> None:
        if name not in ACTIONS:
            raise BadSettings(f"{where}: no action {name!r}{nearest(name, ACTIONS)}")

    for name in settings.two_people or ():
        known("response: two_people", name)
    for book in books:
        where = f"playbook {book.hypothesis}"
        if [one.hypothesis for one in books].count(book.hypothesis) > 1:
            raise BadSettings(f"two tables of [[playbook]] are called {book.hypothesis.value!r}")
        for name in (*book.actions, *book.automatic):
            known(where, name)
        for name in book.automatic:
            if book.hypothesis not in ACTIONS[name].alone_for:
                raise BadSettings(f"{where}: {name} is never automatic for this hypothesis")
            if name not in book.actions:
                raise BadSettings(f"{where}: automatic {name!r} is not among its actions")
