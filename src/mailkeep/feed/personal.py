"""What the table of the feed room keeps about people: nothing."""

from mailkeep.store.personal import Kept, Personal

PERSONAL: Personal = {
    "feeds": Kept(
        what="how far a feed has been told",
        under="for good",
        plain="name position leased_until next_at failures failing_since error told refused"
        " told_at",
    ),
}
