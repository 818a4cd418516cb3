"""Who hears what: facts go up from the rooms that record them to the rooms that act on them.

Each subscriber reads the log at its own pace, under a name that is never reused for anything else.
"""

from mailkeep.accounts.events import FactorBound, PasswordSet
from mailkeep.events.subscribe import Handler, Subscriber
from mailkeep.events.types import Fact
from mailkeep.mail.events import AttemptFinished
from mailkeep.recovery.services import Recovery
from mailkeep.watch.canaries import Canaries


def subscribers(recovery: Recovery | None, canaries: Canaries | None) -> list[Subscriber]:
    """The subscribers of a running Mailkeep, beside the watch, which reads every fact."""
    table: dict[str, dict[type[Fact], list[Handler]]] = {}
    if recovery is not None:
        table["recovery"] = {
            AttemptFinished: [recovery.on_attempt],
            FactorBound: [recovery.notices.on_credential],
            PasswordSet: [recovery.notices.on_credential],
        }
    if canaries is not None:
        table["canaries"] = {AttemptFinished: [canaries.on_attempt]}
    return [Subscriber(name, handlers) for name, handlers in table.items()]
