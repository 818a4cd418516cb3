"""What is kept about one person: handed out, erased, or held because the law asks for it.

Which columns are about people is said by each room, in its ``personal.py``; export, erasure and the
map in the docs are made from that. An erasure waits, its owner is told, and it can be stopped: to
have somebody's account erased, or the traces of one's own deeds, must not be a way to attack. What
ties recoveries, exposures and facts together stays under pseudonyms for a stated time, so that
counts of incidents are the same afterwards.

Owns: ``erasures``, ``legal_holds``, ``privacy_uses``.
Publishes: nothing of its own; calls ``accounts.erasing``, which tells. Hears: ``SubjectErased``.
Security: reads everything about everybody, so each use is audited and counted against a limit that
a thief of the key cannot lift; opens no sealed body and shows no hash.
"""
