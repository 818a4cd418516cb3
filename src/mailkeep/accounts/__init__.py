"""Accounts: who may sign in, at which addresses they are reached, and what they prove it with;
and the users of applications that keep their own table.

Owns: ``accounts``, ``contact_points``, ``former_contact_points``, ``passwords``, ``factors``,
``factor_failures``, ``totp_factors``, ``passkeys``, ``passkey_challenges``, ``saved_codes``,
``factor_demands``,
``factor_exemptions``, ``factor_adoption``, ``account_sessions``, ``confirmations``, ``tries``,
``account_changes``, ``change_denials``, ``applications``, ``sign_in_grants``,
``subject_changes``, ``subject_stops``.
Publishes: ``accounts.events``.
Hears: nothing; recovery calls its services. Mails nothing: what must be mailed is returned to the
caller, or told as a fact.
Security: reads hostile input (passwords, codes, what passkeys signed, session cookies). Passwords,
short and saved codes are kept under argon2id with a pepper, sessions as keyed hashes, TOTP secrets
sealed. Replies, and the work behind them, are the same whether an account exists or not.
"""
