"""The drill: stand-in providers, the customers' mail server, scenarios and the adversary.

Purpose: attack and break a running Mailkeep from outside, as a fallen provider would.
Owns: processes of its own; nothing here is imported by the service, and nothing of the service is
imported here: a stand-in that shared code with a provider module would share its mistakes. The
two meet over HTTP, SMTP and the command line only.
Security: holds attack code. Every listener is on loopback, and every address that mail, webhooks
or forged messages go to must be on loopback too; anything else is refused at the start.
"""
