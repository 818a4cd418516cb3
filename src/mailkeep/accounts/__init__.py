"""Accounts: who may sign in, at which addresses they are reached, and what they prove it with;
and the users of applications that keep their own table.

Owns: ``accounts``, ``contact_points``, ``passwords``, ``totp_factors``, ``account_sessions``,
``confirmations``, ``tries``, ``account_changes``, ``change_denials``, ``applications``,
``subject_changes``, ``subject_stops``. Publishes: ``accounts.events``. Hears: nothing; recovery
calls its services. Mails nothing: what must be mailed is returned to the caller, or told as a fact.
Security: reads hostile input (passwords, codes, session cookies). Passwords and short codes are
kept under argon2id with a pepper, sessions as keyed hashes, TOTP secrets sealed. Replies, and the
work behind them, are the same whether an account exists or not.
"""
