"""Cutover: moves mail from one provider to another, and offboards a provider that is left.

The next step of a move is a pure decision (``decide``) over what mail keeps of every message, so
nothing is counted twice and a kill forgets nothing. ``sequential`` (pure) is the statistical test
that tells a worse target from a bad day. Weights are shifted by ``mail.shifting``, and only between
routes that the settings have.

Owns: ``cutovers``, ``cutover_streams``, ``offboardings``, ``offboarding_items``.
Publishes: ``cutover.events``. Hears: nothing; it looks at what mail and watch keep.
Security: weighs what providers say, the one that is left and the one that is new: their word alone
moves nothing forward, and back no further than to where mail was before.
"""
