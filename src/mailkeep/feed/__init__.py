"""Feed: what is in the log, told to other systems: signals and incidents, a line of JSON each, to
those in which others look; what became of messages (delivery events) to the applications.

``lines`` and ``delivery`` (pure) are the schemas and make a line, or an event, of a fact;
``happened`` reads events out of the log; ``signing`` (pure) signs (Standard Webhooks); ``outlets``
are where lines go: standard output, a file, a webhook. ``services`` reads the log for each feed
from its own place, hands over, and writes the place down afterwards, so that a kill has a line told
again and never lost; ``placing`` moves a place when an operator says so.

Owns: ``feeds``. Publishes: nothing.
Hears: ``SignalRaised``, ``IncidentOpened``, ``IncidentUpdated``, ``IncidentContained``,
``IncidentTaken``, ``IncidentRestored``, ``IncidentClosed``; ``AttemptFinished``,
``DeliveryReported``, ``MessageGivenUp``, ``MessageRequeued``, ``CopySplit``; each feed at its own
pace.
Security: holds the secrets that sign webhooks. Connects only where an operator's settings say, to
public addresses and to networks that they name; what is answered is read up to a bound and never
obeyed, but for how long to wait. Lines carry what facts carry: pseudonymous ids, names of hosts,
words of ours; an event the recipient's address where the settings ask for it.
"""
