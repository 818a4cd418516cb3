"""Maps a recipient's domain to its mailbox provider's family, such as gmail (pure).

Mailbox providers each keep their own sender reputation: a sender that is new to one is a stranger
there, whatever the others think. The table is small on purpose: MX records are not looked up while
mail waits, so a company's own domain is ``other``, though one of these may host it.
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
