"""Response: what is done about an incident; previewed, applied, undone where that is possible.

``actions/`` has one module an action, ``playbooks`` says which are proposed and which may act alone
(pure), ``playing`` does what those say, ``services`` what a person asks for and the loop,
``keeping`` the rows of actions, ``approval`` what waits for a second person, ``listing`` who was
exposed, ``hands`` cuts a provider off while no incident is open and ``crying`` tells everybody,
``advisory`` (pure) what the exposed are told, ``keysmith`` makes and revokes keys at providers. An
action that takes long goes on where it stood after a kill.

``paging/`` wakes people. ``report`` and ``drawing`` (pure) put an incident into words and a
picture, ``evidence`` puts them with what they rest on under one signature.

Owns: ``actions``, ``approvals``, ``exposed_lists``, ``hand_cuts``, ``notices``, ``advisories``,
``pages``.
Publishes: ``response.events``, pages included. Hears: ``IncidentOpened``, ``IncidentUpdated``,
``IncidentContained``, ``IncidentClosed``, ``SignalRaised``, ``ProviderRestored``,
``ProviderUnrested``.
Security: the only room that acts on suspicion. Everything is audited in the transaction of the
act; nothing acts alone on a claim, and no automatic act leaves fewer than two independent routes.
Reads contact points to tell owners; writes no address anywhere but into the mail itself.
"""
