"""SMTP entry points: submission by applications, and mail that is sent to us.

``door.py`` and ``connection.py`` are what both listeners share.

Owns: nothing stored. Publishes: nothing. Hears: nothing.
Security: reads hostile input from anyone who can connect; sizes, recipients, connections, memory
and time are bounded. Holds the certificate's key. Submission takes API keys over TLS or on
loopback; the canaries' listener is a public mail server.
"""
