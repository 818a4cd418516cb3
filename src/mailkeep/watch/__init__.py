"""Watch: reads the log of facts and says what may be going on, with its reasons.

``detectors/`` are pure: a state, a fact or a second of time in, signals out. ``correlation`` is
pure too: signals in, opinions out, each explained term by term. ``engine`` runs all detectors over
a log, live or replayed; ``runner`` is the thin shell that reads the log, keeps the detectors' state
beside its place, and records what they raise.

Owns: no tables; its state lies in its checkpoint of the event log.
Publishes: ``SignalRaised``, ``CanarySent``, ``CanaryArrived``.
Hears: attempts, delivery claims, recoveries, canaries (``mail``, ``recovery``, ``watch``).
Security: reads claims that outsiders can forge, so each signal says who could have staged it;
staged evidence alone never makes a provider compromised in our eyes and never allows an automatic
cut. State is bounded under floods of made-up names. Holds no keys and sends nothing.
"""
