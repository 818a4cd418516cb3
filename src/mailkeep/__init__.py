"""Mailkeep stands between an application and the third parties that carry its mail.

The rooms, from top to bottom, and the three journeys through them are drawn in ``ARCHITECTURE.md``.
"""

__version__ = "0.1.0"
