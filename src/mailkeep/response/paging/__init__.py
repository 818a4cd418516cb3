"""Waking people: who is paged about an incident, over what the suspect does not carry.

``whom`` (pure) chooses and writes the words, ``desk`` keeps what was paged and goes on until
somebody takes the incident, ``bell`` rings through Apprise.

Security: a page names no customer; it may be read by whoever carries it. The URLs of pagers are
secrets: they are read from the environment or a file and stand in no log.
"""
