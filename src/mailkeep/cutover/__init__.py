"""Cutover: mail moves from one provider to another, and a provider is left behind in good order.

What a move does next is a pure decision (``decide``) over what mail keeps of every message, so that
nothing is counted twice and a kill forgets nothing. ``sequential`` (pure) tells a worse target from
a bad day. Routes move by ``mail.shifting``; only those that the settings have can.

Owns: ``cutovers``, ``cutover_streams``, ``offboardings``, ``offboarding_items``.
Publishes: ``cutover.events``. Hears: nothing; it looks at what mail and watch keep.
Security: weighs words of providers, the one that is left and the one that is new: by themselves
they move nothing forward, and back no further than to where mail was before.
"""
