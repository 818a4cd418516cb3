"""Stand-in providers: the real providers' formats, on loopback, with faults to switch on.

``base.py`` holds what they share (faults, delivery by SMTP, webhooks, the control door); a module
each holds one provider's words. Start one with ``python -m mailkeep_drill.standins KIND``.
"""
