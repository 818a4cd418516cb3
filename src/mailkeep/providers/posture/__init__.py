"""Reads the configuration of our account at a provider through its API: one module each, sans-I/O.

``types.py`` is the vocabulary and the port, ``reading.py`` what the modules read replies with,
``registry.py`` lists them. What an API does not tell is listed as blind, with the reason.
"""
