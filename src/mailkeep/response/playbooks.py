"""Playbooks: which actions to take for which suspicion, in which order, and which without a person
(pure).

By default everything that cuts or freezes is proposed and waits for a person. Only resting a
provider that has fallen silent runs alone: it loses nothing, since the mail goes another way, and
what a playbook began ends when the silence does.
"""

from collections.abc import Iterable, Sequence

import msgspec

from mailkeep.incidents.types import View
from mailkeep.watch.types import Hypothesis

from .actions.catalogue import ACTIONS
from .types import PlaybookSettings

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


class Planned(msgspec.Struct, frozen=True):
    """One action of the plan. ``hypothesis``: what it answers."""

    name: str
    automatic: bool
    hypothesis: Hypothesis


def books(settings: Iterable[PlaybookSettings]) -> tuple[PlaybookSettings, ...]:
    """The playbooks in force: a table of the settings replaces the default for its hypothesis."""
    written = tuple(settings)
    named = {one.hypothesis for one in written}
    return written + tuple(one for one in DEFAULTS if one.hypothesis not in named)


def plan(
    opinions: Sequence[View],
    playbooks: Sequence[PlaybookSettings],
    said: Hypothesis | None = None,
) -> tuple[Planned, ...]:
    """The actions for what is held, the gravest hypothesis first, each action once.

    An action is automatic only where its playbook lists it and the opinion may act alone: at least
    one sign is our own observation, and nobody outside could have staged it. Some actions are
    never automatic for some hypotheses, whatever is written: silence cuts nobody.

    Args:
        said: what a person says; nothing is automatic for it.
    """
    order = {one: rank for rank, one in enumerate(Hypothesis)}
    out: dict[str, Planned] = {}
    held = [(one.hypothesis, one.alone) for one in opinions if one.open]
    held += [] if said is None else [(said, False)]
    for hypothesis, ours in sorted(held, key=lambda one: order[one[0]]):
        for book in playbooks:
            if book.hypothesis is not hypothesis:
                continue
            for name in book.actions:
                able = hypothesis in ACTIONS[name].alone_for
                alone = able and name in book.automatic and ours
                before = out.get(name)
                if before is None or (alone and not before.automatic):
                    out[name] = Planned(name, alone, hypothesis)
    return tuple(out.values())
