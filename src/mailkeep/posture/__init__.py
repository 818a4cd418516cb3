"""Posture: what falls if this one falls. Trust's rules over the live routes and accounts.

Composes what-if, single points, the threat model and visibility from the register of parties, the
routes that stand, counts of accounts and of the exposure ledger, the detectors that are on and the
playbooks. Everything that decides is pure; ``services`` keeps a model when it changed, ``counts``
counts ahead what takes seconds to count, and ``ready`` keeps answers while nothing changed.

Owns: ``trust_models``, ``trust_counts``. Publishes: nothing. Hears: nothing.
Security: reads counts and never an address. What it shows is a map for an attacker too: it needs
a key that may read, or the console.
"""
