"""Declares which columns of the incidents room's tables hold personal data."""

from mailkeep.store.personal import Kept, Personal

PERSONAL: Personal = {
    "incidents": Kept(
        what="what may be going on, about a provider, a campaign or an account",
        under="for good",
        clear="notified_as",
        named="subject_id closed_by taken_by said_by notified_by",
        said="opinions blast",
        plain="id part_of subject_kind state opened_at since contained_at restored_at closed_at"
        " quiet_since taken_at said said_at said_since said_until aware_at notified notified_at",
    ),
    "blast_answers": Kept(
        what="how many an incident may have touched, as it was answered then: counts alone",
        under="for good",
        plain="incident_id number at blast",
    ),
    "incident_entries": Kept(
        what="a line of the timeline; people's notes are what they wrote: name nobody in them",
        under="for good",
        clear="text",
        named="by events",
        said="at kind count",
        plain="incident_id line",
    ),
}
