"""Recovery: password reset by two proofs over independent routes: for the owner, and for nobody
else.

``policy`` (pure) draws the routes, ``turns`` says who comes next, ``planning`` mints and mails the
proofs, ``proving`` takes them back, ``risk`` and ``holding`` (pure) decide whether it waits, as
``orders`` of operators may demand, ``holds`` makes it wait, ``finishing`` judges, ``completing``
writes a password or has ``verdicts`` make a verdict for the application that keeps the account,
``claims`` (pure) is the content of the verdict, ``limiting`` is the rate limit, ``sharing`` decides
which users of an application are recovered here, ``rehearsing`` works out what would have become of
the resets that it keeps, ``rehearsed`` is that in numbers, ``denying`` and ``ending`` stop a
recovery, ``decoys`` plants mail of no recovery and hears who uses it, ``notices``,
``change_notices`` and ``sign_in_notices`` tell the owner, ``mails`` and ``subject_mails`` (pure)
are their texts, ``context`` holds what all of these need, ``services`` is the interface for the
rooms above, ``retention`` deletes old rows.

Owns: ``recoveries``, ``recovery_proofs``, ``recovery_redemptions``, ``recovery_denials``,
``recovery_decoys``, ``recovery_holds``, ``recovery_hold_notices``, ``change_notices``,
``recovery_suspicions``, ``recovery_hold_orders``, ``recovery_rehearsals``, ``verdict_requests``,
``verdicts``.
Publishes: ``recovery.events``.
Hears: ``mail.attempted`` and ``mail.provider_rested`` (a proof that was refused, or may never
arrive, is minted anew), the facts of second factors, of changes and of sign-ins,
``accounts.class_changed`` and ``accounts.subject_change_held`` (owners are told).
Security: reads hostile input (addresses, proofs, denials). Links are kept as keyed hashes, codes
under argon2id with a pepper, codes and tokens of verdicts as keyed hashes; nothing that can be
redeemed is ever read back.
"""
