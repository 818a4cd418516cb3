"""Command line: the ``mailkeep`` commands. Starts the app and, in development, the stand-in
providers.

Owns: nothing. Publishes: nothing. Hears: nothing.
Security: runs with the rights of who calls it; prints keys only where it has just made them, and in
development, on loopback. What others wrote is printed without what a terminal obeys.
"""
