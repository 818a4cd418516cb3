"""The keys by which a provider's canaries are usually signed, learned from those that came as we
wrote them (pure).

Nothing is forgotten because it was not seen: whoever strips signatures for a while would else be
taken for a provider that never signed. A key counts after a day: who answers for our DNS, and signs
with a key of their own, has to do so for that long, and nobody may notice.
"""

import msgspec

from mailkeep.base.clock import DAY, Instant

ENOUGH = 20  #: canaries under a key before it is known
AGE = DAY  #: since its first
MOST_KEYS = 8  #: of one provider


class Key(msgspec.Struct, frozen=True):
    """``seen``: canaries signed with it, counted to ``ENOUGH``."""

    since: Instant
    seen: int = 0

    def known(self, now: Instant) -> bool:
        return self.seen >= ENOUGH and now - self.since >= AGE


#: By the key's name, the last seen last.
Keys = dict[str, Key]


def learned(keys: Keys, signed: tuple[str, ...], now: Instant) -> Keys:
    """The keys after one more canary. One that is new takes the place of another that is not known
    yet; of those that are, of the one that was not seen for longest."""
    out = dict(keys)
    for name in signed[:MOST_KEYS]:
        old = out.pop(name, Key(now))
        if len(out) >= MOST_KEYS:
            del out[min(out, key=lambda one: out[one].known(now))]
        out[name] = Key(old.since, min(ENOUGH, old.seen + 1))
    return out


def known(keys: Keys, now: Instant) -> frozenset[str]:
    """Those by which canaries are known to be signed; none: the provider never signed any."""
    return frozenset(name for name, one in keys.items() if one.known(now))
