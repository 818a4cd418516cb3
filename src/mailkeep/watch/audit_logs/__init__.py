"""Audit logs of other houses, one pure module a format: octets in, what is of concern out."""
