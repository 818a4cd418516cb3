"""Declares which columns of the signals room's tables hold personal data: ids, and receivers' names
for them."""

from mailkeep.store.personal import Kept, Personal

PERSONAL: Personal = {
    "signal_receivers": Kept(
        what="a service that is told",
        under="for good",
        plain="id name audience application origins hash old_hash old_until created_at",
    ),
    "signal_streams": Kept(
        what="how it is told",
        under="for good",
        sealed="authorization",
        plain="id receiver_id method endpoint requested description status reason created_at"
        " verified_at leased_until next_at failures failing_since error refusals",
    ),
    "signal_sets": Kept(
        what="an event that it was told, about an account as it knows it",
        under="signals",
        of="account_id:account",
        named="id account_id subject txn",
        said="kind fold body at made_at due_at state tries sent_at ended_at",
        plain="receiver_id cause error",
    ),
    "signal_unwanted": Kept(
        what="an account of which it wants to hear nothing",
        under="as long as its stream",
        named="subject",
        plain="stream_id",
    ),
}
