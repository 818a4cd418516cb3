"""Keys of our accounts at providers, where their API can make and revoke them (pure).

One module a provider: it writes requests and reads replies, and touches no socket.
Security: what is made is a secret; it stands in no repr, and in no error.
"""
