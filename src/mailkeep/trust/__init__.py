"""Trust: the graph of third parties behind each provider, and whether two routes share one that can
read both.

Owns: no table; the register of parties is read from the settings. Publishes: nothing.
Hears: nothing. Pure: knows nothing of accounts, mail or clocks.
Security: answers decide whether two mailed proofs count as two, so what is not known counts as
dependent, and a mistyped id is an error and never a party that nobody shares.
"""
