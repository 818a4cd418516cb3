"""The JSON API, version 1, for applications and operators."""
