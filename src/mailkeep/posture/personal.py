"""Declares that the posture room's table holds no customers' data: only our own names in the
register."""

from mailkeep.store.personal import Kept, Personal

PERSONAL: Personal = {
    "trust_models": Kept(
        what="the threat model of a time; people of ours who stand in the register are named in it",
        under="`keep` days of the chain of trust (1,100) after it was replaced",
        clear="document",
        plain="at seen_at digest seen_share",
    ),
    "trust_counts": Kept(
        what="how many accounts there are by class, factor and wide mail domain; nobody of them",
        under="until it is counted anew",
        plain="id at document",
    ),
}
