"""Declares what the log and the audit chain hold about people: pseudonyms and ids, which outlive
them."""

from mailkeep.store.personal import Kept, Personal

PERSONAL: Personal = {
    "events": Kept(
        what="a fact; an export finds those that name somebody",
        under="facts about single mails: `facts`; all others: `history`",
        named="data",
        said="kind at",
        plain="id position placed_at",
    ),
    "event_relay": Kept(
        what="who gives facts their places",
        under="for good",
        plain="id holder leased_until position placed_through",
    ),
    "turns": Kept(
        what="which process does what only one should do",
        under="for good",
        plain="name holder until",
    ),
    "event_checkpoints": Kept(
        what="how far a reader of the log is; what detectors remember, by names",
        under="for good; what a detector remembers, for its window",
        named="state",
        plain="subscriber position",
    ),
    "audit": Kept(
        what="an act of an operator or of ours, by random ids; nothing is taken out of the chain",
        under="for good",
        named="actor data",
        said="at act",
        plain="number previous hash",
    ),
    "audit_anchors": Kept(
        what="where the chain's head was taken last",
        under="for good",
        plain="place number hash at tried_at error",
    ),
}
