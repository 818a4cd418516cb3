"""Signals: an OpenID Shared Signals 1.0 transmitter, which tells other services about account
security events.

``mapping`` decides which events are told and as what (pure), ``sets`` writes a token's claims
(pure), ``queue`` stores what is to be told, bounded, ``pushing`` and ``polling`` deliver it,
``streams`` is the API for receivers, ``receivers`` who they are, ``reachable`` where we may connect
to.

Owns: ``signal_receivers``, ``signal_streams``, ``signal_sets``, ``signal_unwanted``.
Publishes: ``signals.events``.
Hears: ``SessionsEnded``, ``AccountFrozen``, ``AccountThawed``, ``PasswordSet``,
``PasswordRemoved``, ``FactorBound``, ``FactorRevoked``, ``PasskeyCopied``, ``ChangeSettled``,
``ChangeDenied``, ``RecoveryRequested``, ``RecoveryDenied``; response calls its services.
Security: reads hostile input (receivers' requests, and what they answer to a push). Connects only
to origins that an operator named, at public addresses. Signs with the keys of ``base.signing``;
receivers' tokens are kept as keyed hashes, what they want sent along is sealed. What one receiver
is told names an account as no other one is told.
"""
