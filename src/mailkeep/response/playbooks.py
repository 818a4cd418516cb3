"""Playbooks: which actions to take for which suspicion, in which order, and which without a person
(pure).

By default everything that cuts or freezes is proposed and waits for a person. Only resting a
provider that has fallen silent runs alone: it loses nothing, since the mail goes another way, and
what a playbook began ends when the silence does.

A playbook may want more than that its hypothesis is held: a weight. What outsiders can stage has it
propose sooner, and never act. Its limits bound what it does by itself, never what people do; what
must not wait (a cut, proofs that are void) knows none that outsiders could use up: they can have as
many resets under way as they like.
"""

from collections.abc import Collection, Iterable, Sequence

import msgspec

from mailkeep.base.wording import counted, listed
from mailkeep.incidents.types import View
from mailkeep.watch.types import Hypothesis

from .actions.catalogue import ACTIONS
from .types import BookView, PlaybookLimits, PlaybookSettings

DEFAULTS = (
    PlaybookSettings(
        Hypothesis.PROVIDER_COMPROMISED,
        (
            "cut_provider",
            "distrust_events",
            "revoke_recoveries",
            "secure_accounts",
            "emit_signals",
            "notify_owners",
        ),
    ),
    PlaybookSettings(Hypothesis.PROVIDER_SILENT, ("rest_provider",), ("rest_provider",)),
    PlaybookSettings(Hypothesis.CAMPAIGN, ("hold_recoveries", "notify_owners")),
    PlaybookSettings(
        Hypothesis.ACCOUNT_TARGETED, ("hold_recoveries", "secure_accounts", "notify_owners")
    ),
    # What helps here is done by people, outside of Mailkeep: the security track says what is owed.
    PlaybookSettings(Hypothesis.LEAKED_HERE, ()),
    PlaybookSettings(Hypothesis.INTERCEPTED, ()),
    PlaybookSettings(Hypothesis.DOMAIN_ABUSED, ()),
    PlaybookSettings(Hypothesis.MAILBOX_COMPROMISED, ()),
)


class Place(msgspec.Struct, frozen=True):
    """What a subject is in this house: whose provider, and which streams it carries. Of what is no
    provider, nothing."""

    party: str = ""
    streams: frozenset[str] = frozenset()


NOWHERE = Place()
#: After them less mail goes through a provider.
_OUT = frozenset({"cut_provider", "rest_provider"})


class Planned(msgspec.Struct, frozen=True):
    """One action of the plan.

    Attributes:
        hypothesis: what it answers.
        held: why it is not automatic, though its playbook lists it so; else empty.
        each_day: the limit of the playbook that has it automatic.
    """

    name: str
    automatic: bool
    hypothesis: Hypothesis
    held: str = ""
    each_day: int | None = None


def books(settings: Iterable[PlaybookSettings]) -> tuple[PlaybookSettings, ...]:
    """The playbooks in force: a table of the settings replaces the default for its hypothesis."""
    written = tuple(settings)
    named = {one.hypothesis for one in written}
    return written + tuple(one for one in DEFAULTS if one.hypothesis not in named)


def plan(
    opinions: Sequence[View],
    playbooks: Sequence[PlaybookSettings],
    said: Hypothesis | None = None,
    place: Place = NOWHERE,
    done: Collection[str] = (),
) -> tuple[Planned, ...]:
    """The actions for what is held, the gravest hypothesis first, each action once.

    An action is automatic only where its playbook lists it and the opinion may act alone: at least
    one sign is our own observation, and nobody outside could have staged it. Some actions are
    never automatic for some hypotheses, whatever is written: silence cuts nobody. A playbook with a
    weight proposes when the opinion has it, and acts when what nobody outside could have staged
    has it.

    Args:
        said: what a person says; nothing is automatic for it, and no weight is asked for.
        place: where the subject stands, for limits to parties and streams.
        done: what a playbook has done whole. It is asked for no weight again: what came since
            belongs to the same act, though the signs have faded meanwhile.
    """
    order = {one: rank for rank, one in enumerate(Hypothesis)}
    out: dict[str, Planned] = {}
    held: list[tuple[Hypothesis, View | None]] = [
        (one.hypothesis, one) for one in opinions if one.open
    ]
    held += [] if said is None else [(said, None)]
    for hypothesis, view in sorted(held, key=lambda one: order[one[0]]):
        for book in playbooks:
            if book.hypothesis is not hypothesis:
                continue
            for name in book.actions:
                weighed = name not in done
                if view is not None and weighed and not _plays(book, view):
                    continue
                able = hypothesis in ACTIONS[name].alone_for and name in book.automatic
                alone = able and view is not None and view.alone
                why = (
                    _beyond(book, view, place, weighed=weighed)
                    if alone and view is not None
                    else ""
                )
                planned = Planned(name, alone and not why, hypothesis, why, book.limits.each_day)
                before = out.get(name)
                if before is None or (planned.automatic and not before.automatic):
                    out[name] = planned
    return tuple(out.values())


def most_accounts(playbooks: Iterable[PlaybookSettings], name: str) -> int | None:
    """How many accounts of one incident an action may touch without a person; None: any."""
    limits = (one.limits.accounts for one in playbooks if name in one.automatic)
    return min((one for one in limits if one is not None), default=None)


def standing(
    opinions: Iterable[View], playbooks: Sequence[PlaybookSettings]
) -> tuple[BookView, ...]:
    """The playbooks for what is held that have a weight or limits, and how far they go."""
    return tuple(
        BookView(
            book.hypothesis,
            book.weight,
            view.log_odds,
            view.firm,
            plays=_plays(book, view),
            acts=bool(book.automatic) and view.alone and _acts(book, view),
            limits=book.limits,
            words=_words(book, view),
        )
        for view in opinions
        for book in playbooks
        if view.open
        and book.hypothesis is view.hypothesis
        and (book.weight is not None or book.limits != PlaybookLimits())
    )


def _plays(book: PlaybookSettings, view: View) -> bool:
    return book.weight is None or view.log_odds >= book.weight


def _acts(book: PlaybookSettings, view: View) -> bool:
    return book.weight is None or (view.firm is not None and view.firm >= book.weight)


def _beyond(book: PlaybookSettings, view: View, place: Place, *, weighed: bool) -> str:
    """Why a playbook does not act by itself; empty where it may."""
    limits = book.limits
    if weighed and not _acts(book, view):
        return f"what nobody outside could have staged weighs less than {book.weight:g} nats"
    if limits.parties and place.party not in limits.parties:
        return f"its playbook acts by itself only about {listed(limits.parties)}"
    others = sorted(place.streams.difference(limits.streams)) if limits.streams else ()
    if others:
        return f"its playbook acts by itself only where no {listed(others, 'or')} mail is carried"
    return ""


def _words(book: PlaybookSettings, view: View) -> str:
    """How far a playbook goes, as people read it."""
    said, limits = [], book.limits
    if book.weight is not None and not _plays(book, view):
        said.append(
            f"it waits: the opinion stands at {view.log_odds:+.1f} nats, and it proposes from"
            f" {book.weight:+.1f} on"
        )
    elif book.weight is not None and book.automatic:
        said.append(
            "it acts by itself only when what nobody outside could have staged weighs"
            f" {book.weight:+.1f} nats; it weighs {_sum(view)}"
        )
        if not _OUT.isdisjoint(book.automatic):
            said.append("by itself it never leaves fewer than two independent routes")
    if limits.accounts is not None:
        said.append(f"by itself it touches {counted(limits.accounts, 'account')} at most")
    if limits.each_day is not None:
        times = "once" if limits.each_day == 1 else counted(limits.each_day, "time")
        said.append(f"it does each action by itself {times} a day at most")
    if limits.parties:
        said.append(f"it acts by itself only about {listed(limits.parties)}")
    if limits.streams:
        only = listed(limits.streams)
        said.append(f"it acts by itself only where nothing but {only} is carried")
    return "; ".join(said)


def _sum(view: View) -> str:
    """What counts for a weight, as it comes about: only some of the reasons that are shown do."""
    if view.firm is None:
        return "nothing"
    parts = f"{view.prior:+.1f} before any evidence, {view.firm - view.prior:+.1f} by such signs"
    return f"{view.firm:+.1f}: {parts}"
