"""The registry of detectors, one line each."""

from mailkeep.watch.detector import Detects

from . import (
    abuse_report,
    accepted_not_delivered,
    account_drift,
    authentication_lost,
    canary_missing,
    console_sign_in,
    decoy_shown,
    delivery_silence,
    denial,
    dmarc_stranger,
    export_seen,
    factor_attacked,
    failover,
    half_proof,
    honey_account,
    honey_hit,
    lookalike,
    mailbox_takeovers,
    mass_rewrite,
    misplaced_redemption,
    provider_notice,
    provider_refusal,
    redeemed_undelivered,
    reset_fanout,
    reset_surge,
    stranger_in_mail,
    support_claim,
    takeover_pattern,
    tls_report,
    unknown_message,
    volume_mismatch,
)

DETECTORS: tuple[Detects, ...] = (
    delivery_silence.DETECTOR,  # mail goes out and no arrival is confirmed
    provider_refusal.DETECTOR,  # suspended, unauthorised, or out of order
    stranger_in_mail.DETECTOR,  # a canary came with a host that we never wrote
    authentication_lost.DETECTOR,  # canaries of one provider no longer pass for ours
    half_proof.DETECTOR,  # a strange browser had one proof and never the other
    reset_surge.DETECTOR,  # many more resets than usual
    denial.DETECTOR,  # owners say that it was not them
    support_claim.DETECTOR,  # customers tell the support desk that it was not them
    abuse_report.DETECTOR,  # people report mail in our name that is not ours
    dmarc_stranger.DETECTOR,  # receivers saw mail as our domain that is not ours
    tls_report.DETECTOR,  # servers that bring mail to us begin to fail over TLS
    lookalike.DETECTOR,  # a name like ours begins to take mail
    provider_notice.DETECTOR,  # a provider says itself that something is wrong
    honey_account.DETECTOR,  # a reset for an address that one provider alone was given
    decoy_shown.DETECTOR,  # somebody tried the link of a decoy
    canary_missing.DETECTOR,  # canaries do not come to one mailbox
    unknown_message.DETECTOR,  # a provider tells of mail that we never sent
    volume_mismatch.DETECTOR,  # a provider counts more mail than we gave it
    accepted_not_delivered.DETECTOR,  # mail for one family of mailboxes is taken and never arrives
    failover.DETECTOR,  # a stream went back and forth, or to a suspect
    reset_fanout.DETECTOR,  # one source asks for resets of many accounts, slowly
    redeemed_undelivered.DETECTOR,  # a proof was shown before its mail was delivered
    misplaced_redemption.DETECTOR,  # a recovery that does not fit the account's history
    takeover_pattern.DETECTOR,  # an account is changed in many ways soon after it was entered
    mailbox_takeovers.DETECTOR,  # accounts that are taken over have one keeper of their mailboxes
    honey_hit.DETECTOR,  # mail of others to an address that one provider alone was given
    account_drift.DETECTOR,  # keys, users, webhooks, senders at a provider are not as they were
    console_sign_in.DETECTOR,  # a stranger at a third party's console, as its audit log tells
    export_seen.DETECTOR,  # our mail or recipients were exported, or read, at a provider
    factor_attacked.DETECTOR,  # second factors are guessed at, or copied
    mass_rewrite.DETECTOR,  # an application's key wants many of its users changed
)
