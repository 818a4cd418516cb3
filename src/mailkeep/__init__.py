"""Mailkeep: a self-hosted mail gateway and account-recovery service that withstands a fallen
provider.

Its packages, from top to bottom, and the journeys through them are described in
``ARCHITECTURE.md``.
"""

__version__ = "0.1.0"
