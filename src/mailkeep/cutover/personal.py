"""Declares which columns of the cutover room's tables hold personal data."""

from mailkeep.store.personal import Kept, Personal

PERSONAL: Personal = {
    "cutovers": Kept(
        what="a move of mail from one provider to another",
        under="for good",
        named="by",
        plain="id source target state at_once created_at started_at ended_at why pace gates live",
    ),
    "cutover_streams": Kept(
        what="how far a stream of it is",
        under="for good",
        plain="cutover_id stream place step since backs held_until why",
    ),
    "offboardings": Kept(
        what="a provider that is left for good",
        under="for good",
        named="by",
        plain="id provider hostile started_at done_at",
    ),
    "offboarding_items": Kept(
        what="what is to be done for it",
        under="for good",
        named="done_by",
        plain="offboarding_id name place how text due_at done_at note",
    ),
}
