"""Descriptions of the faults for people, with their usual parameters.

A page shows this list and posts one of its values back to ``/faults``; it needs to know nothing of
a fault beyond what stands here.
"""

from collections.abc import Iterable

import msgspec

_SUSPENSIONS = {
    "silent": "silent: says yes, sends nothing (8 August 2022)",
    "auth": "auth: refuses the sign-in",
}


class Choice(msgspec.Struct, frozen=True):
    """One way to turn a fault on: what to call it, and the value that ``/faults`` takes."""

    label: str
    value: object


class Entry(msgspec.Struct, frozen=True):
    """One fault: its name at ``/faults``, a title, one sentence, and its choices."""

    name: str
    title: str
    meaning: str
    choices: tuple[Choice, ...]


def catalogue(suspensions: Iterable[str]) -> list[Entry]:
    """Every fault.

    Args:
        suspensions: the provider's kinds of suspension, its usual one first.
    """
    suspend = Entry(
        "suspend",
        "Account suspended",
        "The provider closes the account: most kinds refuse every mail, the silent one takes it"
        " and sends nothing.",
        tuple(
            Choice(_SUSPENSIONS.get(kind, kind), {"kind": kind})
            for kind in sorted(suspensions, key=lambda kind: kind == "silent")
        ),
    )
    return [suspend, *_FIXED]


_ON = (Choice("on", True),)
_FIXED = (
    Entry(
        "accept_and_drop",
        "Silent drop",
        "The API says yes, the mail is thrown away, and nothing is reported.",
        (Choice("every mail", True), Choice("every second mail", {"share": 0.5})),
    ),
    Entry(
        "fail",
        "Server error",
        "Every call is answered with an error of the provider's own.",
        (
            Choice("500", {"status": 500}),
            Choice("503", {"status": 503}),
            Choice("500, and the mail goes out all the same", {"takes": True}),
        ),
    ),
    Entry(
        "throttle",
        "Too many requests",
        "Every call is answered 429, as if we sent too fast.",
        (Choice("on", True), Choice("for 30 seconds, it says", {"retry_after": 30})),
    ),
    Entry(
        "reset",
        "Connection broken off",
        "The connection is reset where an answer should come.",
        (
            Choice("the mail stays there", True),
            Choice("the mail goes out all the same", {"takes": True}),
            Choice("after half of the answer, and the mail goes out", {"half": True}),
        ),
    ),
    Entry(
        "hang",
        "Hangs",
        "The connection is taken and never answered.",
        (
            Choice("the mail stays there", True),
            Choice("the mail goes out all the same", {"takes": True}),
        ),
    ),
    Entry(
        "slow",
        "Slow",
        "Every answer comes late; the mail is taken.",
        (Choice("3 seconds", {"seconds": 3}), Choice("20 seconds", {"seconds": 20})),
    ),
    Entry(
        "refuse_key",
        "Key refused",
        "The provider answers as if our API key were wrong or revoked.",
        _ON,
    ),
    Entry(
        "no_webhooks",
        "No webhooks",
        "Mail goes out, and the provider never says what became of it.",
        _ON,
    ),
    Entry(
        "delay_webhooks",
        "Late webhooks",
        "Reports come, but late.",
        (Choice("30 seconds", {"seconds": 30}), Choice("5 minutes", {"seconds": 300})),
    ),
    Entry(
        "forge_webhooks",
        "False reports",
        "Reports are genuinely signed and say something else than what happened.",
        (
            Choice("always delivered", {"event": "delivered"}),
            Choice("always bounced", {"event": "bounced"}),
        ),
    ),
    Entry(
        "foreign_sender",
        "A stranger in the mail",
        "A stranger's address is put into every mail, as on 7 August 2022.",
        (
            Choice("as Reply-To", {"kinds": ["reply_to"]}),
            Choice("as the sender", {"kinds": ["from"]}),
            Choice("as a link", {"kinds": ["link"]}),
            Choice("in the text", {"kinds": ["text"]}),
            Choice("as a hidden copy", {"kinds": ["bcc"]}),
        ),
    ),
    Entry(
        "rewrite_links",
        "Links rewritten",
        "Every link is led through the provider, which could lead it anywhere.",
        (
            Choice("where the mail does not forbid it", True),
            Choice("everywhere", {"force": True}),
        ),
    ),
    Entry(
        "leak",
        "Read by a thief",
        "Somebody inside the provider reads every mail that passes.",
        _ON,
    ),
)
