"""Levels of adoption, and what each detector sees at each level (pure).

An installation begins by watching what its application sends by itself, and hands over one task
after the other. ``docs/detectors.md`` shows ``SEES``; `mailkeep doctor` says what does not hold
yet.
"""

import enum
from collections.abc import Mapping
from typing import NamedTuple


class Level(enum.StrEnum):
    """How much of the mail goes through Mailkeep. Each level includes those before it."""

    OBSERVE = "observe"  #: copied webhooks, reading keys, a journal; nothing is sent or acted on
    CARRY = "carry"  #: mail goes through us, over several providers
    REHEARSE = "rehearse"  #: applications keep their resets, and tell of each; none begins here
    SHARE = "share"  #: a share of each application's users is recovered here, the rest rehearsed
    RECOVER = "recover"  #: accounts are recovered here, over two independent routes


ORDER = (Level.OBSERVE, Level.CARRY, Level.REHEARSE, Level.SHARE, Level.RECOVER)


class Sees(NamedTuple):
    """Where a detector begins to see.

    Attributes:
        level: the first at which it sees anything.
        by: what it needs there.
        more: what it sees more of at a later level; "": it sees all of it.
        copies: what of it is seen where the journal is written by copies (BCC) alone, and by whom
            those are forged; "": it needs no journal.
    """

    level: Level
    by: str
    more: str = ""
    copies: str = ""


_TOLD = "resets that the application tells of"
_SOME, _ALL = "recoveries of those who are recovered here", "everybody's"
_HOOKS = "the provider's webhooks, copied to us, and the journal"
#: Nobody else's copy counts: a domain of the house signs each, with keys that its provider holds.
_FORGED = "Forged by: the provider, or who sends through our account there"
SEES: Mapping[str, Sees] = {
    "delivery_silence": Sees(
        Level.OBSERVE,
        _HOOKS,
        "canaries, whatever the provider says",
        f"that reports stop while copies come; who drops all mail drops the copies too. {_FORGED}",
    ),
    "provider_refusal": Sees(Level.CARRY, "answers to our own requests"),
    "stranger_in_mail": Sees(Level.CARRY, "canaries"),
    "authentication_lost": Sees(Level.CARRY, "canaries at mailboxes elsewhere"),
    "half_proof": Sees(Level.SHARE, _SOME, _ALL),
    "reset_surge": Sees(Level.REHEARSE, _TOLD, "recoveries, which we see ourselves"),
    "denial": Sees(Level.SHARE, "owners, who deny from our mails and pages", _ALL),
    "support_claim": Sees(Level.REHEARSE, "a support desk, about accounts that are known here"),
    "abuse_report": Sees(Level.OBSERVE, "the abuse mailbox"),
    "dmarc_stranger": Sees(Level.OBSERVE, "DMARC reports"),
    "tls_report": Sees(Level.OBSERVE, "TLS reports"),
    "lookalike": Sees(Level.OBSERVE, "look-ups of names"),
    "provider_notice": Sees(Level.OBSERVE, "notices by mail, status pages"),
    "honey_account": Sees(Level.REHEARSE, f"{_TOLD}, and honey addresses", "recoveries"),
    "decoy_shown": Sees(Level.SHARE, "decoys among recovery mail"),
    "canary_missing": Sees(Level.CARRY, "canaries"),
    "unknown_message": Sees(
        Level.OBSERVE,
        _HOOKS,
        copies=f"mail of which no copy came; who sends one along hides it. {_FORGED}",
    ),
    "volume_mismatch": Sees(
        Level.OBSERVE,
        "totals that a provider tells the key that reads its account, and the journal",
        copies=f"more mail than twice the copies; who sends one along hides it. {_FORGED}",
    ),
    "accepted_not_delivered": Sees(
        Level.OBSERVE, _HOOKS, copies=f"what came to us and not to its recipient. {_FORGED}"
    ),
    "failover": Sees(Level.CARRY, "our own routing"),
    "reset_fanout": Sees(Level.REHEARSE, _TOLD, "recoveries, which we see ourselves"),
    "redeemed_undelivered": Sees(Level.SHARE, _SOME, _ALL),
    "misplaced_redemption": Sees(Level.SHARE, f"{_SOME}, and sign-ins", _ALL),
    "takeover_pattern": Sees(Level.SHARE, "sign-ins and changes of accounts", _ALL),
    "mailbox_takeovers": Sees(Level.SHARE, _SOME, _ALL),
    "honey_hit": Sees(Level.CARRY, "honey addresses, which are seeded by mail of ours"),
    "account_drift": Sees(Level.OBSERVE, "a key that reads the account"),
    "console_sign_in": Sees(Level.OBSERVE, "audit logs"),
    "export_seen": Sees(Level.OBSERVE, "a key that reads the account"),
    "factor_attacked": Sees(Level.SHARE, "second factors", _ALL),
    "mass_rewrite": Sees(Level.REHEARSE, "applications that register their users"),
}
PROMISES: Mapping[Level, tuple[str, str, str]] = {
    Level.OBSERVE: (
        "not yet: your application resets passwords by one mail",
        "not yet: your application's provider is the only way out",
        "in part: by the detectors that see something at this level",
    ),
    Level.CARRY: (
        "in part: a reset is still one mail, which its provider could read",
        "yes",
        "yes, but for what is done in recoveries",
    ),
    Level.REHEARSE: (
        "not yet: resets are rehearsed here, and a real one is still one mail",
        "yes",
        "yes, but for what is done in recoveries, of which only the asking is told",
    ),
    Level.SHARE: (
        "in part: of those who are recovered here; the others' reset is still one mail",
        "yes",
        "in part: what is done in recoveries is seen of those who are recovered here",
    ),
    Level.RECOVER: ("yes", "yes", "yes"),
}


def at(level: Level) -> list[str]:
    """The detectors that see anything at a level."""
    return [name for name, one in SEES.items() if ORDER.index(one.level) <= ORDER.index(level)]
