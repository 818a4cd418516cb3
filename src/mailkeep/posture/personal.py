"""What the tables of the posture room keep about people: nothing; accounts are counted."""

from mailkeep.store.personal import Kept, Personal

PERSONAL: Personal = {
    "trust_models": Kept(
        what="who could take accounts, as it stood",
        under="for good",
        plain="at seen_at digest seen_share document",
    ),
}
