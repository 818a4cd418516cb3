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
    """The keys after one more canary. One that is new takes the place of another for which nothing
    speaks; of those that are known or vouched for, only one that is vouched for does, and of that
    which was not seen for longest. So what somebody signs beside the provider, as often as they
    like, drives out no key that counts, nor the next one. What finds no place is left out.

    Args:
        first: none of the provider's is known yet, of another sort of canary either.
    """
    firm = known(keys, now, vouched)
    first = first and not firm

    def speaks(name: str) -> tuple[bool, bool, int]:
        return (name in firm, name in vouched, keys[name].seen if name in keys else 0)

    out = dict(keys)
    for name in sorted(dict.fromkeys(signed), key=speaks, reverse=True)[:MOST_KEYS]:
        if name not in out and len(out) >= MOST_KEYS:
            least = min(out, key=lambda one: (one in firm, one in vouched, one in signed))
            spare = least not in firm and least not in vouched and least not in signed
            if not spare and name not in vouched:
                continue
            del out[least]
        old = out.pop(name, Key(now, first=first))
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
