"""An incident's headline in one sentence: what is suspected, how sure, and its state (pure)."""

import math
import unicodedata
from datetime import UTC, datetime

from mailkeep.base.clock import DAY, MINUTE, SECOND, Instant, iso, readable
from mailkeep.base.errors import Invalid
from mailkeep.watch.types import Hypothesis

from .asking import asks
from .types import Incident, State, View

LONGEST = 4000  #: characters that a person writes
#: From which probability on a word is used; the words of intelligence analysis, roughly.
_SURE = ((0.99, "almost certainly"), (0.9, "very probably"), (0.7, "probably"), (0.0, "perhaps"))

_SAYS = {
    Hypothesis.PROVIDER_COMPROMISED: "somebody {sure} reads or alters our mail at {name}",
    Hypothesis.PROVIDER_SILENT: "our mail {sure} does not go out through {name}",
    Hypothesis.CAMPAIGN: "somebody {sure} attacks many accounts through their recovery",
    Hypothesis.LEAKED_HERE: "something {sure} leaked from our own house",
    Hypothesis.INTERCEPTED: "mail {sure} is altered between a provider and us, or by a provider"
    " that hides it",
    Hypothesis.ACCOUNT_TARGETED: "somebody {sure} is after the account {name}",
    Hypothesis.DOMAIN_ABUSED: "somebody {sure} sends as {name}, or as a name like it",
    Hypothesis.MAILBOX_COMPROMISED: "somebody {sure} reads mailboxes at {name}",
}

#: Of a provider against which nothing speaks but what one of us could have done.
_ASKS = (
    "ask first whether it was one of you: somebody changed our account at {name}, took something"
    " out of it or tried a mail there, and nobody announced that"
)

#: The same for who is not one of us.
_TELLS = (
    "somebody changed our account at {name}, took something out of it or tried a mail there, and"
    " nobody announced that; whether it was one of us is being asked"
)

TITLES = {
    Hypothesis.PROVIDER_COMPROMISED: "Compromised",
    Hypothesis.PROVIDER_SILENT: "Silent",
    Hypothesis.CAMPAIGN: "Campaign against accounts",
    Hypothesis.LEAKED_HERE: "Leaked here",
    Hypothesis.INTERCEPTED: "Altered on the way",
    Hypothesis.ACCOUNT_TARGETED: "One account targeted",
    Hypothesis.DOMAIN_ABUSED: "Our domain abused",
    Hypothesis.MAILBOX_COMPROMISED: "Mailboxes read",
}

#: What the numbers of a blast radius are called, in the order in which they are told.
TOUCHED = (
    ("addresses that it was ever given", "exposed"),
    ("accounts with a reset through it", "requested"),
    ("of which half proven", "half_proven"),
    ("stopped by the second factor", "stopped_by_factor"),
    ("completed", "completed"),
    ("of which lost, as far as is seen", "lost"),
    ("denied by their owner", "denied"),
)


def figure(value: int | None) -> str:
    """One of those numbers; one that is worked out in the background may not be there."""
    return "not counted" if value is None else f"{value:,}"


clock = readable  #: under the name that templates call it by
#: Of a suspicion that is at what it was before any evidence.
SPENT = "Nothing speaks for it any more. What did, and counts nothing now:"

_STANDS = {
    State.OPEN: "nothing contains it yet",
    State.CONTAINED: "the provider is cut off",
    State.RESTORED: "the provider carries mail again",
    State.CLOSED: "this is closed",
}
_ENDS = "it closes by itself if that stays so"  #: an open one about which nothing is held


#: Unicode's bidirectional embeddings, overrides and isolates: what is read is not what is written.
_TURNS = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")


def unprintable(text: str) -> bool:
    """Whether a text has characters that control a terminal, line breaks and tabs aside."""
    return any(obeyed(one) and one not in "\n\t" for one in text)


def obeyed(character: str) -> bool:
    """Whether a character controls a terminal: a control character, or one that changes the
    direction of the text."""
    return unicodedata.category(character) == "Cc" or character in _TURNS


def prose(text: str, field: str) -> str:
    """What a person wrote, as it is kept. Raises ``Invalid``."""
    text = text.replace("\r\n", "\n").strip()
    if not text or len(text) > LONGEST:
        raise Invalid(f"say it in 1 to {LONGEST} characters", field=field)
    if unprintable(text):
        raise Invalid("no control characters but line breaks and tabs", field=field)
    return text


def instant(text: str, field: str, *, end: Instant | None = None) -> Instant | None:
    """A time that a person wrote, UTC unless it says otherwise; None for nothing.

    Args:
        end: of a day alone the end is meant, and not the beginning; while that day lasts, this
            instant, which is now.

    Raises:
        Invalid: it is no such time.
    """
    text = text.strip()
    if not text:
        return None
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        raise Invalid("a time is written as 2026-08-03 or 2026-08-03 14:30", field=field) from None
    if at.tzinfo is None:
        at = at.replace(tzinfo=UTC)
    if not 1970 < at.year < 2200:
        raise Invalid("say the year in full", field=field)
    said = round(at.timestamp()) * SECOND
    if end is None or len(text) != len("2026-08-03"):
        return said
    return end if said <= end < said + DAY else said + DAY


def short(at: Instant | None) -> str:
    """What ``instant`` reads again as the same; empty for None."""
    return "" if at is None else f"{iso(at)[:10]} {iso(at)[11:19]}"


def probability(view: View) -> float:
    return _probability(view.log_odds)


def percent(view: View) -> str:
    """A probability as people read it; never a hundred."""
    return _percent(view.log_odds)


def standing(view: View, state: State) -> str:
    """What a suspicion stands at, and the most that it stood at, where that was more: of a closed
    incident, at its end."""
    if view.highest is None or _percent(view.highest) == percent(view):
        return percent(view)
    then = "at the end" if state is State.CLOSED else "now"
    return f"{percent(view)} {then}, {_percent(view.highest)} at most"


def course(incident: Incident) -> str:
    """The same of every suspicion that was ever held, for a list."""
    return "; ".join(
        f"{TITLES[one.hypothesis]} {standing(one, incident.state)}"
        for one in incident.opinions
        if one.open or one.highest is not None
    )


def _probability(log_odds: float) -> float:
    return 1 / (1 + math.exp(-log_odds))


def _percent(log_odds: float) -> str:
    value = 100 * _probability(log_odds)
    return f"{min(value, 99.9):.1f}%" if value >= 99 else f"{value:.0f}%"


def headline(incident: Incident) -> str:
    """The sentence on top."""
    return _sentence(incident, _ASKS)


def happened(incident: Incident) -> str:
    """The same as a regulator is told it: nobody is asked anything."""
    return _sentence(incident, _TELLS)


def _sentence(incident: Incident, question: str) -> str:
    held = [one for one in incident.opinions if one.open]
    if not incident.held:
        quiet = f"Nothing is held about {incident.subject.id} any more"
        # Of an open one there is nothing left to contain.
        stands = _ENDS if incident.state is State.OPEN else _STANDS[incident.state]
        return f"{quiet}; {stands}."
    parts = []
    for view in held:
        if view.hypothesis is Hypothesis.PROVIDER_COMPROMISED and asks(incident):
            parts.append(question.format(name=incident.subject.id))
            continue
        parts.append(_said(view.hypothesis, incident.subject.id, view.log_odds))
    if incident.said is not None:
        name = incident.subject.id
        parts.append(_SAYS[incident.said].format(sure="(so a person says)", name=name))
    text = ", and ".join(parts)
    return f"{text[0].upper()}{text[1:]}; {_STANDS[incident.state]}."


def began(incident: Incident) -> str:
    """What its beginning rests on."""
    said = None if incident.word is None else incident.word.since
    return "As a person says from" if said == incident.since else "First sign"


def told(incident: Incident) -> str:
    """What a person says of it, in a sentence; empty: nobody says anything."""
    word = incident.word
    if word is None:
        return ""
    what = "the window" if word.hypothesis is None else TITLES[word.hypothesis].lower()
    since = "" if word.since is None else f", from {clock(word.since)}"
    until = "" if word.until is None else f" to {clock(word.until)}"
    return f"{what}{since}{until}, as said {clock(word.at)}"


def between(since: Instant | None, until: Instant | None) -> str:
    """A window that a person sets, with what stands where they leave an end out."""
    begins = "the first sign" if since is None else clock(since)
    ends = "the cut, or now" if until is None else clock(until)
    return f"from {begins} to {ends}"


def suspicion(hypothesis: Hypothesis, name: str, log_odds: float) -> str:
    """The sentence about something that may be going on, whether or not it is held."""
    text = _said(hypothesis, name, log_odds)
    return f"{text[0].upper()}{text[1:]}"


def _said(hypothesis: Hypothesis, name: str, log_odds: float) -> str:
    sure = next(word for line, word in _SURE if _probability(log_odds) >= line)
    return f"{_SAYS[hypothesis].format(sure=sure, name=name)} ({_percent(log_odds)})"


def span(start: Instant, end: Instant) -> str:
    """How long, roughly."""
    minutes = max(0, end - start) // MINUTE
    if minutes < 1:
        return "under a minute"
    if minutes < 120:
        return f"{minutes} min"
    return f"{minutes // 60} h" if minutes < 48 * 60 else f"{minutes // 1440} days"
