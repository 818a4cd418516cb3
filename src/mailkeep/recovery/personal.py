"""Declares which columns of the recovery room's tables hold personal data: pseudonyms, no
address."""

from mailkeep.store.personal import Erasing, Kept, Personal

_UNDER = "recoveries"

PERSONAL: Personal = {
    "recoveries": Kept(
        what="a request to recover an account: who asked from where, and what became of it",
        under="recoveries; one that led to nothing: `tries`",
        of="account_id:account address_key:address",
        named="id address_key account_id asked_by network region area host",
        said="state known_browser asked_at expires_at due_at factor_tries stopped_at denied_at"
        " ended_at why degraded turn crowded",
        plain="application",
    ),
    "recovery_proofs": Kept(
        what="a link or code that was mailed",
        under=_UNDER,
        of="recovery_id:recoveries.id",
        hashed="lookup slow",
        named="id recovery_id message_id",
        said="kind provider minted_at expires_at voided_at",
    ),
    "recovery_redemptions": Kept(
        what="a browser that showed a proof",
        under=_UNDER,
        of="proof_id:recovery_proofs.id",
        named="proof_id browser",
        said="at",
    ),
    "recovery_denials": Kept(
        what="a way to say 'this was not me'",
        under=_UNDER,
        of="recovery_id:recoveries.id",
        hashed="hash",
        named="recovery_id",
        said="made_at used_at",
        plain="provider",
    ),
    "recovery_holds": Kept(
        what="why a recovery waits",
        under=_UNDER,
        of="recovery_id:recoveries.id",
        named="recovery_id browser",
        said="length reasons factor lost held_at clock_at until",
    ),
    "recovery_hold_notices": Kept(
        what="the mails that tell of a hold",
        under=_UNDER,
        of="recovery_id:recoveries.id",
        named="message_id recovery_id",
        plain="provider",
    ),
    "change_notices": Kept(
        what="the mails that tell of a held change, until they have left",
        under=_UNDER,
        of="change_id:account_changes.id",
        named="message_id change_id",
        plain="provider",
    ),
    "recovery_rehearsals": Kept(
        what="a reset that an application told of, and what would have become of it here",
        under="rehearsals",
        of="account_id:account address_key:address",
        named="id account_id address_key browser network agent",
        said="way asked_at due_at would why factor reasons length",
        plain="application",
    ),
    "recovery_suspicions": Kept(
        what="what speaks against a route", under="while it does", plain="provider hypothesis since"
    ),
    "recovery_decoys": Kept(
        what="a link that was mailed to nobody",
        under="as long as somebody may try it",
        plain="lookup provider planted_at",
    ),
    "recovery_hold_orders": Kept(
        what="which recoveries operators want held, until when",
        under="until they are over and another is given",
        of="account_id:account",
        erasing=Erasing.REMOVED,
        named="account_id",
        said="until",
        plain="id provider",
    ),
    "verdict_requests": Kept(
        what="a browser that an application sent here",
        under="tries",
        hashed="challenge",
        named="id browser",
        said="expires_at used_at",
        plain="application redirect_uri state nonce",
    ),
    "verdicts": Kept(
        what="what was proved, for an application",
        under=_UNDER,
        of="account_id:account",
        hashed="challenge code token",
        named="id account_id recovery_id",
        said="state why factor proofs made_at handed_at secured_at",
        plain="application redirect_uri nonce",
    ),
}
