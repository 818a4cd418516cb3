"""Store: one schema on two database engines, SQLite and PostgreSQL, and transactions on them.

Owns: the engine, the metadata that every room's ``tables.py`` registers on, the migrations.
Publishes: nothing. Hears: nothing.
Security: statements hold our own words only, every value is bound; the SQLite file is created with
mode 0600. Knows no keys: what must be secret is sealed before it arrives here.
"""
