"""The ordinary set-up that the drill attacks beside ours: a stock django-allauth site.

Purpose: be what many applications are: good libraries, their defaults, one mail provider.
Owns: a SQLite file in a directory that the drill gives it and removes.
Use: ``python -m mailkeep_drill.site --home DIR --api URL --key KEY --token TOKEN``; the first line
on standard output is JSON with its address.
Security: loopback only. ``/drill/send`` sends mail for whoever has the token: the background mail.
"""
