"""Privacy: exports, erases or holds what is stored about one person (GDPR subject requests).

Each room declares its columns about people in its ``personal.py``; export, erasure and the data map
in the docs are generated from that. An erasure waits, its owner is told, and it can be stopped: to
have somebody's account erased, or the traces of one's own deeds, must not be a way to attack. What
links recoveries, exposures and events stays under pseudonyms for a stated time, so that counts of
incidents are the same afterwards.

Owns: ``erasures``, ``legal_holds``, ``privacy_uses``.
Publishes: ``PersonExported``; calls ``accounts.erasing``, which tells of an erasure. Hears:
``SubjectErased``.
Security: reads everything about everybody, so each use is audited and counted against a limit that
a thief of the key cannot lift; opens no sealed body and shows no hash.
"""
