"""Write ``docs/security/access.md``: which API key may call which route of the API.

Usage: ``python scripts/access.py`` writes the page. A test tries each route with a key of each
scope, of an application and of none, with a key that nobody knows, and without one; and fails when
a route is missing here.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs" / "security" / "access.md"

SCOPES = ("send", "read", "recover", "report", "privacy", "operate")


class Door(NamedTuple):
    """A route's rule.

    Attributes:
        scope: that a key needs; "": no API key opens it.
        whose: ``anybody's``, ``ours`` (bound to no application) or ``an application's``.
        reach: how far it sees and acts.
    """

    scope: str
    whose: str
    reach: str


_SENDING = Door("send", "anybody's", "streams, sender domains and networks that it is bound to")
_LOOKING = Door("read", "ours", "mail of the streams that it is bound to")
_SIGNS = Door("read", "ours", "every incident")
_CHAIN = Door("read", "ours", "the chain of trust; not with a key that is bound to streams")
_ACTING = Door("operate", "ours", "every incident")
_ACCOUNTS = Door("operate", "ours", "accounts of ours; nothing personal")
_PROVIDERS = Door("operate", "ours", "our accounts at providers")
_PEOPLE = Door("privacy", "ours", "everybody; each use audited, and counted by the day")
_USERS = Door("recover", "an application's", "users of its application")

DOORS: Mapping[str, Door] = {
    "POST /v1/messages": _SENDING,
    "POST /v1/messages/cancel": Door("send", "anybody's", "what it, or a key before it, handed in"),
    "GET /v1/messages": _LOOKING,
    "POST /v1/messages/search": _LOOKING,
    "GET /v1/messages/{message_id}": _LOOKING,
    "GET /v1/incidents": _SIGNS,
    "GET /v1/incidents/{incident}": _SIGNS,
    "POST /v1/incidents/{incident}/actions/{name}": _ACTING,
    "POST /v1/incidents/{incident}/notes": _ACTING,
    "GET /v1/incidents/{incident}/report": _SIGNS,
    "POST /v1/incidents/{incident}/take": _ACTING,
    "POST /v1/incidents/{incident}/evidence": _ACTING,
    "POST /v1/incidents/{incident}/merge": _ACTING,
    "POST /v1/incidents/{incident}/split": _ACTING,
    "POST /v1/incidents/{incident}/close": _ACTING,
    "GET /v1/approvals": _SIGNS,
    "POST /v1/approvals/{request_id}/approve": Door(
        "operate", "ours", "what another key asked for"
    ),
    "POST /v1/approvals/{request_id}/refuse": _ACTING,
    "GET /v1/providers/{name}/posture": Door("read", "ours", "what was seen of our account there"),
    "POST /v1/providers/{name}/posture/expected": _PROVIDERS,
    "POST /v1/providers/{name}/posture/accepted": _PROVIDERS,
    "POST /v1/reports": Door("report", "ours", "hands in what others told; reads nothing"),
    "POST /v1/claims": Door(
        "report", "anybody's", "says something of its application's users, or of our accounts"
    ),
    "GET /v1/accounts/factors": _ACCOUNTS,
    "POST /v1/accounts/search": _ACCOUNTS,
    "GET /v1/accounts/{account}": _ACCOUNTS,
    "PUT /v1/accounts/{account}/class": _ACCOUNTS,
    "GET /v1/accounts/{account}/sessions": _ACCOUNTS,
    "POST /v1/accounts/{account}/sessions/end": _ACCOUNTS,
    "POST /v1/privacy/export": _PEOPLE,
    "POST /v1/privacy/erasures/preview": _PEOPLE,
    "POST /v1/privacy/erasures": _PEOPLE,
    "GET /v1/privacy/erasures": _PEOPLE,
    "POST /v1/privacy/erasures/{erasure}/stop": _PEOPLE,
    "POST /v1/privacy/holds": _PEOPLE,
    "GET /v1/privacy/holds": _PEOPLE,
    "POST /v1/recoveries": Door("recover", "ours", "starts one of an account of ours; sees none"),
    "PUT /v1/subjects": _USERS,
    "PUT /v1/subjects/{subject}": _USERS,
    "GET /v1/subjects/{subject}": _USERS,
    "DELETE /v1/subjects/{subject}": _USERS,
    "POST /v1/subjects/{subject}/held/{change}/vouch": Door(
        "", "", "the id and secret of an application, for its own users"
    ),
    "POST /v1/subjects/{subject}/factors/ticket": Door(
        "", "", "the id and secret of an application, for its own users"
    ),
    "GET /v1/trust/parties": _CHAIN,
    "GET /v1/trust/whatif": _CHAIN,
    "GET /v1/trust/single-points": _CHAIN,
    "GET /v1/trust/smallest": _CHAIN,
    "GET /v1/trust/changes": _CHAIN,
    "GET /v1/trust/model": _CHAIN,
    "GET /v1/verdicts/{verdict}": Door("recover", "an application's", "verdicts it was handed"),
    "POST /v1/verdicts/{verdict}/acknowledge": Door(
        "", "", "the access token that came with the verdict, once"
    ),
}


def may(door: Door, scope: str, *, application: bool) -> bool:
    """Whether a key of a scope opens it."""
    whose = {"anybody's": True, "ours": not application, "an application's": application}
    return scope == door.scope and whose[door.whose]


def page() -> str:
    """The page."""
    lines = [
        "# Which key may call which route",
        "",
        "<!-- Made by scripts/access.py; a test fails when it is stale. -->",
        "",
        "A test calls each of them with a key of each scope, bound to an application and to none,",
        "with a key that nobody knows and with none. What is not said here is 403, without a key",
        "401; `/v1/openapi.json` is for everybody.",
        "",
        "| route | scope | whose key | reaches |",
        "|---|---|---|---|",
    ]
    for route, door in DOORS.items():
        scope = f"`{door.scope}`" if door.scope else "none"
        whose = door.whose or "nobody's"
        lines.append(f"| `{route}` | {scope} | {whose} | {door.reach} |")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    PAGE.write_text(page())
