"""Declares which columns of the mail room's tables hold personal data."""

from mailkeep.store.personal import Erasing, Kept, Personal

PERSONAL: Personal = {
    "addresses": Kept(
        what="who a pseudonym of the mail room is",
        under="messages",
        of="id:address",
        erasing=Erasing.REMOVED,
        clear="address",
        named="id",
    ),
    "messages": Kept(
        what="a mail: to whom, over which provider, what became of it; never its words",
        under="messages",
        of="address_id:address id:message_copies.message_id",
        erasing=Erasing.BLANKED,
        blank={"idempotency": None, "content_hash": None, "tags": ""},
        clear="tags",
        hashed="idempotency content_hash",
        named="id address_id attempt_id copies copy_of",
        said="stream priority status created_at expires_at next_at lease_until tries provider"
        " accepted_at family",
        plain="secret only avoid ours",
        others="copies",
    ),
    "message_copies": Kept(
        what="who else a mail went to",
        under="messages",
        of="address_id:address",
        named="address_id message_id",
    ),
    "message_bodies": Kept(
        what="the words of a mail that is on its way, or may have to be sent again",
        under="until it was handed over, and then for its stream's `keep`; secret ones lie sealed"
        " and go at handover",
        of="message_id:messages.id",
        erasing=Erasing.REMOVED,
        clear="data",
        named="message_id",
        said="hour",
        plain="again_by",
        others="data",
    ),
    "suppressions": Kept(
        what="an address that some streams' mail is held back from, why, and whose list says so",
        under="until somebody takes it off, or it expires; after an erasure as a pseudonym alone",
        of="address_id:address",
        erasing=Erasing.BLANKED,
        blank={"address": ""},
        clear="address",
        named="address_id",
        said="stream reason provider added_at since_at expires_at",
        plain="listed_by",
    ),
    "genuine_mails": Kept(
        what="the subject of a mail that its recipient may ask about",
        under="messages",
        of="message_id:messages.id",
        erasing=Erasing.REMOVED,
        sealed="sealed",
        named="code message_id",
    ),
    "attempts": Kept(
        what="a provider that was given a mail, and what it answered, in our words",
        under="messages",
        of="message_id:messages.id",
        named="id message_id provider_message_id",
        said="provider started_at seconds outcome detail",
    ),
    "exposures": Kept(
        what="which provider was given an address, on which days; it will know it for good",
        under="as long as the address is used; of who was erased: `erased`",
        of="address_id:address",
        named="address_id",
        said="provider stream day first_at last_at count",
        plain="counted",
    ),
    "exposed_firsts": Kept(
        what="since when a provider knows an address; of who was forgotten, under a number that"
        " names nobody",
        under="as long as the address is used; of who was erased: `erased`",
        of="address_id:address",
        named="address_id",
        said="provider first_at",
    ),
    "exposed_counts": Kept(
        what="how many addresses a provider was given in a minute, and in a day",
        under="for good",
        plain="span provider start before count",
    ),
    "claims": Kept(
        what="what a provider said of a mail",
        under="claims",
        of="address_id:address message_id:messages.id",
        named="claim_id message_id address_id",
        said="received_at event at_provider weight",
        plain="provider",
    ),
    "provider_states": Kept(
        what="what was said of a provider",
        under="for good",
        plain="provider cut_at cut_in cut_unsure reason rested_at rest_reason rest_in"
        " distrusted_at doubted_at",
    ),
    "shifts": Kept(
        what="how much of a provider's weight another one has by now",
        under="until the move is over and the settings say it",
        plain="stream source target share since",
    ),
    "api_keys": Kept(
        what="an API key and what it may do",
        under="for good",
        named="owner",
        plain="id name hash scopes streams domains networks created_at last_used_at expires_at"
        " revoked_at replaced_by application line",
    ),
    "journal": Kept(
        what="that a mail was told of by the application that sent it",
        under="messages",
        of="message_id:messages.id",
        named="mail message_id",
        said="provider received_at",
    ),
    "journal_waiting": Kept(
        what="what a provider said of a mail that the journal does not tell of yet",
        under="minutes: until a line tells of it",
        sealed="sealed",
        named="claim_id mail whom",
        said="provider received_at",
    ),
    "journal_copies": Kept(
        what="that a copy came of a mail that an application sent; nothing of the copy itself",
        under="messages",
        of="message_id:messages.id",
        named="copy address_id message_id",
        said="provider received_at bound_at",
    ),
    "journal_days": Kept(what="how much each key told of", under="messages", plain="key day count"),
    "caught_mail": Kept(
        what="the mailbox of development mode; there is none in production",
        under="the newest thousand",
        clear="recipient raw",
        named="id",
        said="at",
    ),
}
