"""Declares which columns of the watch room's tables hold personal data: next to none about
customers."""

from mailkeep.store.personal import Kept, Personal

PERSONAL: Personal = {
    "canaries": Kept(
        what="a mail to a mailbox of our own",
        under="an hour",
        plain="id provider message_id address_hash marker_hash mailbox honey created_at sent_at"
        " arrived_at",
    ),
    "canary_mailboxes": Kept(
        what="up to where a mailbox of ours at another host was read",
        under="for good",
        plain="name validity uid read_at failing_since error",
    ),
    "posture_accounts": Kept(
        what="our account at a provider, and when it was read",
        under="for good",
        plain="account due_at turn read_at told_at lists can_send",
    ),
    "posture_items": Kept(
        what="what that account holds; its users are our own people",
        under="while it holds it",
        sealed="sealed",
        named="item",
        plain="account list kind since",
    ),
    "posture_changes": Kept(
        what="what changed there, and who accepted it",
        under="history",
        clear="reason",
        sealed="sealed",
        named="accepted_by",
        plain="id account kind what strange at expected accepted_at",
    ),
    "posture_expected": Kept(
        what="a change that somebody announced",
        under="history",
        clear="reason",
        named="by",
        plain="id account kind until left at",
    ),
    "reports": Kept(
        what="a report about our domains; it names nobody",
        under="reports",
        plain="id kind reporter believed domain begins ends total failed received_at",
    ),
    "reports_refused": Kept(what="how many were not read", under="for good", plain="day why count"),
    "lookalikes": Kept(
        what="a name that looks like ours",
        under="for good",
        plain="name domain way place mx address fresh checked_at seen_at",
    ),
    "console_acts": Kept(
        what="what one of our own people did at a third party's console, as its audit log has it",
        under="history",
        clear="reason",
        sealed="sealed",
        named="actor network accepted_by",
        plain="id log party act at received_at expected accepted_at",
    ),
}
