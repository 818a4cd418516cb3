"""Recovery: how an account is taken back by its owner, and by nobody else.

``policy`` (pure) draws the routes, ``planning`` mints and mails the proofs, ``proving`` takes them
back, ``services`` finishes and denies, ``completing`` writes a password or has ``verdicts`` make a
verdict for the application that keeps the account, ``claims`` (pure) is what it says, ``notices``
tells the owner, ``mails`` (pure) is what they read, ``context`` what all of these need,
``retention`` what is forgotten.

Owns: ``recoveries``, ``recovery_proofs``, ``recovery_redemptions``, ``recovery_denials``,
``verdict_requests``, ``verdicts``.
Publishes: ``recovery.events``. Hears: ``mail.attempted`` and ``mail.provider_rested`` (a proof that
was refused, or may never arrive, is minted anew), ``accounts.factor_bound`` and
``accounts.password_set`` (owners are told), ``accounts.subject_change_held`` (told, and can stop
it).
Security: reads hostile input (addresses, proofs, denials). Links are kept as keyed hashes, codes
under argon2id with a pepper, codes and tokens of verdicts as keyed hashes; nothing that can be
redeemed is ever read back.
"""
