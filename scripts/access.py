"""Write ``docs/security/access.md``: which API key may call which route of the API, and which
role of an operator may open which page of the console.

Usage: ``python scripts/access.py`` writes the page. Tests try each route with a key of each scope,
of an application and of none, with a key that nobody knows, and without one; and each page with
each role and with none. They fail when a route is missing here.
"""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from litestar.handlers import HTTPRouteHandler

from mailkeep.http.console.operator import NEEDS
from mailkeep.http.console.router import PAGES
from mailkeep.mail.grants import Scope
from mailkeep.operators.permissions import ROLES, Permission, Role, scope_of
from mailkeep.operators.permissions import SCOPES as ALLOWS

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs" / "security" / "access.md"

SCOPES = ("send", "read", "recover", "report", "audit", "observe", "privacy", "operate")


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
    needs: Permission | None = None


def _of(permission: Permission, whose: str, reach: str) -> Door:
    return Door(scope_of(permission).value, whose, reach, permission)


P = Permission
_SENDING = Door("send", "anybody's", "streams, sender domains and networks that it is bound to")
_LISTS = Door("send", "anybody's", "entries of the streams that it is bound to")
_LOOKING = _of(
    P.MAIL_SEE, "ours", "mail of the streams that it is bound to; bound to none, see below"
)
_LISTED = _of(P.MAIL_SEE, "ours", "entries of the streams that it is bound to")
_SIGNS = _of(P.INCIDENTS_SEE, "ours", "every incident")
_CHAIN = _of(P.TRUST_SEE, "ours", "the chain of trust; not with a key that is bound to streams")
_ACTING = _of(P.INCIDENTS_WORK, "ours", "every incident")
_LISTING = _of(P.EXPOSED_LIST, "ours", "an open incident, once another person has agreed")
_STANDING = _of(P.PROVIDERS_SEE, "ours", "how our providers stand")
_AUDIT = _of(P.AUDIT_SEE, "ours", "the audit chain; pseudonymous ids")
_ACCOUNTS = _of(P.ACCOUNTS_SEE, "ours", "an account of ours that it has opened; nothing personal")
_OPENING = _of(P.ACCOUNTS_SEE, "ours", "one account of ours, and why; audited, so many in an hour")
_PROVIDERS = _of(P.PROVIDERS_CHANGE, "ours", "our accounts at providers")
_LOGS = Door("audit", "ours", "hands in what an audit log tells; reads nothing")
_PEOPLE = Door("privacy", "ours", "everybody; each use audited, and counted by the day")
_USERS = Door("recover", "an application's", "users of its application")

DOORS: Mapping[str, Door] = {
    "POST /v1/messages": _SENDING,
    "POST /v1/messages/cancel": Door("send", "anybody's", "what it, or a key before it, handed in"),
    "GET /v1/messages": _LOOKING,
    "POST /v1/messages/search": _LOOKING,
    "GET /v1/messages/{message_id}": _LOOKING,
    "GET /v1/events": _LOOKING,
    "PUT /v1/suppressions": _LISTS,
    "POST /v1/suppressions/remove": _LISTS,
    "POST /v1/suppressions/search": _LISTED,
    "GET /v1/incidents": _SIGNS,
    "GET /v1/incidents/{incident}": _SIGNS,
    "POST /v1/incidents/{incident}/actions/{name}": _of(P.ACTIONS_APPLY, "ours", "every incident"),
    "POST /v1/incidents/{incident}/notes": _ACTING,
    "GET /v1/incidents/{incident}/report": _SIGNS,
    "GET /v1/incidents/{incident}/timeline": _SIGNS,
    "POST /v1/incidents/{incident}/take": _ACTING,
    "POST /v1/incidents/{incident}/evidence": _of(P.EVIDENCE_TAKE, "ours", "every incident"),
    "GET /v1/incidents/{incident}/blast": _SIGNS,
    "POST /v1/incidents/{incident}/accounts": _of(
        P.ACCOUNTS_SEE, "ours", "accounts of every incident by their ids; audited"
    ),
    "POST /v1/incidents/{incident}/notices": _of(
        P.ACCOUNTS_SEE, "ours", "owners of every incident by their accounts' ids; audited"
    ),
    "POST /v1/incidents/{incident}/exposed": _LISTING,
    "POST /v1/incidents/{incident}/exposed/list": _LISTING,
    "POST /v1/incidents/{incident}/merge": _ACTING,
    "POST /v1/incidents/{incident}/split": _ACTING,
    "POST /v1/incidents/{incident}/close": _ACTING,
    "POST /v1/incidents": _of(
        P.INCIDENTS_WORK, "ours", "one about what there is; acts on nothing, and told to everybody"
    ),
    "POST /v1/incidents/{incident}/window": _ACTING,
    "POST /v1/incidents/{incident}/regulator": _ACTING,
    "GET /v1/cutovers": _of(P.PROVIDERS_SEE, "ours", "every move between providers"),
    "GET /v1/cutovers/{cutover}": _of(P.PROVIDERS_SEE, "ours", "every move between providers"),
    "POST /v1/cutovers/{cutover}/pause": _of(
        P.PROVIDERS_CHANGE, "ours", "holds one up; none is begun or taken back by a key"
    ),
    "GET /v1/offboardings": _of(P.PROVIDERS_SEE, "ours", "every provider that is left"),
    "GET /v1/offboardings/{provider}": _of(P.PROVIDERS_SEE, "ours", "every provider that is left"),
    "GET /v1/offboardings/{provider}/plan": _of(P.PROVIDERS_SEE, "ours", "what a start would list"),
    "POST /v1/offboardings": _of(
        P.PROVIDERS_CHANGE, "ours", "a hostile one is cut off as by hand; told to everybody"
    ),
    "POST /v1/offboardings/{provider}/items/{item}/done": _of(
        P.PROVIDERS_CHANGE, "ours", "what is seen not to be done is refused"
    ),
    "POST /v1/offboardings/{provider}/stop": _of(
        P.PROVIDERS_CHANGE, "ours", "one whose word still counts"
    ),
    "GET /v1/approvals": _SIGNS,
    "POST /v1/approvals/{request_id}/approve": _of(
        P.ACTIONS_APPROVE, "ours", "what another key asked for"
    ),
    "POST /v1/approvals/{request_id}/refuse": _ACTING,
    "GET /v1/providers": _STANDING,
    "GET /v1/providers/{name}": _STANDING,
    "GET /v1/providers/{name}/cut": _of(P.PROVIDERS_CHANGE, "ours", "what it would do"),
    "POST /v1/providers/{name}/cut": _of(
        P.PROVIDERS_CHANGE, "ours", "one that no incident is open about; told to everybody"
    ),
    "POST /v1/providers/{name}/cut/confirm": _of(
        P.ACTIONS_APPROVE, "ours", "a cut that another person did or asked for by hand"
    ),
    "POST /v1/providers/{name}/restore/confirm": _of(
        P.ACTIONS_APPROVE, "ours", "one that another person asked for"
    ),
    "POST /v1/providers/{name}/restore": _of(
        P.PROVIDERS_CHANGE, "ours", "one that was cut off by hand; asks for a second person"
    ),
    "GET /v1/providers/{name}/posture": _of(
        P.PROVIDERS_SEE, "ours", "what was seen of our account there"
    ),
    "POST /v1/providers/{name}/posture/expected": _PROVIDERS,
    "POST /v1/providers/{name}/posture/accepted": _PROVIDERS,
    "GET /v1/opinions": _of(P.INCIDENTS_SEE, "ours", "what may be going on; pseudonymous ids"),
    "GET /v1/reports": _of(P.INCIDENTS_SEE, "ours", "what others told of our mail, by domain"),
    "GET /v1/lookalikes": _of(P.INCIDENTS_SEE, "ours", "names like ours that are in use"),
    "POST /v1/reports": Door("report", "ours", "hands in what others told; reads nothing"),
    "POST /v1/reports/abuse": Door("report", "ours", "hands in what others told; reads nothing"),
    "POST /v1/observations": Door(
        "observe", "anybody's", "tells of mail in the streams that it is bound to; reads nothing"
    ),
    "POST /v1/observations/audit/{log}": _LOGS,
    "GET /v1/observations/audit/{log}": _LOGS,
    "POST /v1/claims": Door(
        "report", "anybody's", "says something of its application's users, or of our accounts"
    ),
    "GET /v1/accounts/factors": _of(P.FACTORS_SEE, "ours", "counts alone"),
    "POST /v1/accounts/search": _OPENING,
    "POST /v1/accounts/{account}/open": _OPENING,
    "GET /v1/accounts/{account}": _ACCOUNTS,
    "PUT /v1/accounts/{account}/class": _of(
        P.ACCOUNTS_CHANGE, "ours", "an account of ours that it has opened, no operator's"
    ),
    "GET /v1/accounts/{account}/sessions": _ACCOUNTS,
    "POST /v1/accounts/{account}/sessions/end": _of(
        P.ACCOUNTS_END, "ours", "an account of ours that it has opened"
    ),
    "POST /v1/privacy/export": _PEOPLE,
    "POST /v1/privacy/erasures/preview": _PEOPLE,
    "POST /v1/privacy/erasures": _PEOPLE,
    "GET /v1/privacy/erasures": _PEOPLE,
    "POST /v1/privacy/erasures/{erasure}/stop": _PEOPLE,
    "POST /v1/privacy/holds": _PEOPLE,
    "GET /v1/privacy/holds": _PEOPLE,
    "GET /v1/audit": _AUDIT,
    "GET /v1/audit/verify": _AUDIT,
    "GET /v1/audit/anchors": _AUDIT,
    "GET /v1/keys": _of(P.KEYS_SEE, "ours", "every key by name and bindings; never a key"),
    "GET /v1/operators": _of(P.OPERATORS_SEE, "ours", "whom the OpenID provider named"),
    "GET /v1/recoveries": _of(P.RECOVERIES_SEE, "ours", "how they went, by pseudonymous ids"),
    "POST /v1/recoveries/{recovery}/open": _of(
        P.RECOVERIES_SEE, "ours", "one, and why; audited, so many in an hour"
    ),
    "POST /v1/recoveries": _of(
        P.RECOVERIES_START, "ours", "starts one of an account of ours; sees none"
    ),
    "POST /v1/resets": Door(
        "recover", "an application's", "tells of resets of its users; reads where they go on"
    ),
    "GET /v1/resets": _of(P.RECOVERIES_SEE, "ours", "counts alone"),
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
    "GET /v1/trust/models": _CHAIN,
    "GET /v1/trust/diff": _CHAIN,
    "GET /v1/verdicts/{verdict}": Door("recover", "an application's", "verdicts it was handed"),
    "POST /v1/verdicts/{verdict}/acknowledge": Door(
        "", "", "the access token that came with the verdict, once"
    ),
}


def may(door: Door, scope: str, *, application: bool) -> bool:
    """Whether a key of a scope opens it."""
    whose = {"anybody's": True, "ours": not application, "an application's": application}
    return scope == door.scope and whose[door.whose]


def console() -> dict[str, Permission]:
    """Each route of the console for who is signed in, and what it needs."""
    found = {}
    for controller in PAGES:
        for handler in vars(controller).values():
            if not isinstance(handler, HTTPRouteHandler):
                continue
            for path in handler.paths:
                plain = re.sub(r":\w+\}", "}", f"{controller.path}{path}".rstrip("/"))
                for method in sorted(set(handler.http_methods) - {"OPTIONS", "HEAD"}):
                    found[f"{method} {plain}"] = handler.opt[NEEDS]
    return found


def page() -> str:
    """The page."""
    lines = [
        "# Who may what",
        "",
        "<!-- Made by scripts/access.py; a test fails when it is stale. -->",
        "",
        "What a role allows, and what a scope of an API key does, stands in one place,",
        "`mailkeep/operators/permissions.py`; each page and route names the permission it needs.",
        "",
        "## Pages of the console, by role",
        "",
        "A test opens each with each role: ✓ it opens, – it is refused (403). Without a sign-in it",
        "leads there. Who signed in with an API key is an `admin`.",
        "",
        f"| page | needs | {' | '.join(f'`{role.value}`' for role in Role)} |",
        f"|---|---|{'---|' * len(Role)}",
    ]
    for route, needed in sorted(console().items(), key=lambda one: one[0].split(" ")[::-1]):
        marks = ["✓" if needed in ROLES[role] else "–" for role in Role]
        lines.append(f"| `{route}` | `{needed}` | {' | '.join(marks)} |")
    lines += [
        "",
        "Accounts and recoveries are opened one by one, with a reason that goes into the audit",
        "chain, and no more than 60 an hour; addresses are masked. So is the mail to an address",
        "that tells whether it has an account: of the streams that are secret, and of those that",
        "`[recovery]` names. Without `accounts.see` no list has such mail; with it, without whose",
        "it is ([why](../decisions/0084-mail-that-tells-of-accounts.md)).",
        "",
        "## Routes of the API, by key",
        "",
        "A test calls each of them with a key of each scope, bound to an application and to none,",
        "with a key that nobody knows and with none. What is not said here is 403, without a key",
        "401; `/v1/openapi.json` is for everybody.",
        "",
        "| route | needs | scope | whose key | reaches |",
        "|---|---|---|---|---|",
    ]
    for route, door in DOORS.items():
        scope = f"`{door.scope}`" if door.scope else "none"
        needed_here = f"`{door.needs}`" if door.needs else "–"
        whose = door.whose or "nobody's"
        lines.append(f"| `{route}` | {needed_here} | {scope} | {whose} | {door.reach} |")
    lines += [
        "",
        "A key that is bound to no stream sees no mail that tells who has an account, nor its",
        "events, and finds none by an address: that takes the scope `operate` beside `read`, and",
        "`reason` in the search, which is audited and counts among the 60 of an hour. One message",
        "is shown by its id, which who handed it in was told, and then without its recipient.",
        "",
        *("## Permissions, by scope", "", "| scope | allows |", "|---|---|"),
    ]
    for of in Scope:
        allowed = ", ".join(f"`{one}`" for one in sorted(ALLOWS[of])) or "none of these"
        lines.append(f"| `{of.value}` | {allowed} |")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    PAGE.write_text(page())
