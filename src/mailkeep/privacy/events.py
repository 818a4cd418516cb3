"""Events that the privacy room records, under pseudonyms."""

from mailkeep.events.types import Fact, fact


@fact("privacy.person_exported")
class PersonExported(Fact, frozen=True, kw_only=True):
    """Somebody took all that is kept about a person. Here stands whose it was: the audit chain, of
    which nothing can be erased, says only which accounts."""

    accounts: tuple[str, ...]
    addresses: tuple[str, ...]
    by: str
