"""The playbooks of an incident, as the API writes them."""

import msgspec

from mailkeep.response.types import BookView


class PlaybookLimitsOut(msgspec.Struct):
    accounts: int | None
    each_day: int | None
    parties: tuple[str, ...]
    streams: tuple[str, ...]


class PlaybookOut(msgspec.Struct):
    """A playbook with a weight or limits, for something that is held. ``log_odds``: of the opinion,
    in nats; ``firm``: the part that nobody outside could have staged. ``plays``: it proposes;
    ``acts``: it may act by itself, as far as the weight goes."""

    hypothesis: str
    weight: float | None
    log_odds: float
    firm: float | None
    plays: bool
    acts: bool
    limits: PlaybookLimitsOut


def playbook(one: BookView) -> PlaybookOut:
    """As the API and the command line write it."""
    limits = one.limits
    return PlaybookOut(
        hypothesis=one.hypothesis.value,
        weight=one.weight,
        log_odds=one.log_odds,
        firm=one.firm,
        plays=one.plays,
        acts=one.acts,
        limits=PlaybookLimitsOut(limits.accounts, limits.each_day, limits.parties, limits.streams),
    )
