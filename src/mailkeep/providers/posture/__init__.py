"""What a provider's API tells of our account there: one module a provider, sans-I/O.

``types.py`` is the vocabulary and the port, ``reading.py`` what the modules read replies with,
``registry.py`` lists them. What an API does not tell is listed as blind, with the reason.
"""
