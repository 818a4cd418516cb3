"""The keys by which a provider's canaries are usually signed, learned from those that came as we
wrote them (pure).

Nothing is forgotten because it was not seen: whoever strips signatures for a while would else be
taken for a provider that never signed. The first keys of a provider count after a day. A later one
counts when it is vouched for as well: who answers for our DNS can sign what they pass on with a key
of their own for as long as they like, and what comes to a mailbox elsewhere does not pass them. So
there a canary under it must have come, or a person has named it.
"""

from collections.abc import Set

import msgspec

from mailkeep.base.clock import DAY, Instant

ENOUGH = 20  #: canaries under a key before it is known
AGE = DAY  #: since its first
MOST_KEYS = 8  #: of one provider


class Key(msgspec.Struct, frozen=True):
    """``seen``: canaries signed with it, counted to ``ENOUGH``; ``first``: none was known when it
    came."""

    since: Instant
    seen: int = 0
    first: bool = True

    def usual(self, now: Instant) -> bool:
        return self.seen >= ENOUGH and now - self.since >= AGE


#: By the key's name, the last seen last.
Keys = dict[str, Key]


def learned(
    keys: Keys,
    signed: tuple[str, ...],
    now: Instant,
    vouched: Set[str] = frozenset(),
    *,
    first: bool = True,
) -> Keys:
    """The keys after one more canary. One that is new takes the place of another that is not known
    yet; of those that are, of the one that was not seen for longest.

    Args:
        first: none of the provider's is known yet, of another sort of canary either.
    """
    first = first and not known(keys, now, vouched)
    out = dict(keys)
    for name in signed[:MOST_KEYS]:
        old = out.pop(name, Key(now, first=first))
        if len(out) >= MOST_KEYS:
            firm = known(out, now, vouched)
            del out[min(out, key=lambda one: one in firm)]
        out[name] = Key(old.since, min(ENOUGH, old.seen + 1), old.first)
    return out


def known(keys: Keys, now: Instant, vouched: Set[str] = frozenset()) -> frozenset[str]:
    """Those by which canaries are known to be signed; none: the provider never signed any.

    Args:
        vouched: seen where nobody is in the way of our listener, or named by a person.
    """
    return frozenset(
        name for name, one in keys.items() if one.usual(now) and (one.first or name in vouched)
    )


def unexplained(keys: Keys, now: Instant, vouched: Set[str] = frozenset()) -> tuple[str, ...]:
    """Those that would be known, and for which nobody vouches."""
    firm = known(keys, now, vouched)
    return tuple(name for name, one in keys.items() if one.usual(now) and name not in firm)
