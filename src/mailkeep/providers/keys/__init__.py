"""API keys of our accounts at providers: created and revoked where the provider's API can (pure).

One module for each provider: it builds requests and reads replies, and touches no socket.
Security: what is made is a secret; it stands in no repr, and in no error.
"""
