"""Describes capabilities, acts and parties in words (pure)."""

from collections.abc import Mapping

from .types import Entry, How, Watcher

#: What each capability is called; ``{0}``: what it is about.
VERBS: Mapping[str, str] = {
    "read": "reads mail of {0} that goes through {1}",
    "drop": "keeps back mail of {0} that goes through {1}",
    "send": "sends as {0}",
    "text": "sends text messages in our name through {0}",
    "list": "has the addresses that {0} was given",
    "open": "opens what one mail of {0} opens",
    "stop": "stops every mail of {0}",
    "dns": "changes the DNS of {0}",
    "mailbox": "has the mailboxes of {0}",
    "phones": "has our customers' telephones",
    "pages": "serves our pages",
    "operate": "acts as an operator",
    "vouch": "signs verdicts, sign-ins, security events and the audit head in our name",
    "claim": "says in the name of {0} what became of mail",
    "down": "stops {0}",
}

HOWS: Mapping[How, str] = {
    How.TAKE: "at once",
    How.HELD: "after a hold, unless its owner says no",
    How.CATCH: "when its owner signs in meanwhile",
}

NO_PLAYBOOK = "none; those that there are act on providers, and no account at one is in this"

#: Detectors that look at parties; of the others those with places look at accounts.
OF_PARTIES = frozenset({"console_sign_in"})

#: Which detectors see an act once it is done; what nobody can see says why.
WATCHED: Mapping[str, tuple[tuple[str, ...], str]] = {
    "read": (
        ("half_proof", "redeemed_undelivered", "honey_account", "export_seen"),
        "reading alone leaves no trace; these see what was read being used",
    ),
    "list": (("honey_hit", "honey_account"), "a list is seen when it is used"),
    "send": (
        ("unknown_message", "volume_mismatch", "dmarc_stranger", "abuse_report"),
        "mail that is sent past our providers shows in what others report alone",
    ),
    "text": ((), "nobody tells us of text messages that we never sent"),
    "drop": (
        ("delivery_silence", "canary_missing", "accepted_not_delivered"),
        "a small part can be kept back unseen",
    ),
    "stop": (("provider_refusal", "failover", "delivery_silence"), ""),
    "party": (
        (
            *("account_drift", "console_sign_in", "export_seen", "provider_notice"),
            "stranger_in_mail",
        ),
        "",
    ),
    "take": (
        ("takeover_pattern", "misplaced_redemption", "denial", "support_claim"),
        "",
    ),
    "dns": (
        ("console_sign_in",),
        "only where its host's audit log is brought in; `mailkeep doctor` looks when it is asked",
    ),
    "pages": ((), "what is typed into pages that are not ours never reaches us"),
    "operate": ((), "operators' acts are in the audit chain; no detector judges them"),
    "vouch": (
        (),
        "nothing shows it; whether a forged verdict opens an account is up to its application",
    ),
    "claim": (
        ("canary_missing",),
        "a claim alone clears nobody and cuts nobody off; what it hides shows in canaries",
    ),
    "phones": ((), "a telephone is its owner's; codes that are typed are all that we see of it"),
    "mailbox": (
        ("misplaced_redemption", "takeover_pattern", "mailbox_takeovers", "denial"),
        "a mailbox is its owner's; what is done with it shows here",
    ),
}


def verb(word: str) -> str:
    """The first part of a capability."""
    return word.partition(":")[0]


def says(word: str, names: Mapping[str, str]) -> str:
    """A capability as a sentence without its subject."""
    name, _, about = word.partition(":")
    what, _, through = about.partition("@")
    return VERBS[name].format(names.get(what, what), through)


def delay(docstring: str) -> str:
    """The ``Delay:`` part of a detector's docstring, for people: without its marks of code."""
    flat = " ".join(docstring.replace("``", "").split())
    _, found, rest = flat.partition("Delay: ")
    for part in (" Evasion:", " Who could forge it:", " False alarms:"):
        rest = rest.partition(part)[0]
    return rest.rstrip(".") if found else ""


#: Behind a source of the catalogue.
UNCONFIRMED = "; not confirmed: neither it nor its owner says so there"


def source_words(source: str, confirmed: bool) -> str:
    """Where what the catalogue says of a house stands, and whether it is its own word."""
    return source if confirmed or not source else f"{source}{UNCONFIRMED}"


def entry_words(one: Entry) -> list[str]:
    """What the register says for people of a party that falls."""
    some = (
        ("whom to reach", one.contact),
        ("carries", ", ".join(one.carries)),
        ("holds", ", ".join(one.holds)),
        ("terms", one.terms),
        ("looked at on", one.reviewed),
        ("source", source_words(one.source, one.confirmed)),
    )
    return [f"{what}: {text}" for what, text in some if text]


def watcher_words(one: Watcher) -> str:
    if one.off:
        return f"{one.name}: off, {one.off}"
    return f"{one.name}: {one.delay}" + (f"; {one.elsewhere}" if one.elsewhere else "")
