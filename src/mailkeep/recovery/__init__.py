"""Recovery: how an account is taken back by its owner, and by nobody else.

``policy`` (pure) draws the routes, ``planning`` mints and mails the proofs, ``proving`` takes them
back, ``risk`` and ``holding`` (pure) say whether it waits, as ``orders`` of operators may,
``holds`` has it wait, ``finishing`` judges, ``completing`` writes a password or has ``verdicts``
make a verdict for the application that keeps the account, ``claims`` (pure) is what it says,
``limiting`` how often, ``sharing`` which users of an application are recovered here,
``rehearsing`` what would have become of the resets that it keeps, ``rehearsed`` that in numbers,
``denying`` and ``ending`` stop it, ``decoys`` plants mail of no recovery and hears who shows it,
``notices``, ``change_notices`` and ``sign_in_notices`` tell the owner, ``mails`` and
``subject_mails`` (pure) are what they read, ``context`` what all of these need, ``services`` what
the rooms above command, ``retention`` what is forgotten.

Owns: ``recoveries``, ``recovery_proofs``, ``recovery_redemptions``, ``recovery_denials``,
``recovery_decoys``, ``recovery_holds``, ``recovery_hold_notices``, ``recovery_suspicions``,
``recovery_hold_orders``, ``recovery_rehearsals``, ``verdict_requests``, ``verdicts``.
Publishes: ``recovery.events``. Hears: ``mail.attempted`` and ``mail.provider_rested`` (a proof that
was refused, or may never arrive, is minted anew), the facts of second factors, of changes
and of sign-ins, ``accounts.class_changed`` and ``accounts.subject_change_held`` (owners are told).
Security: reads hostile input (addresses, proofs, denials). Links are kept as keyed hashes, codes
under argon2id with a pepper, codes and tokens of verdicts as keyed hashes; nothing that can be
redeemed is ever read back.
"""
