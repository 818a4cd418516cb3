"""Second factors (MFA): one module for each kind, one record of all authenticators, one service.

``types`` has the words; ``record`` keeps every authenticator that was ever bound, and counts what
fails; ``totp``, ``passkeys`` and ``saved_codes`` know their own kind only; ``services`` is what the
rest of the house calls: weigh an answer, prove it, bind, rename, revoke.

Security: an answer is weighed outside a transaction (a slow hash, a signature) and counted, decided
and used up inside one, so that guesses sent at once overrun no limit and no code counts twice.
"""
