"""Recovery: how an account is taken back by its owner, and by nobody else.

``policy`` (pure) draws the routes, ``planning`` mints and mails the proofs, ``proving`` takes them
back, ``services`` finishes and denies, ``notices`` tells the owner, ``mails`` (pure) is what they
read, ``context`` what all of these need, ``retention`` what is forgotten.

Owns: ``recoveries``, ``recovery_proofs``, ``recovery_redemptions``, ``recovery_denials``.
Publishes: ``recovery.events``. Hears: ``mail.attempted`` and ``mail.provider_rested`` (a proof that
was refused, or may never arrive, is minted anew), ``accounts.password_set`` and the facts
of second factors (owners are told).
Security: reads hostile input (addresses, proofs, denials). Links are kept as keyed hashes, codes
under argon2id with a pepper; nothing that can be redeemed is ever read back.
"""
