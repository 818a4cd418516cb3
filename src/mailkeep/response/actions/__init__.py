"""The actions: one module each, all of one shape (``port.Action``)."""
