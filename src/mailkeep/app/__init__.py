"""App: puts the rooms together, starts them and stops them; looks them over, backs them up.

Owns: the settings file. Publishes: nothing. Hears: nothing; ``wiring.py`` says who hears what.
Security: reads the secrets of every role from the environment or from files, and hands each room
only its own. In development everything listens on loopback. ``doctor/`` reads what DNS and
providers answer, which anyone may have written; ``backup`` signs with the lasting keys.
"""
