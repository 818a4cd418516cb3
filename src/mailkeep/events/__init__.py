"""Events: the log of facts, the truth of the system; append, place, subscribe, replay; whose turn
it is to do what one process should do.

Owns: ``events``, ``event_relay``, ``turns``, ``event_checkpoints``, ``audit``, ``audit_anchors``.
Publishes: every room's facts, to whoever subscribes in ``app/wiring.py``, and ``events.events``.
Hears: nothing.
Security: facts carry pseudonymous ids only, never an address, a body or a secret; audit entries
form a hash chain whose signed head can be kept elsewhere.
"""
