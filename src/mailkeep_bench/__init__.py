"""The benchmark: what Mailkeep's gateway does on this machine, beside Postfix in the same run.

Purpose: measure from outside, as a customer would: processes in production mode, load over HTTP and
SMTP, sinks that count every message.
Owns: processes of its own; it imports nothing of the service and nothing of the service imports it:
the two meet over HTTP, SMTP and the command line only.
Security: every listener and every target is on loopback. Postfix runs under a configuration and a
queue of its own below the benchmark's directory; the machine's own is not touched.
"""
