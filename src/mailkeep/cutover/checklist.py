"""The dated checklist for leaving a provider for good: what to do, and when (pure).

After a planned departure the old DKIM selector and return path stay for seven days: mail that the
provider still tries to deliver is signed, and its bounces come. After a hostile one they go at
once: while they stand, whoever has the account goes on as us, signed and aligned (RFC 7489 section
3.1).
"""

import enum
from collections.abc import Mapping, Sequence

import msgspec

from mailkeep.base.clock import DAY, Instant
from mailkeep.base.wording import counted

LATE = 7 * DAY  #: for so long what is under way at a provider may bounce
LINKS = 30 * DAY  #: for so long people follow links in old mail


class How(enum.StrEnum):
    """Who sees to an item."""

    HERE = "here"  #: Mailkeep does it, when it is due
    HAND = "hand"  #: a person does it, and says so
    KEPT = "kept"  #: nothing is done: it stays, and the item says what for


class Item(msgspec.Struct, frozen=True):
    """One item of the list.

    Attributes:
        name: names it in commands; stays the same.
        due_at: not before, and no later than there is time.
    """

    name: str
    how: How
    text: str
    due_at: Instant


class Leaving(msgspec.Struct, frozen=True):
    """What is known of a provider that is left.

    Attributes:
        dns: what to withdraw from DNS, with its exact names.
        keys: how its keys are revoked.
        holds: how many things our account there holds, by kind, where it is read.
        honey: addresses that this provider alone was ever given.
        known: how many addresses it was ever given.
        emptied: its API deletes webhooks and templates, for who has a key for it.
        party: whose it is; "": not said.
        tables: of the settings in which it stands besides, by their headings.
    """

    provider: str
    dns: Sequence[str]
    keys: str
    holds: Mapping[str, int]
    honey: int
    known: int
    emptied: bool = False
    party: str = ""
    tables: Sequence[str] = ()


#: What an account may hold that is ours, and what becomes of it.
_STORED = (
    ("templates", "delete our templates"),
    ("contacts", "delete contacts, lists and suppressions; take the suppressions along before"),
    ("archives", "delete stored copies of mail, activity and exports; ask in writing for the rest"),
    ("users", "delete sub-accounts, and close the sign-ins of everybody who had one"),
    ("senders", "delete sender domains and addresses: nobody may send as us there"),
)


def checklist(leaving: Leaving, now: Instant, *, hostile: bool) -> list[Item]:
    """The list, in the order in which it is due.

    Args:
        hostile: whoever has the account may be an attacker: nothing waits for late bounces.
    """
    name, late = leaving.provider, now if hostile else now + LATE
    by_api = f"; `mailkeep offboard empty {name}` does it" if leaving.emptied else ""
    items = [
        Item("cut", How.HERE, f"no request to {name} starts any more", now)
        if hostile
        else Item("weight", How.HERE, f"no stream gives {name} mail", now),
        Item(
            "events",
            How.HERE,
            f"no word of {name} clears or bounces a mail any more; what it says is still checked, "
            "and heard by the detectors",
            late,
        ),
        Item("keys", How.HAND, leaving.keys, now if hostile else late),
        Item("webhooks", How.HAND, f"delete every webhook at {name}{by_api}", late),
    ]
    for kind, words in _STORED:
        count = leaving.holds.get(kind)
        seen = f" (we see {count})" if count else ""
        seen += by_api if kind == "templates" else ""
        items.append(Item(kind, How.HAND, f"at {name}, {words}{seen}", now if hostile else late))
    for number, text in enumerate(leaving.dns, 1):
        links = "links and opens" in text
        due = late if not links or hostile else now + LINKS
        items.append(Item(f"dns.{number}", How.HAND, f"DNS: {text}", due))
    items += [
        Item(
            "routes",
            How.HAND,
            f"take {name} out of the routes of every stream; leave its [[provider]] table: what "
            "comes late is read by it" + ("; leave its [[honey]] as well" if leaving.honey else ""),
            now,
        ),
        Item(
            "settings",
            How.HAND,
            _out_of_settings(leaving),
            now + LINKS,
        ),
        Item(
            "ledger",
            How.KEPT,
            f"{name} will always know the addresses that it was given ({leaving.known}): the "
            "exposure ledger stays, and a breach there is asked about",
            now,
        ),
    ]
    if leaving.honey:
        goes, go = f"address that {name} alone knows goes", f"addresses that {name} alone knows go"
        words = f"{counted(leaving.honey, f'honey {goes}', f'honey {go}')} on listening"
        items.append(Item("honey", How.KEPT, words, now))
    return sorted(items, key=lambda one: one.due_at)


def _out_of_settings(leaving: Leaving) -> str:
    """What Mailkeep does not start without: every table that names it, and what comes instead."""
    name, party = leaving.provider, leaving.party
    also = f", with what names it in {'; '.join(leaving.tables)}" if leaving.tables else ""
    return (
        f"take the [[provider]] table of {name} out of the settings{also}; write a [[left]] with "
        f'name = "{name}" and party = "{party}", and leave the party: what it knows is still asked '
        "about" + (", and its honey is still of it" if leaving.honey else "")
    )
