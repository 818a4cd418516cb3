"""The catalogue of threats by STRIDE: what mitigates each, and the test that shows it (pure).

A threat is a capability in the wrong hands, or a way to an account; who could have it is computed,
never written. A mitigation says what switches it on in this installation (``answers``), so that the
page shows what is, and not what could be. The tests are functions of Mailkeep's own repository; a
test fails when one of them is gone.
"""

from . import answers
from .threat_types import Mitigation, Threat, by
from .threats_of_ours import OURS

_SPLIT = Mitigation(
    "two proofs over routes that no party reads both of, judged again when they come back",
    answers.two_routes,
    (
        *by("rooms/recovery/test_recovery", "dependent_routes_are_not_two"),
        *by("scenarios/test_matrix", "who_reads_at_one_provider_wins_there_and_nothing_here"),
    ),
)
_FACTOR = Mitigation(
    "the second factor comes before the password is written",
    answers.factors,
    (
        *by("rooms/recovery/test_recovery", "the_factor_comes_before_the_password"),
        *by(
            "scenarios/test_matrix",
            "what_two_providers_carry_together_takes_a_password_and_stops_at_the_factor",
        ),
    ),
)

THREATS: tuple[Threat, ...] = (
    Threat(
        "reset-read",
        "E",
        "Somebody who reads mail at a provider starts resets and takes accounts",
        "accounts",
        (),
        (
            _SPLIT,
            _FACTOR,
            Mitigation(
                "half a proof in a strange browser names the route that is read",
                answers.watch("half_proof"),
                by(
                    "unit/watch/test_detectors",
                    "half_a_proof_names_its_route_when_the_other_does_not_come",
                ),
            ),
        ),
        ways=("both_proofs", "alone", "lost_factor"),
        premise="read",
    ),
    Threat(
        "mail-read",
        "I",
        "Somebody reads what customers are sent",
        "content of mail",
        ("read", "open"),
        (
            Mitigation(
                "secret bodies are sealed at rest and shredded once handed over",
                answers.always,
                (
                    *by(
                        "rooms/mail/test_outbox",
                        "a_secret_is_sealed_at_rest_and_gone_once_handed_over",
                    ),
                    *by("web/test_secrets", "what_is_kept_said_and_counted_holds_no_secret"),
                ),
            ),
            Mitigation(
                "reads and exports at the provider are looked for",
                answers.watch("export_seen"),
                by(
                    "unit/watch/test_account_drift",
                    "one_export_is_a_sign_and_more_are_a_stronger_one",
                ),
            ),
        ),
    ),
    Threat(
        "addresses",
        "I",
        "Somebody takes the list of customers away",
        "addresses of customers",
        ("list",),
        (
            Mitigation(
                "the exposure ledger says which address was given to whom",
                answers.always,
                by("rooms/mail/test_outbox", "the_claim_itself_writes_attempt_and_exposure"),
            ),
            Mitigation(
                "honey addresses that one provider alone was given name the leak",
                answers.watch("honey_hit"),
                by("unit/watch/test_foreign_mail", "mail_to_a_honey_address_names_its_provider"),
            ),
        ),
    ),
    Threat(
        "in-our-name",
        "S",
        "Somebody sends to customers as us",
        "our name",
        ("send", "text"),
        (
            Mitigation(
                "mail at a provider that we never sent is noticed",
                answers.watch("unknown_message"),
                by(
                    "unit/watch/test_foreign_mail",
                    "the_first_mail_that_is_not_ours_is_said_and_more_of_it_weighs_more",
                ),
            ),
            Mitigation(
                "receivers' DMARC reports are read",
                answers.watch("dmarc_stranger"),
                by("unit/watch/test_dmarc_stranger", "a_stranger_who_sends_as_us_is_loud"),
            ),
            Mitigation(
                "no provider has a key that signs as us, or stands for our name in SPF",
                answers.own_dkim,
                by(
                    "unit/posture/test_whatif",
                    "who_holds_no_key_and_no_place_in_spf_cannot_send_as_us",
                ),
            ),
        ),
    ),
    Threat(
        "altered",
        "T",
        "Somebody changes our mail on its way",
        "content of mail",
        ("read",),
        (
            Mitigation(
                "a canary shows a sender or a host that is not ours",
                answers.watch("stranger_in_mail"),
                by("unit/watch/test_detectors", "a_stranger_in_a_canary_names_the_provider_once"),
            ),
        ),
    ),
    Threat(
        "kept-back",
        "D",
        "A provider takes mail and does not deliver it, or nothing goes out at all",
        "delivery",
        ("drop", "stop"),
        (
            Mitigation(
                "every stream has a second route",
                answers.several,
                by(
                    "rooms/mail/test_lane",
                    "a_provider_that_hangs_holds_back_neither_the_other_nor_recovery",
                ),
            ),
            Mitigation(
                "silence is noticed within the limit of its traffic",
                answers.watch("delivery_silence"),
                by("unit/watch/test_simulated", "silence_is_told_within_a_tenth_of_the_limit"),
            ),
            Mitigation(
                "canaries tell what no report tells",
                answers.watch("canary_missing"),
                by(
                    "unit/watch/test_finer_delivery",
                    "a_canary_every_five_seconds_is_missed_in_fifteen",
                ),
            ),
        ),
    ),
    Threat(
        "dns",
        "S",
        "Somebody changes our DNS: signs as us, receives our mail, serves our pages",
        "our name",
        ("dns",),
        (_FACTOR,),
    ),
    Threat(
        "pages",
        "E",
        "Somebody stands before our pages and takes what owners type there",
        "accounts",
        ("pages", "catch"),
        (
            Mitigation(
                "pages are served over https only",
                answers.tls,
                by("rooms/http/test_over_tls", "who_has_come_over_tls_once_comes_by_nothing_else"),
            ),
            Mitigation(
                "what an account does after a takeover is noticed",
                answers.watch("takeover_pattern"),
                by(
                    "unit/watch/test_accounts_watched",
                    "an_account_that_is_made_somebodys_own_is_named",
                ),
            ),
        ),
    ),
    Threat(
        "mailbox",
        "E",
        "Somebody has a customer's own mailbox",
        "accounts",
        ("mailbox",),
        (
            _FACTOR,
            Mitigation(
                "a recovery that does not fit the account's history is held and noticed",
                answers.watch("misplaced_redemption"),
                by(
                    "unit/recovery/test_risk",
                    "a_new_phone_at_home_is_no_alarm_and_one_from_elsewhere_is",
                ),
            ),
            Mitigation(
                "takeovers that have one keeper of mailboxes in common point to it",
                answers.watch("mailbox_takeovers"),
                by(
                    "unit/watch/test_mailbox_takeovers",
                    "takeovers_that_have_one_keeper_in_common_point_to_it",
                ),
            ),
        ),
    ),
    *OURS,
)
