"""The subscription table: which handler receives which event, from the rooms that record events to
the rooms that act on them.

Each subscriber reads the log at its own pace, under a name that is never reused for anything else.
"""

from mailkeep.accounts.events import (
    AccountOpened,
    ChangeHeld,
    ChangesStopped,
    ClassChanged,
    ErasureAsked,
    FactorReminderDue,
    SignedInFact,
    SubjectChangeHeld,
    SubjectErased,
    SubjectLanguageChanged,
)
from mailkeep.events.subscribe import Handler, Subscriber, Wants
from mailkeep.events.types import Fact
from mailkeep.incidents.events import (
    IncidentClosed,
    IncidentContained,
    IncidentOpened,
    IncidentUpdated,
    IncidentWeighed,
)
from mailkeep.incidents.services import Incidents
from mailkeep.mail.events import (
    AttemptFinished,
    ProviderCut,
    ProviderDistrusted,
    ProviderRested,
    ProviderRestored,
    ProviderTrusted,
    ProviderUnrested,
)
from mailkeep.privacy.services import Privacy
from mailkeep.recovery import factor_words
from mailkeep.recovery.events import ProofVoided
from mailkeep.recovery.services import Recovery
from mailkeep.response.events import ActionFailed
from mailkeep.response.services import Response
from mailkeep.signals import mapping
from mailkeep.signals.services import Signals
from mailkeep.watch.canaries import Canaries
from mailkeep.watch.events import SignalRaised

from .audit_anchors import Anchors
from .provider_doubts import ProviderDoubts


def subscribers(
    recovery: Recovery | None,
    canaries: Canaries | None,
    incidents: Incidents,
    response: Response,
    doubts: ProviderDoubts,
    signals: Signals | None = None,
    anchors: Anchors | None = None,
    privacy: Privacy | None = None,
) -> list[Subscriber]:
    """The subscribers of a running Mailkeep, beside the watch, which reads every fact."""
    table: dict[str, dict[type[Fact], list[Handler]]] = {
        "incidents": {
            SignalRaised: [incidents.on_signal],
            ProviderCut: [incidents.on_cut],
            ProviderRestored: [incidents.on_restored],
            ProviderRested: [incidents.on_rested],
            ProviderUnrested: [incidents.on_rested],
            ProofVoided: [incidents.on_voided],
        },
        "doubts": {
            IncidentOpened: [doubts.on_incident],
            IncidentUpdated: [doubts.on_incident],
            IncidentClosed: [doubts.on_incident],
        },
        "response": {
            IncidentOpened: [
                response.desk.on_incident,
                response.player.on_incident,
                response.warner.on_incident,
            ],
            IncidentUpdated: [
                response.desk.on_incident,
                response.player.on_incident,
                response.warner.on_incident,
            ],
            IncidentWeighed: [response.player.on_weighed],
            IncidentContained: [response.player.on_incident, response.warner.on_incident],
            IncidentClosed: [
                response.desk.on_closed,
                response.player.on_closed,
                response.warner.on_incident,
            ],
            ActionFailed: [response.desk.on_failed],
            SignalRaised: [response.player.on_signal],
            ProviderRestored: [response.player.on_route_back, response.player.on_standing],
            ProviderUnrested: [response.player.on_route_back, response.player.on_standing],
            ProviderRested: [response.player.on_standing],
            ProviderDistrusted: [response.player.on_standing],
            ProviderTrusted: [response.player.on_standing],
        },
    }
    if recovery is not None:
        table["recovery"] = {
            AttemptFinished: [recovery.on_attempt],
            ProviderRested: [recovery.on_rested],
            AccountOpened: [recovery.notices.on_opened],
            SubjectChangeHeld: [recovery.notices.on_change_held],
            SubjectLanguageChanged: [recovery.notices.on_language],
            **{key: [recovery.notices.on_credential] for key in factor_words.FACTS},
            FactorReminderDue: [recovery.notices.on_reminder],
            ClassChanged: [recovery.notices.on_class],
            ErasureAsked: [recovery.notices.on_erasure],
            SignedInFact: [recovery.sign_in_notices.on_signed_in],
            ChangeHeld: [recovery.change_notices.on_held],
            ChangesStopped: [recovery.change_notices.on_stopped],
        }
    if signals is not None:
        table["signals"] = {fact: [signals.on_fact] for fact in mapping.TABLE}
    if anchors is not None:
        table["anchors"] = {IncidentClosed: [anchors.on_incident]}
    if privacy is not None:
        table["privacy"] = {SubjectErased: [privacy.erasing.on_subject]}
    if canaries is not None:
        table["canaries"] = {AttemptFinished: [canaries.on_attempt]}
    # These would hear every attempt, and there is one for every mail; the filter is asked first.
    only: dict[str, dict[type[Fact], Wants]] = {
        name: {AttemptFinished: one.hears}
        for name, one in (("recovery", recovery), ("canaries", canaries))
        if one is not None
    }
    return [Subscriber(name, handlers, only.get(name)) for name, handlers in table.items()]
