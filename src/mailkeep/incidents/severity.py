"""How severe an incident is, with its reasons (pure): computed anew for each look.

What happened to customers counts before what could: an account that was taken is graver than a
provider that could take some, and that is graver than mail that waits.
"""

import enum

import msgspec

from mailkeep.base.wording import counted
from mailkeep.watch.types import Hypothesis

from .asking import asks, is_grave, only_asks
from .tracks import Seen
from .types import BlastRadius, Incident, State

MANY = 20  #: accounts that are attacked at once


class Level(enum.StrEnum):
    """The gravest first."""

    CRITICAL = "critical"  #: accounts were taken, or can be at this moment
    HIGH = "high"  #: somebody has what would take them, or mail that matters waits
    MEDIUM = "medium"  #: something goes on that has harmed nobody yet
    LOW = "low"  #: nothing is held any more


class Severity(msgspec.Struct, frozen=True):
    """``reasons``: in words, those of the gravest level first."""

    level: Level
    reasons: tuple[str, ...]


def judge(incident: Incident, blast: BlastRadius, seen: Seen) -> Severity:
    """The gravest of what is known, and every reason for more than ``LOW``.

    Args:
        blast: whom it touched.
        seen: what the other rooms say just now.
    """
    known = [*_harm(incident, blast), *_danger(incident, blast, seen)]
    found = sorted(known, key=lambda one: _ORDER[one[0]])
    if not found:
        return Severity(Level.LOW, ("nothing is held, and no account was touched",))
    return Severity(found[0][0], tuple(words for _, words in found))


_ORDER = {one: rank for rank, one in enumerate(Level)}


def _harm(incident: Incident, blast: BlastRadius) -> list[tuple[Level, str]]:
    """What happened to accounts, while something is held."""
    # While all that is known is that somebody was in our account, recoveries through it are counted
    # through everybody, and most are honest; half proofs and stopped ones are not.
    asked = only_asks(incident, blast)
    counts = (
        (
            Level.MEDIUM if asked else Level.CRITICAL,
            blast.completed,
            "was",
            "were",
            "recovered meanwhile",
        ),
        (Level.HIGH, blast.half_proven, "had", "had", "half a proof come back"),
        (Level.HIGH, blast.stopped_by_factor, "was", "were", "stopped by the second factor alone"),
    )
    # Of what was altered on its way, recoveries are counted through everybody: most are honest.
    held = bool(incident.held - {Hypothesis.INTERCEPTED})
    return [
        (level, f"{counted(count, f'account {verb}', f'accounts {plural}')} {words}")
        for level, count, verb, plural, words in counts
        if count and held
    ]


def _danger(incident: Incident, blast: BlastRadius, seen: Seen) -> list[tuple[Level, str]]:
    """What could happen, by what is held."""
    held = incident.held
    out: list[tuple[Level, str]] = []
    if Hypothesis.PROVIDER_COMPROMISED in held:
        out.append(_compromised(incident, blast, seen))
    if Hypothesis.LEAKED_HERE in held:
        out.append((Level.HIGH, "it may have leaked from our own house"))
    if Hypothesis.INTERCEPTED in held:
        out.append((Level.HIGH, "mail was altered on its way, or by a provider that hides it"))
    if Hypothesis.CAMPAIGN in held:
        many = blast.requested >= MANY
        words = f"recoveries were asked for of {counted(blast.requested, 'account')}"
        out.append((Level.HIGH if many else Level.MEDIUM, words))
    if Hypothesis.PROVIDER_SILENT in held:
        if not seen.standing:
            out.append((Level.CRITICAL, "no provider stands that is not suspect: no mail goes out"))
        elif seen.overdue:
            out.append(
                (
                    Level.HIGH,
                    counted(seen.overdue, "message waits", "messages wait")
                    + " that should have left",
                )
            )
        else:
            out.append((Level.MEDIUM, "its mail goes another way"))
    for hypothesis, words in _QUIET.items():
        if hypothesis in held:
            out.append((Level.MEDIUM, words))
    return out


def _compromised(incident: Incident, blast: BlastRadius, seen: Seen) -> tuple[Level, str]:
    if incident.state not in {State.OPEN, State.RESTORED} or seen.cut:
        return Level.HIGH, f"{counted(blast.exposed, _KNOWN, _ALL_KNOWN)} to whoever reads it"
    if asks(incident) and not blast.denied:
        words = "somebody did there what our own people do, and nobody announced it"
        return Level.HIGH if is_grave(incident) else Level.MEDIUM, words
    return Level.CRITICAL, "a provider that may be read still carries our mail"


_KNOWN, _ALL_KNOWN = "address is known", "addresses are known"
_QUIET = {
    Hypothesis.ACCOUNT_TARGETED: "somebody is after one account",
    Hypothesis.DOMAIN_ABUSED: "somebody writes to customers in our name",
    Hypothesis.MAILBOX_COMPROMISED: "somebody reads mailboxes of customers",
}
