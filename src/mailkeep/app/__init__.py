"""App: the composition root: wires the rooms, starts and stops them; doctor, backups and telemetry.

``application`` is one process; each ``wiring_*`` builds one part of it from the settings, and
``subscriptions`` says who hears which facts. ``settings`` reads ``mailkeep.toml``; each
``settings_*`` holds a rule of it. ``provider_*`` and ``detector_*`` answer questions about
providers and detectors that no room below can answer alone.

Owns: the settings file. Publishes: nothing. Hears: nothing.
Security: reads the secrets of every role from the environment or from files, and hands each room
only its own. In development everything listens on loopback. ``doctor/`` reads what DNS and
providers answer, which anyone may have written; ``backup`` signs with the lasting keys.
"""
