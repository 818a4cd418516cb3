"""Every detector, one line each."""

from mailkeep.watch.detector import Detects

from . import (
    account_drift,
    delivery_silence,
    denial,
    dmarc_stranger,
    export_seen,
    half_proof,
    honey_account,
    lookalike,
    provider_notice,
    provider_refusal,
    reset_surge,
    stranger_in_mail,
    support_claim,
)

DETECTORS: tuple[Detects, ...] = (
    delivery_silence.DETECTOR,  # mail goes out and no arrival is confirmed
    provider_refusal.DETECTOR,  # suspended, unauthorised, or out of order
    stranger_in_mail.DETECTOR,  # a canary came with a host that we never wrote
    half_proof.DETECTOR,  # a strange browser had one proof and never the other
    reset_surge.DETECTOR,  # many more resets than usual
    denial.DETECTOR,  # owners say that it was not them
    support_claim.DETECTOR,  # customers tell the support desk that it was not them
    dmarc_stranger.DETECTOR,  # receivers saw mail as our domain that is not ours
    lookalike.DETECTOR,  # a name like ours begins to take mail
    provider_notice.DETECTOR,  # a provider says itself that something is wrong
    honey_account.DETECTOR,  # a reset for an address that one provider alone was given
    account_drift.DETECTOR,  # keys, users, webhooks, senders at a provider are not as they were
    export_seen.DETECTOR,  # our mail or recipients were exported, or read, at a provider
)
