"""Incidents: one record of each suspected event at a provider or against accounts, from its first
sign to its end.

Opinions of the watch become incidents by a pure decision (``decide``): one for each provider,
whatever is suspected of it, and one for a campaign that no provider explains. A person opens one as
well (``by_hand``). Both tracks' checklists and the headline are computed from state when somebody
looks; so is the blast radius, whose answers are stored as well (``answers``), along with whose mail
the suspects could read and, apart from it, what they are known to have taken (``content``).
``asking`` (pure) says when that is a question to our own people first, ``dismissal`` (pure) what
a person who closed one has looked at already. ``touched`` lists the
accounts behind the counts, ``harm`` (pure) judges how far somebody came with each.

Owns: ``incidents``, ``incident_entries``, ``blast_answers``. Publishes: ``incidents.events``.
Hears: ``SignalRaised``, ``ProviderCut``, ``ProviderRestored``, ``ProviderRested``,
``ProviderUnrested``, ``ProofVoided``; response calls its services.
Security: opens on evidence that outsiders can stage, which is why it acts on nothing itself. Its
texts are pseudonymous; what people write in notes is kept here and in no event.
"""
