"""Declares which columns of the operators room's tables hold personal data: operators', not
customers'."""

from mailkeep.store.personal import Erasing, Kept, Personal

PERSONAL: Personal = {
    "operators": Kept(
        what="who came to the console by the OpenID provider, and what they may do there",
        under="for good: the audit log names them by their id",
        clear="name",
        hashed="who",
        named="id",
        said="role first_at last_at",
    ),
    "operator_passkeys": Kept(
        what="whose passkey was shown at the console beside whose key",
        under="for good; it counts for thirty days",
        of="account_id:account",
        erasing=Erasing.REMOVED,
        named="owner account_id",
        said="at",
    ),
    "operator_sessions": Kept(
        what="who is signed in at the console",
        under="until it ends",
        of="account_id:account",
        erasing=Erasing.REMOVED,
        hashed="sid",
        named="id key_id operator_id account_id",
        said="began_at until seen_at",
    ),
}
