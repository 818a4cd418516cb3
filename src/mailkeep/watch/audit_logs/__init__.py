"""Parsers of third parties' audit logs, one pure module for each format: octets in, relevant acts
out."""
