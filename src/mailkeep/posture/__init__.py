"""Posture: what-if analysis of third parties, single points of failure, and the generated threat
model.

It composes them from the register of parties, the current routes, counts of accounts and of the
exposure ledger, the detectors that are on and the playbooks. Everything that decides is pure;
``services`` stores a model when it changed, ``counts`` precomputes what takes seconds to count, and
``ready`` caches answers while nothing changed.

Owns: ``trust_models``, ``trust_counts``. Publishes: nothing. Hears: nothing.
Security: reads counts and never an address. What it shows is a map for an attacker too: it needs a
key that may read, or the console.
"""
