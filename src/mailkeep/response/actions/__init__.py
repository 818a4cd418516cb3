"""Actions against an incident: one module each, all behind one port (``port.Action``)."""
