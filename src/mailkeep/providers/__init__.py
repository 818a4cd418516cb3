"""Providers: one adapter module for each e-mail provider, all behind one port.

An adapter turns a message into a request, a reply into an outcome and a webhook into claims. It is
sans-I/O: it opens no socket and reads no clock, so its tests need no mocks and its answers can be
replayed. To add a provider: one module, one line in ``registry.py``, and recorded payloads under
``tests/contract/payloads/<kind>/``; the contract suite then holds it to everything here.

Owns: nothing stored. ``types.py`` is the vocabulary and the port, ``message.py`` a mail on its way
out; ``outgoing.py`` and ``attachments.py`` refuse what must not leave, ``mime.py`` writes RFC 5322
messages and ``parts.py`` what is in them, ``replies.py`` and ``webhooks.py`` read what comes back,
``registry.py`` lists the providers.
Publishes: nothing. Hears: nothing.
Security: reads hostile input (replies and webhooks, also of a provider in an attacker's hands) and
is handed one provider's key for the length of a call; keeps nothing. What a provider says comes out
as an outcome or a claim, never as a fact, and none of its free text, no address, link or code gets
into an outcome.
"""
