"""Recovery: how an account is taken back by its owner, and by nobody else.

``policy`` (pure) draws the routes, ``planning`` mints and mails the proofs, ``proving`` takes them
back, ``risk`` and ``holding`` (pure) say whether it waits, ``holds`` has it wait, ``services``
finishes, ``denying`` and ``ending`` stop it, ``notices`` tells the owner, ``mails`` (pure) is what
they read, ``context`` what all of these need, ``retention`` what is forgotten.

Owns: ``recoveries``, ``recovery_proofs``, ``recovery_redemptions``, ``recovery_denials``,
``recovery_holds``, ``recovery_hold_notices``, ``recovery_suspicions``.
Publishes: ``recovery.events``. Hears: ``mail.attempted`` and ``mail.provider_rested`` (a proof that
was refused, or may never arrive, is minted anew), ``accounts.password_set`` and the facts
of second factors (owners are told).
Security: reads hostile input (addresses, proofs, denials). Links are kept as keyed hashes, codes
under argon2id with a pepper; nothing that can be redeemed is ever read back.
"""
