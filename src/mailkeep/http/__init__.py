"""HTTP, the ways in: ``api/`` for applications, ``hooks/`` for providers, ``pages/`` for
customers, ``console/`` for the people who run it.

Owns: nothing stored. Publishes: nothing. Hears: nothing.
Security: reads hostile input. Every error is a problem document that holds no secret; GET and HEAD
change no state; pages load nothing from elsewhere and send no referrer.
"""
