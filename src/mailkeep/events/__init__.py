"""Events: the append-only event log, the source of truth: append, order, subscribe, replay; and
leases for work that one process only should do.

Owns: ``events``, ``event_relay``, ``turns``, ``event_checkpoints``, ``audit``, ``audit_anchors``.
Publishes: every room's events, to whoever subscribes in ``app/subscriptions.py``, and
``events.events``.
Hears: nothing.
Security: events carry pseudonymous ids only, never an address, a body or a secret; audit entries
form a hash chain whose signed head can be kept elsewhere.
"""
