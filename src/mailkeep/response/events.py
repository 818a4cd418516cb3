"""Events that the response room records."""

from mailkeep.events.types import Fact, fact


@fact("response.proposed")
class ActionProposed(Fact, frozen=True, kw_only=True):
    """A playbook suggests an action."""

    incident: str
    action: str


@fact("response.limited")
class ActionLimited(Fact, frozen=True, kw_only=True):
    """A playbook has reached a limit: it leaves an action, or the rest of it, to people."""

    incident: str
    action: str


@fact("response.asked")
class ActionAsked(Fact, frozen=True, kw_only=True):
    """Somebody asks for what a second person must approve. ``step``: ``apply`` or ``undo``."""

    incident: str
    action: str
    step: str
    request: str
    by: str


@fact("response.decided")
class ActionDecided(Fact, frozen=True, kw_only=True):
    """Somebody said yes or no to what was asked for."""

    incident: str
    action: str
    step: str
    request: str
    by: str
    approved: bool


@fact("response.started")
class ActionStarted(Fact, frozen=True, kw_only=True):
    """An action began. ``by``: a person's id, or ``playbook``."""

    incident: str
    action: str
    by: str


@fact("response.applied")
class ActionApplied(Fact, frozen=True, kw_only=True):
    """An action is done."""

    incident: str
    action: str
    by: str


@fact("response.failed")
class ActionFailed(Fact, frozen=True, kw_only=True):
    """An action could not be done."""

    incident: str
    action: str
    by: str


@fact("response.paged")
class Paged(Fact, frozen=True, kw_only=True):
    """A pager took a page about an incident: which of its pages, after how many tries."""

    incident: str
    pager: str
    round: int
    tries: int


@fact("response.page_failed")
class PageFailed(Fact, frozen=True, kw_only=True):
    """A pager took no page for as long as one is tried."""

    incident: str
    pager: str
    round: int
    tries: int


@fact("response.page_spared")
class PageSpared(Fact, frozen=True, kw_only=True):
    """Nobody was paged for an incident about one customer's account when it opened, since somebody
    was for another such one of late."""

    incident: str


@fact("response.undone")
class ActionUndone(Fact, frozen=True, kw_only=True):
    """An action was taken back."""

    incident: str
    action: str
    by: str


@fact("response.stopped")
class ActionStopped(Fact, frozen=True, kw_only=True):
    """A person held an action up on its way; what was done of it stays done."""

    incident: str
    action: str
    by: str
