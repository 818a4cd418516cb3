"""SMTP, the way in for mail that is sent to us; ``door.py`` is what both listeners share.

Owns: nothing stored. Publishes: nothing. Hears: nothing.
Security: reads hostile input from anyone who can connect; sizes, recipients and time are bounded.
Holds no keys. Submission listens on loopback only; the canaries' listener is a public mail server.
"""
