"""HTTP entry points: ``api/`` for applications, ``hooks/`` for provider webhooks, ``pages/`` for
customers, ``console/`` for operators.

Owns: nothing stored. Publishes: nothing. Hears: nothing.
Security: reads hostile input. Every error is a problem document that holds no secret; GET and HEAD
change no state; pages load nothing from elsewhere and send no referrer.
"""
