"""Response: actions against an incident; previewed, applied, and undone where that is possible.

``actions/`` has one module for each action, ``playbooks`` decides which are proposed and which may
run alone (pure), ``playing`` carries that out within ``limits``, ``services`` is what a person asks
for and the loop, ``keeping`` stores actions, ``approval`` is the second person's approval,
``refusing`` bounds how often one says no, ``listing`` says who was exposed, ``hands`` cuts a
provider off while no incident is open and ``crying`` announces it,
``advisory`` (pure) is the warning to the exposed, ``owner_mail`` (pure) the notice to owners,
``telling`` says which of them were told, ``looking`` shows the accounts of an incident one by one,
``keysmith`` creates and revokes keys at providers. A long action resumes after a kill.

``paging/`` wakes people. ``report`` and ``drawing`` (pure) put an incident into words and a
picture, ``evidence`` puts them with what they rest on under one signature.

Owns: ``actions``, ``playbook_accounts``, ``playbook_runs``, ``approvals``, ``exposed_lists``,
``hand_cuts``, ``notices``, ``advisories``, ``pages``.
Publishes: ``response.events``, pages included.
Hears: ``IncidentOpened``, ``IncidentUpdated``, ``IncidentWeighed``, ``IncidentContained``,
``IncidentClosed``, ``SignalRaised``, ``ProviderRestored``, ``ProviderRested``,
``ProviderUnrested``, ``ProviderDistrusted``, ``ProviderTrusted``, and its own ``ActionFailed``.
Security: the only room that acts on suspicion. Everything is audited in the transaction of the act;
nothing acts alone on a claim, and no automatic act leaves fewer than two independent routes. Reads
contact points to tell owners; writes no address anywhere but into the mail itself.
"""
