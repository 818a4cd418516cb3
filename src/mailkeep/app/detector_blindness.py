"""Which detectors see nothing here, and why: one rule each, by the settings (pure).

The doctor, the threat model and the pages of the chain of trust count on it: a detector that is
taken for seeing while nothing reaches it is worse than none. So what somebody brings by API counts
as seen while it keeps coming (``watch.report_types.LATE``), and no setting says that it does.
"""

from collections.abc import Callable, Mapping

from mailkeep.base.wording import counted
from mailkeep.providers import registry
from mailkeep.providers.volume import Counts
from mailkeep.watch.levels import ORDER, SEES, Level
from mailkeep.watch.report_types import are_brought

from . import wiring_observation
from .settings import Settings

CANARY = "no [canary] is sent"
ELSEWHERE = "no mailbox elsewhere says what passed (imap.trust of a [[canary.mailbox]])"
DECOYS = "no decoys are sent (decoys of [canary])"
HONEY = "there is no [[honey]] address"
READ = "no account of ours is read ([posture])"
REPORTS = "no reports are taken in ([reports])"
ABUSE = "the abuse mailbox is not read ([reports] abuse)"
CONSOLES = "no audit log of others is brought in ([[console_log]])"
NAMES = "no names are looked up ([lookalikes])"
ACCOUNTS = "Mailkeep keeps no accounts here"
HOOKS = "no provider's webhooks are read"
JOURNAL = "no [journal] is kept"
TOTALS = "no provider tells a key of ours how much it sent"

#: Of detectors of reports that may be brought by API, without a setting: the kind that is to come.
BROUGHT = {"dmarc_stranger": "dmarc", "tls_report": "tls", "abuse_report": "abuse"}
_NONE: Mapping[str, float] = {}

#: Whether somebody of whom it is said so is missing; "": it sees.
Rule = Callable[[Settings], str]
#: Those that hear what Mailkeep does itself, from their level on, and need nothing besides.
ALWAYS = frozenset({"provider_refusal", "failover"})


def hooked(settings: Settings) -> dict[str, bool]:
    """By provider, whether its webhooks come to us and tell of deliveries. Those of a relay (SMTP)
    are not read, whoever runs it."""
    return {
        one.name: bool(one.webhook_secret)
        and registry.get(one.kind).capabilities.reports_deliveries
        for one in settings.provider
    }


def counting(settings: Settings) -> tuple[str, ...]:
    """The providers that tell a key of ours how much they sent: the one that sends, or where
    nothing is sent the one that reads the account."""
    accounts = () if settings.posture is None else settings.posture.account
    reading = {one.name: one.kind for one in accounts if one.secret is not None}
    observes = wiring_observation.level(settings) is Level.OBSERVE
    return tuple(
        one.name
        for one in settings.provider
        if isinstance(registry.get(one.kind), Counts)
        and (reading.get(one.name) in {"", one.kind} if observes else one.secret is not None)
    )


def _missing(*needed: tuple[bool, str]) -> str:
    return " and ".join(why for there, why in needed if not there)


def _journalled(settings: Settings) -> tuple[bool, str]:
    """What a house that sends nothing itself needs, to know its mail from a stranger's."""
    observes = wiring_observation.level(settings) is Level.OBSERVE
    return (settings.journal is not None or not observes, JOURNAL)


def _hooks(settings: Settings) -> str:
    return _missing((any(hooked(settings).values()), HOOKS), _journalled(settings))


def _silence(settings: Settings) -> str:
    return "" if settings.canary is not None else _hooks(settings)


def _volume(settings: Settings) -> str:
    return _missing((bool(counting(settings)), TOTALS), _journalled(settings))


def _elsewhere(settings: Settings) -> str:
    canary = settings.canary
    if canary is None:
        return CANARY
    trusted = any(one.imap is not None and one.imap.trust for one in canary.mailbox)
    return "" if trusted else ELSEWHERE


def _decoys(settings: Settings) -> str:
    if settings.canary is None or not settings.canary.decoys:
        return DECOYS
    return _accounts(settings)


def _redeemed(settings: Settings) -> str:
    return _accounts(settings) or _missing((any(hooked(settings).values()), HOOKS))


def _canary(settings: Settings) -> str:
    return "" if settings.canary is not None else CANARY


def _honey(settings: Settings) -> str:
    return "" if settings.honey else HONEY


def _read(settings: Settings) -> str:
    return "" if settings.posture else READ


def _reports(settings: Settings) -> str:
    return "" if settings.reports.listen or settings.reports.address else REPORTS


def _notices(settings: Settings) -> str:
    return "" if settings.reports.notices or settings.reports.status else REPORTS


def _accounts(settings: Settings) -> str:
    return "" if settings.recovery is not None else ACCOUNTS


RULES: Mapping[str, Rule] = {
    "delivery_silence": _silence,
    "stranger_in_mail": _canary,
    "authentication_lost": _elsewhere,
    "canary_missing": _canary,
    "unknown_message": _hooks,
    "accepted_not_delivered": _hooks,
    "volume_mismatch": _volume,
    "honey_hit": _honey,
    "honey_account": lambda settings: _honey(settings) or _accounts(settings),
    "decoy_shown": _decoys,
    "account_drift": _read,
    "export_seen": _read,
    "console_sign_in": lambda settings: "" if settings.console_log else CONSOLES,
    "lookalike": lambda settings: "" if settings.lookalikes else NAMES,
    "tls_report": _reports,
    "dmarc_stranger": _reports,
    "abuse_report": lambda settings: "" if settings.reports.abuse else ABUSE,
    "provider_notice": _notices,
    "redeemed_undelivered": _redeemed,
    **dict.fromkeys(
        (
            *("half_proof", "reset_surge", "reset_fanout", "denial", "support_claim"),
            *("misplaced_redemption", "takeover_pattern", "mailbox_takeovers"),
            *("factor_attacked", "mass_rewrite"),
        ),
        _accounts,
    ),
}


def reasons(settings: Settings, last: Mapping[str, float] = _NONE) -> dict[str, str]:
    """Why each detector sees nothing here; "": it sees.

    Args:
        last: the days since what the newest report of each kind is about, where some came
            (``watch.queries.last_brought``).
    """
    level = wiring_observation.level(settings)
    out = {}
    for name, sees in SEES.items():
        why = RULES[name](settings) if name in RULES else ""
        kind = BROUGHT.get(name, "")
        if why and kind in last:
            days = counted(int(last[kind]), "day")
            why = "" if kind in are_brought(last) else f"no report of it was brought in for {days}"
        early = ORDER.index(sees.level) > ORDER.index(level)
        out[name] = why or (f"it sees nothing before the level {sees.level}" if early else "")
    return out
