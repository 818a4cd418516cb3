"""The drill: stand-in providers and, around them, the attacks that Mailkeep must withstand.

It runs in processes of its own, imports nothing of ``mailkeep`` and touches it through HTTP, SMTP
and the command line: a stand-in that shared code with a provider module would share its mistakes.
"""
