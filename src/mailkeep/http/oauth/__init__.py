"""The OpenID provider for applications that keep their own accounts: the authorisation code
flow."""
