"""Declares which columns of the privacy room's tables hold personal data."""

from mailkeep.store.personal import Kept, Personal

PERSONAL: Personal = {
    "erasures": Kept(
        what="that somebody was erased: it is done again after an older backup was restored",
        under="its names: `erased`; the rest for good",
        named="accounts addresses by ended_by",
        said="at due_at counts ended_at",
        plain="id state",
    ),
    "legal_holds": Kept(
        what="that nothing of somebody may be erased, and why",
        under="while it lasts; its names and why from its end on: `erased`; the rest for good",
        clear="reason",
        named="accounts addresses by ended_by",
        said="at ended_at",
        plain="id",
    ),
    "privacy_uses": Kept(
        what="that an export or an erasure was asked for",
        under="tries",
        named="by",
        plain="id kind count",
    ),
}
