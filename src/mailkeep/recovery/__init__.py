"""Recovery: how an account is taken back by its owner, and by nobody else. So far its facts.

Owns: nothing yet. Publishes: ``recovery.events``. Hears: nothing yet.
Security: will hold proofs, as keyed or slow hashes only.
"""
