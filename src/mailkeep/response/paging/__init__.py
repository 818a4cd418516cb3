"""Paging: who is woken about an incident, over channels that the suspect does not carry.

``whom`` (pure) chooses people and words, ``desk`` stores pages and repeats them until somebody
takes the incident, ``bell`` sends them through Apprise.

Security: a page names no customer; it may be read by whoever carries it. The URLs of pagers are
secrets: they are read from the environment or a file and stand in no log.
"""
