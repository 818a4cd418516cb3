"""Events that the cutover room records."""

from mailkeep.events.types import Fact, fact


@fact("cutover.started")
class CutoverStarted(Fact, frozen=True, kw_only=True):
    """Mail begins to move from one provider to another; ``at_once``: it has."""

    cutover: str
    source: str
    target: str
    at_once: bool
    by: str


@fact("cutover.stepped")
class CutoverStepped(Fact, frozen=True, kw_only=True):
    """The new provider carries ``share`` of a stream. ``because`` is said when that is less than
    before, or everything at once."""

    cutover: str
    stream: str
    share: float
    because: str = ""


@fact("cutover.changed")
class CutoverChanged(Fact, frozen=True, kw_only=True):
    """A move is in another state, a word of ``cutover.types.State``. ``by``: a pseudonymous id, or
    ``cutover`` itself."""

    cutover: str
    state: str
    why: str
    by: str


@fact("cutover.offboarding")
class OffboardingStarted(Fact, frozen=True, kw_only=True):
    """A provider is being left for good. ``hostile``: it may be in an attacker's hands."""

    provider: str
    hostile: bool
    by: str


@fact("cutover.offboarded")
class ProviderOffboarded(Fact, frozen=True, kw_only=True):
    """Everything on the list of a provider that was left is done."""

    provider: str
    by: str
