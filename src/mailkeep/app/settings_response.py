"""Checks the settings ``[response]`` and ``[[playbook]]``."""

import math
from collections.abc import Collection, Iterable, Sequence
from typing import Protocol

from mailkeep.base.errors import BadSettings
from mailkeep.base.wording import nearest
from mailkeep.mail.types import StreamSettings
from mailkeep.response.types import PlaybookLimits, PlaybookSettings, ResponseSettings
from mailkeep.watch.correlation import JOINED_HIGHEST
from mailkeep.watch.types import ABOUT, CorrelationSettings, Family, Hypothesis, WatchSettings

_ABOVE_NOTHING = (
    "batch",
    "freeze",
    "hold",
    "advise_each_minute",
    "approval_life",
    "confirm_within",
)
_WHOLE = ("lists_each_hour", "lists_each_day")


class Carrying(Protocol):
    """A provider, as far as it is somebody's."""

    @property
    def party(self) -> str: ...


class Answering(Protocol):
    """The settings as far as they are about what is done about incidents."""

    @property
    def response(self) -> ResponseSettings: ...

    @property
    def playbook(self) -> Sequence[PlaybookSettings]: ...

    @property
    def watch(self) -> WatchSettings: ...

    @property
    def provider(self) -> Sequence[Carrying]: ...

    @property
    def stream(self) -> Sequence[StreamSettings]: ...


def check(settings: Answering) -> None:
    """Raises ``BadSettings``."""
    response, books = settings.response, settings.playbook
    for name in _ABOVE_NOTHING:
        if not getattr(response, name) > 0:
            raise BadSettings(f"response: {name} must be above 0")
    for name in _WHOLE:
        if getattr(response, name) < 0:
            raise BadSettings(f"response: {name} must be 0 or more")
    if not books and not response.two_people:
        return
    from mailkeep.response.actions.catalogue import ACTIONS  # all that an action needs

    def known(where: str, name: str) -> None:
        if name not in ACTIONS:
            raise BadSettings(f"{where}: no action {name!r}{nearest(name, ACTIONS)}")

    for name in response.two_people or ():
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
        _check_weight(where, book, settings.watch.correlation)
        counts = sorted(name for name, one in ACTIONS.items() if one.by_account)
        _check_limits(where, book, counts, settings)


def _check_weight(where: str, book: PlaybookSettings, weights: CorrelationSettings) -> None:
    """One under which no incident opens would say nothing; one that no evidence reaches would
    switch the playbook off, and nobody would see it."""
    if book.weight is None:
        return
    least = weights.open_at
    if not book.weight >= least:
        raise BadSettings(
            f"{where}: weight, in nats, must be {least:g} or more: below no incident opens"
        )
    most = weights.prior[book.hypothesis] + math.fsum(
        weights.family_cap.get(one, math.inf) for one in Family
    )
    if book.hypothesis is Hypothesis.CAMPAIGN:
        most += JOINED_HIGHEST
    if book.weight > most or math.isinf(book.weight):
        raise BadSettings(f"{where}: weight: no evidence weighs more than {most:.1f} nats")


def _check_limits(
    where: str, book: PlaybookSettings, counts: Iterable[str], settings: Answering
) -> None:
    limits = book.limits
    if limits == PlaybookLimits():
        return
    if not book.automatic:
        raise BadSettings(
            f"{where}: limits bound what it does by itself, and nothing of it is automatic"
        )
    for name in ("accounts", "each_day"):
        value = getattr(limits, name)
        if value is not None and value < 1:
            raise BadSettings(
                f"{where}: limits: {name} must be 1 or more; to have it do nothing by itself, take"
                " its actions out of automatic"
            )
    if limits.accounts is not None and not set(counts) & set(book.automatic):
        raise BadSettings(
            f"{where}: limits: accounts bounds none of its automatic actions; those that go account"
            f" by account are {', '.join(counts)}"
        )
    about = ABOUT[book.hypothesis] == "provider"
    parties = {one.party for one in settings.provider if one.party}
    streams = {one.name for one in settings.stream}
    what: tuple[tuple[str, tuple[str, ...], Collection[str], str], ...] = (
        ("parties", limits.parties, parties, "party of a provider"),
        ("streams", limits.streams, streams, "stream"),
    )
    for field, names, there, word in what:
        if names and not about:
            raise BadSettings(f"{where}: limits: {field}: this hypothesis is about no provider")
        for name in names:
            if name not in there:
                raise BadSettings(
                    f"{where}: limits: {field}: no {word} {name!r}{nearest(name, there)}"
                )
