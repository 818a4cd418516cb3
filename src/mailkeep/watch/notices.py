"""Classifies a provider's notice to its customers, from a mail or its status page (pure).

It looks for words, not meaning: a person was told at once that the mail came, and reads it. What is
not recognised is ``OTHER`` and says nothing.

Security: reads hostile input: bounded texts, patterns that cannot backtrack, nothing kept of them.
"""

import enum
import re
from collections.abc import Collection
from email.errors import MessageError
from email.header import decode_header

import msgspec

from mailkeep.providers.posture.types import Kind

from .parts import take_apart

MAX_PAGE = 64 * 1024  #: octets of a status page
MAX_INCIDENTS = 512 * 1024  #: octets of its incidents: fifty, with all that was said of them
_READ = 8000  #: characters of a mail


class Notice(enum.StrEnum):
    """What it is about. The first that fits counts."""

    SECURITY = "security"  #: somebody was in the provider's systems, or in our account there
    SUSPENDED = "suspended"  #: our account or our sending is stopped or held up
    CHANGE = "change"  #: something of our account there was changed, or somebody signed in
    OUTAGE = "outage"  #: it does not work there
    OTHER = "other"  #: anything else, and that all is well


_OURS = r"(?:account|sending|service|subaccount|api key|smtp credentials?|access)"
_STOPPED = r"(?:suspended|paused|disabled|deactivated|terminated|blocked|restricted|on hold)"
_MADE = r"(?:changed|added|created|removed|deleted|updated|reset|invited)"
_PATTERNS = (
    (
        Notice.SECURITY,
        re.compile(
            r"security (?:incident|breach)|data breach|unauthori[sz]ed (?:access|part|third|use)"
            r"|(?:account|systems?|credentials?|keys?) (?:was|were|has been|have been|may have been"
            r"|is|are) (?:compromised|exposed|leaked|stolen)"
            r"|suspicious (?:activity|sign-?in|log-?in)"
        ),
    ),
    (
        Notice.SUSPENDED,
        re.compile(rf"\b{_OURS}\b[^.!?]{{0,60}}\b{_STOPPED}\b|\b{_STOPPED} your {_OURS}\b"),
    ),
    (
        Notice.CHANGE,
        re.compile(
            r"\b(?:password|e-?mail address|api key|user|team member|webhook|sender|domain|template"
            r"|two-factor[a-z ]{0,20})\b"
            rf"[^.!?]{{0,40}}\b(?:was|has been|were|have been) {_MADE}\b"
            r"|new (?:sign-?in|log-?in|device|api key)"
        ),
    ),
    (
        Notice.OUTAGE,
        re.compile(
            r"\b(?:outage|service disruption|degraded performance|(?:delivery|mail) delays?)\b"
        ),
    ),
)
#: Words of a notice of a change, and the kind of thing in an account that they name.
_THINGS = (
    (Kind.ACCOUNT, re.compile(r"\b(?:password|e-?mail address|two-factor)\b")),
    (Kind.KEY, re.compile(r"\bapi key\b")),
    (Kind.USER, re.compile(r"\b(?:user|team member)\b")),
    (Kind.WEBHOOK, re.compile(r"\bwebhook\b")),
    (Kind.SENDER, re.compile(r"\bsender\b")),
    (Kind.DOMAIN, re.compile(r"\bdomain\b")),
    (Kind.TEMPLATE, re.compile(r"\btemplate\b")),
)
_SIGNED_IN = re.compile(r"new (?:sign-?in|log-?in|device)")
_OVER = re.compile(r"\b(?:resolved|restored|reinstated|reactivated|completed)\b")
_SPACES = re.compile(r"\s+")
_TAG = re.compile(r"<[^<>]{0,2000}>")


class _Status(msgspec.Struct):
    indicator: str


class _Page(msgspec.Struct):
    status: _Status


class _Affected(msgspec.Struct):
    name: str = ""
    new_status: str = ""


class _Update(msgspec.Struct):
    body: str | None = None
    affected_components: list[_Affected] | None = None


class _Component(msgspec.Struct):
    name: str = ""
    status: str = ""


class _Incident(msgspec.Struct):
    name: str
    status: str
    impact: str = "none"
    incident_updates: list[_Update] = []
    components: list[_Component] = []


class _Incidents(msgspec.Struct):
    incidents: list[_Incident]


_OVER_WORDS = frozenset({"resolved", "postmortem", "completed", "scheduled"})
_DOWN = frozenset({"partial_outage", "major_outage"})
_GRAVE = frozenset({"major", "critical"})
_INDICATORS = {"none": Notice.OTHER, "minor": Notice.OTHER, "maintenance": Notice.OTHER} | (
    dict.fromkeys(("major", "critical"), Notice.OUTAGE)
)


def of_mail(raw: bytes) -> tuple[Notice, str]:
    """What a mail is about; of a change also the kind of thing that was changed, "" where it names
    none or several. Never raises."""
    text, subject = _words(raw)
    for notice, pattern in _PATTERNS:
        if pattern.search(text):
            # An outage or suspension that is over counts as none; a break-in stays true.
            if notice in {Notice.OUTAGE, Notice.SUSPENDED} and _OVER.search(subject):
                return Notice.OTHER, ""
            return notice, _thing(text) if notice is Notice.CHANGE else ""
    return Notice.OTHER, ""


def _thing(text: str) -> str:
    """Whoever made a change names some of what stands in its notice, so one that speaks of several
    things is taken for none of them."""
    found = [kind.value for kind, pattern in _THINGS if pattern.search(text)]
    return found[0] if len(found) == 1 and not _SIGNED_IN.search(text) else ""


def _words(raw: bytes) -> tuple[str, str]:
    """The beginning of a mail in plain small letters, its subject first; and that alone."""
    parts = take_apart(raw)
    subject = next((value for name, value in parts.fields if name == "subject"), "")
    plain = [one.text for one in parts.texts if not one.html] or [
        _TAG.sub(" ", one.text) for one in parts.texts
    ]
    subject = _SPACES.sub(" ", _decoded(subject[:1000])).lower()
    return _SPACES.sub(" ", f"{subject}. {' '.join(plain)}"[:_READ]).lower(), subject


def of_page(text: bytes) -> Notice | None:
    """What ``/api/v2/status.json`` of a status page says; None where it is none."""
    if len(text) > MAX_PAGE:
        return None
    try:
        page = msgspec.json.decode(text, type=_Page)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
    return _INDICATORS.get(page.status.indicator)


def of_incidents(text: bytes, components: Collection[str] = ()) -> Notice | None:
    """What ``/api/v2/incidents.json`` of a status page says of what is going on; None where it is
    no such page.

    An incident counts that is grave, or under which a component is down; of components that are
    named, those alone. That somebody broke in counts whatever it is said of.
    """
    if len(text) > MAX_INCIDENTS:
        return None
    try:
        page = msgspec.json.decode(text, type=_Incidents)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
    wanted = {one.lower() for one in components}
    found = Notice.OTHER
    for one in page.incidents:
        if one.status in _OVER_WORDS:
            continue
        words = f"{one.name}. {one.incident_updates[0].body if one.incident_updates else ''}"
        if _PATTERNS[0][1].search(_SPACES.sub(" ", words[:_READ]).lower()):
            return Notice.SECURITY
        if _is_outage(one, wanted):
            found = Notice.OUTAGE
    return found


def _is_outage(one: _Incident, wanted: set[str]) -> bool:
    """Whether what goes on is an outage, of the wanted components where there are any."""
    latest = one.incident_updates[0].affected_components if one.incident_updates else None
    states = {each.name.lower(): each.status for each in one.components}
    states |= {each.name.lower(): each.new_status for each in latest or ()}
    if not wanted:
        return one.impact in _GRAVE or any(state in _DOWN for state in states.values())
    if not states:  # it does not say of what
        return one.impact in _GRAVE
    ours = [state for name, state in states.items() if name in wanted]
    return any(state in _DOWN for state in ours) or (one.impact in _GRAVE and bool(ours))


def _decoded(value: str) -> str:
    """Without its encoded words (RFC 2047)."""
    try:
        return "".join(
            part.decode(charset or "ascii", "replace") if isinstance(part, bytes) else part
            for part, charset in decode_header(value.replace("\r", "").replace("\n", ""))
        )
    except (MessageError, LookupError, ValueError):
        return value
