"""App: the composition root: wires the rooms, starts and stops them; doctor, backups and telemetry.

Owns: the settings file. Publishes: nothing. Hears: nothing; ``wiring.py`` says who hears what.
Security: reads the secrets of every role from the environment or from files, and hands each room
only its own. In development everything listens on loopback. ``doctor/`` reads what DNS and
providers answer, which anyone may have written; ``backup`` signs with the lasting keys.
"""
