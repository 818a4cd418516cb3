"""Threats to what is ours: operators, process, stores and keys (pure); see ``threats``."""

from . import answers
from .threat_types import Mitigation, Threat, by

_ANCHORED = Mitigation(
    "the head of the audit chain is taken outside, where nobody here can rewrite it",
    answers.anchored,
    by("rooms/events/test_anchors", "a_rewritten_chain_is_betrayed"),
)

OURS: tuple[Threat, ...] = (
    Threat(
        "operator",
        "E",
        "Somebody acts as an operator",
        "the house",
        ("operate",),
        (
            Mitigation(
                "operators start things, and never learn or choose a customer's secret",
                answers.accounts,
                by("rooms/recovery/test_recovery", "staff_start_a_recovery_and_learn_nothing"),
            ),
            Mitigation(
                "the console asks for a passkey besides the key",
                answers.passkey,
                by("rooms/http/test_console_passkey", "a_key_that_leaked_opens_no_console"),
            ),
        ),
    ),
    Threat(
        "denied",
        "R",
        "Somebody who acted says that it was not them",
        "the record",
        ("operate", "stop"),
        (
            Mitigation(
                "every act is in a hash chain whose signed head can be anchored outside",
                answers.always,
                by("rooms/events/test_log", "the_audit_chain_shows_what_was_altered"),
            ),
            _ANCHORED,
        ),
    ),
    Threat(
        "process",
        "E",
        "Somebody runs as our process: writes passwords, reads the secrets to providers",
        "accounts",
        (),
        (_ANCHORED,),
        ways=("process",),
    ),
    Threat(
        "database",
        "T",
        "Somebody writes our database: gives an account another address, and takes its factor off",
        "accounts",
        (),
        (_ANCHORED,),
        ways=("written",),
    ),
    Threat(
        "copied",
        "I",
        "Somebody copies our database or a backup: lists every address, and opens accounts together"
        " with the key files",
        "addresses of customers",
        (),
        (
            Mitigation(
                "secrets of mail are sealed under hourly keys that no backup holds",
                answers.always,
                by(
                    "rooms/app/test_backup", "a_secret_body_is_gone_from_every_backup_with_its_hour"
                ),
            ),
            Mitigation(
                "passwords and short codes lie under a slow salted hash",
                answers.accounts,
                by(
                    "rooms/recovery/test_kept",
                    "short_codes_and_passwords_lie_under_a_slow_salted_hash",
                ),
            ),
        ),
        ways=("ledger", "store_and_keys"),
    ),
    Threat(
        "keys",
        "S",
        "Somebody has our key files: signs verdicts, sign-ins, security events and the audit head",
        "our name",
        ("vouch",),
        (
            Mitigation(
                "a stolen signing key is replaced at once, in every process",
                answers.always,
                by("unit/base/test_signing", "a_stolen_key_is_replaced_at_once_in_every_process"),
            ),
            Mitigation(
                "a verdict is fetched for a code, and acknowledged before a password is written",
                answers.accounts,
                by(
                    "rooms/recovery/test_verdicts",
                    "the_token_acts_on_its_own_verdict_once_and_in_time",
                ),
            ),
        ),
    ),
    Threat(
        "application",
        "E",
        "Somebody has an application's API key and its client secret: registers another address of"
        " a user, and answers for it",
        "accounts",
        (),
        (
            Mitigation(
                "such a change waits, and its owner is told and can stop it",
                answers.accounts,
                by(
                    "rooms/accounts/test_subjects",
                    "a_thief_of_the_key_takes_no_account_before_its_owner_could_stop_it",
                ),
            ),
        ),
        ways=("planted",),
    ),
    Threat(
        "phones",
        "S",
        "Somebody has our customers' telephones",
        "accounts",
        ("phones",),
        (
            Mitigation(
                "a text message is never enough alone, and no code goes by one while no provider"
                " sends any",
                answers.always,
                (
                    *by(
                        "unit/trust/test_reach",
                        "where_one_route_may_do_the_text_message_is_never_it",
                    ),
                    *by(
                        "unit/posture/test_whatif",
                        "a_relay_carries_no_text_messages_whatever_its_party_is_called",
                    ),
                ),
            ),
        ),
    ),
    Threat(
        "claims",
        "S",
        "Somebody says in a provider's name what became of mail",
        "delivery",
        ("claim",),
        (
            Mitigation(
                "a webhook without the right signature or secret is refused",
                answers.hooks,
                (
                    *by("contract/test_provider_webhooks", "a_forged_webhook_is_rejected"),
                    *by("rooms/http/test_webhooks", "what_is_not_signed_is_refused_whatever_it_is"),
                ),
            ),
            Mitigation(
                "what a suspect said is taken back when it is cut off, and its mail sent again",
                answers.always,
                by(
                    "rooms/mail/test_claims",
                    "what_a_suspect_says_that_it_delivered_is_taken_back_by_the_cut",
                ),
            ),
            Mitigation(
                "no bounce keeps a reset from its owner",
                answers.accounts,
                by(
                    "rooms/mail/test_suppressions",
                    "no_list_stands_between_an_owner_and_their_account",
                ),
            ),
        ),
    ),
)
