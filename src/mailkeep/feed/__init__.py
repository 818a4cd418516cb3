"""Feed: exports signals and incidents to other systems, such as a SIEM, as JSON lines.

``lines`` (pure) is the schema and makes a line of an event, ``signing`` (pure) signs it (Standard
Webhooks), ``outlets`` are the destinations: standard output, a file, a webhook. ``services`` reads
the log for each feed from its own checkpoint, delivers, and advances the checkpoint afterwards, so
a kill repeats a line and never loses one.

Owns: ``feeds``. Publishes: nothing.
Hears: ``SignalRaised``, ``IncidentOpened``, ``IncidentUpdated``, ``IncidentContained``,
``IncidentTaken``, ``IncidentRestored``, ``IncidentClosed``, each feed at its own pace.
Security: holds the secrets that sign webhooks. Connects only where an operator's settings say, to
public addresses and to networks that they name; replies are read up to a bound and never obeyed.
Lines carry what events carry: pseudonymous ids, names of hosts, words of ours.
"""
