"""Feed: signals and incidents told to the systems in which others look, a line of JSON each.

``lines`` (pure) is the schema and makes a line of a fact, ``signing`` (pure) signs it (Standard
Webhooks), ``outlets`` are where lines go: standard output, a file, a webhook. ``services`` reads
the log for each feed from its own place, hands over, and writes the place down afterwards, so that
a kill has a line told again and never lost.

Owns: ``feeds``.
Publishes: nothing.
Hears: ``SignalRaised``, ``IncidentOpened``, ``IncidentUpdated``, ``IncidentContained``,
``IncidentTaken``, ``IncidentRestored``, ``IncidentClosed``, each feed at its own pace.
Security: holds the secrets that sign webhooks. Connects only where an operator's settings say, to
public addresses and to networks that they name; what is answered is read up to a bound and never
obeyed. Lines carry what facts carry: pseudonymous ids, names of hosts, words of ours.
"""
