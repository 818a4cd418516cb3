"""Base: the clock, ids, keys and sealing, and the errors every room may raise.

Owns: the key files under the home directory (never in the database, never in a backup of it).
Publishes: nothing. Hears: nothing.
Security: holds every key of the process in memory; a room gets only what it asks for by name, and
keys never show in a repr. No Mailkeep vocabulary here: what a key protects is said by its user.
"""
