"""Stand-in providers: separate processes that speak the real providers' formats.

Purpose: take what Mailkeep sends, deliver it by real SMTP, report it by real webhooks; and fail,
lie, leak and forge on command, as a provider in an attacker's hands would.
Owns: what it was sent, in memory and within bounds. Formats come from the providers' public
documentation, never from Mailkeep's provider modules.
Use: ``python -m mailkeep_drill.standins mandrill --port 0 --control-port 0 --deliver HOST:PORT``;
the first line on standard output is JSON with the addresses. The control API is for the drill
only; see `mailkeep_drill.standins.control`.
Security: plays the attacker. Listens on loopback, and refuses to deliver or report anywhere else.
"""
