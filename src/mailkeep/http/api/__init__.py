"""The API for applications, version 1."""
