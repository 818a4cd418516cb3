"""Who keeps a mailbox, by its domain (pure).

Senders are known to mailbox providers, each for itself: who never sent to one is a stranger there,
whatever the others think. A small table and no more: the MX of a company's own domain is not looked
up while mail waits, so it is ``other``, though one of these may keep it.
"""

from mailkeep.base import addresses

OTHER = "other"

#: The domains under which they give out addresses themselves, in any country.
_DOMAINS = {
    "gmail": ("gmail.com", "googlemail.com"),
    "outlook": ("outlook", "hotmail", "live", "msn.com", "passport.com", "windowslive.com"),
    "yahoo": ("yahoo", "ymail.com", "rocketmail.com", "aol", "aim.com", "myyahoo.com"),
    "icloud": ("icloud.com", "me.com", "mac.com"),
}
_WHOLE = {one: name for name, domains in _DOMAINS.items() for one in domains if "." in one}
#: Brands that stand before the ending of a country: hotmail.fr, yahoo.co.jp.
_BRANDS = {one: name for name, domains in _DOMAINS.items() for one in domains if "." not in one}
_SECOND = frozenset({"co", "com", "ne"})


def of(address: str) -> str:
    """``gmail``, ``outlook``, ``yahoo``, ``icloud`` or ``other``."""
    domain = addresses.domain(address).lower()
    found = _WHOLE.get(domain)
    if found is not None:
        return found
    brand, _, ending = domain.partition(".")
    labels = ending.split(".")
    if brand in _BRANDS and (len(labels) == 1 or (len(labels) == 2 and labels[0] in _SECOND)):
        return _BRANDS[brand]
    return OTHER
