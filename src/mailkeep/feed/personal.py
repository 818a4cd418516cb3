"""Declares that the feed room's table holds no personal data."""

from mailkeep.store.personal import Kept, Personal

PERSONAL: Personal = {
    "feeds": Kept(
        what="how far another system was told",
        under="for good",
        plain="name position leased_until next_at failures failing_since error told refused"
        " told_at waiting_since missed_since",
    ),
}
