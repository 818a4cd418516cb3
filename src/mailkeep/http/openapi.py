"""The description of the API (OpenAPI 3.1), at ``/v1/openapi.json``.

The framework writes the paths down; what handlers read themselves, so that an error can name its
field, and what they answer, is added here from the types that they use. Every status code that an
operation may answer stands there.
"""

from typing import Any

import msgspec
from litestar import MediaType, Request
from litestar.openapi.plugins import OpenAPIRenderPlugin

from mailkeep.mail import told
from mailkeep.posture.model import ThreatModel
from mailkeep.posture.types import Fall

from .api import (
    accounts,
    approvals,
    claims,
    cutovers,
    evidence,
    factors,
    incidents,
    messages,
    observations,
    posture,
    privacy,
    recoveries,
    reports,
    sending,
    subjects,
    trust,
    verdicts,
)
from .api.idempotency import LONGEST, NAME
from .api.message_in import BatchIn, MessageIn
from .problems import MEDIA_TYPE, Problem

REFERENCE = "#/components/schemas/{name}"
Types = tuple[type[msgspec.Struct], ...]


class Operation(msgspec.Struct, frozen=True):
    """What one operation reads and answers.

    Attributes:
        body: one of these types, as JSON.
        octets: the body is octets, and no JSON.
        gives: what it answers is octets of this media type.
        application: an application shows its id and secret, and no key.
        query: whose fields are words of the query.
        answers: by status code; no types: no body.
        problems: status codes of its problem documents, besides those of every operation.
    """

    answers: dict[int, Types]
    body: Types = ()
    query: type[msgspec.Struct] | None = None
    headers: tuple[dict[str, Any], ...] = ()
    problems: tuple[int, ...] = ()
    octets: bool = False
    gives: str = ""
    application: bool = False


#: The key is missing or no good; it may not do this; a fault of ours; no database, or no disk.
ALWAYS = (401, 403, 500, 503)
#: The body is too large; is no JSON; is not as it must be.
WITH_BODY = (413, 415, 422)

PROBLEMS = {
    401: "The API key is missing, unknown, revoked or expired.",
    403: "The API key may not do this: its scope, stream, sender domain or network.",
    404: "There is no such thing.",
    409: "It was decided otherwise meanwhile, or the idempotency key was used for other mail.",
    413: "The body is too large.",
    415: "The body is not said to be what is read here, which is JSON mostly.",
    422: "Something in it cannot be accepted; `field` says what. Nothing was stored.",
    429: "A limit was reached; `Retry-After` says for how long.",
    500: "A fault of ours.",
    503: "It cannot be done now; nothing was stored, or `message_id` names what may have been.",
}

_IDEMPOTENCY = {
    "name": NAME,
    "in": "header",
    "description": "Of a single message: the same key with the same message sends it once.",
    "schema": {"type": "string", "minLength": 1, "maxLength": LONGEST, "pattern": "^[!#-~]+$"},
}

_CHALLENGE = {
    "name": observations.CHALLENGE,
    "in": "header",
    "required": True,
    "description": "Comes back as it is.",
    "schema": {
        "type": "string",
        "minLength": 1,
        "maxLength": observations.LONGEST_CHALLENGE,
        "pattern": "^[!-~]+$",
    },
}

OPERATIONS: dict[tuple[str, str], Operation] = {
    ("/v1/messages", "post"): Operation(
        {202: (sending.Sent, sending.Results)},
        body=(MessageIn, BatchIn),
        headers=(_IDEMPOTENCY,),
        problems=(409, *WITH_BODY),
    ),
    ("/v1/messages", "get"): Operation(
        {200: (messages.Page,)}, query=messages.ListIn, problems=(422,)
    ),
    ("/v1/messages/search", "post"): Operation(
        {200: (messages.Page,)}, body=(messages.SearchIn,), problems=WITH_BODY
    ),
    ("/v1/messages/cancel", "post"): Operation(
        {200: (messages.Cancelled,)}, body=(messages.CancelIn,), problems=(404, 409, *WITH_BODY)
    ),
    ("/v1/messages/{message_id}", "get"): Operation({200: (told.MessageOut,)}, problems=(404,)),
    ("/v1/recoveries", "post"): Operation(
        {202: (recoveries.RecoveryOut,)}, body=(recoveries.RecoveryIn,), problems=(404, *WITH_BODY)
    ),
    ("/v1/incidents", "get"): Operation({200: (incidents.IncidentsOut,)}),
    ("/v1/incidents/{incident}", "get"): Operation(
        {200: (incidents.IncidentOut,)}, problems=(404,)
    ),
    ("/v1/incidents/{incident}/actions/{name}", "post"): Operation(
        {200: (incidents.ActionOut,), 202: (incidents.ActionOut,)},
        body=(incidents.ActionIn,),
        problems=(404, 409, *WITH_BODY),
    ),
    ("/v1/approvals", "get"): Operation({200: (approvals.ApprovalsOut,)}),
    ("/v1/approvals/{request_id}/approve", "post"): Operation(
        {200: (incidents.ActionOut,)}, problems=(404, 409)
    ),
    ("/v1/approvals/{request_id}/refuse", "post"): Operation(
        {200: (incidents.ApprovalOut,)}, problems=(404, 409)
    ),
    ("/v1/incidents/{incident}/notes", "post"): Operation(
        {201: ()}, body=(incidents.NoteIn,), problems=(404, 409, *WITH_BODY)
    ),
    ("/v1/incidents/{incident}/report", "get"): Operation(
        {200: (incidents.IncidentReportOut,)}, problems=(404,)
    ),
    ("/v1/incidents/{incident}/take", "post"): Operation(
        {200: (incidents.IncidentOut,)}, problems=(404, 409)
    ),
    ("/v1/incidents/{incident}/evidence", "post"): Operation(
        {200: ()}, problems=(404,), gives=evidence.ZIP
    ),
    ("/v1/incidents/{incident}/merge", "post"): Operation(
        {200: (incidents.IncidentOut,)}, body=(incidents.MergeIn,), problems=(404, 409, *WITH_BODY)
    ),
    ("/v1/incidents/{incident}/split", "post"): Operation(
        {200: (incidents.IncidentOut,)}, problems=(404, 409)
    ),
    ("/v1/incidents/{incident}/close", "post"): Operation(
        {200: (incidents.IncidentOut,)}, body=(incidents.NoteIn,), problems=(404, 409, *WITH_BODY)
    ),
    ("/v1/providers/{name}/posture", "get"): Operation(
        {200: (posture.PostureOut,)}, problems=(404,)
    ),
    ("/v1/providers/{name}/posture/expected", "post"): Operation(
        {201: (posture.ExpectedOut,)}, body=(posture.ExpectIn,), problems=(404, 409, *WITH_BODY)
    ),
    ("/v1/providers/{name}/posture/accepted", "post"): Operation(
        {200: (posture.AcceptedOut,)}, body=(posture.AcceptIn,), problems=(404, 409, *WITH_BODY)
    ),
    ("/v1/claims", "post"): Operation(
        {202: ()}, body=(claims.ClaimIn,), problems=(429, *WITH_BODY)
    ),
    ("/v1/reports", "post"): Operation(
        {200: (reports.ReportsOut,)}, octets=True, problems=(429, *WITH_BODY)
    ),
    ("/v1/observations", "post"): Operation(
        {200: (observations.NotedOut,)},
        body=(observations.JournalIn,),
        problems=(404, 429, *WITH_BODY),
    ),
    ("/v1/observations/audit/{log}", "post"): Operation(
        {200: (observations.AuditOut,)}, octets=True, problems=(404, 429, *WITH_BODY)
    ),
    ("/v1/observations/audit/{log}", "get"): Operation(
        {200: (observations.ChallengeOut,)}, headers=(_CHALLENGE,), problems=(404, 422)
    ),
    ("/v1/subjects", "put"): Operation(
        {200: (subjects.ResultsOut,)}, body=(subjects.SubjectsIn,), problems=(404, *WITH_BODY)
    ),
    ("/v1/subjects/{subject}", "put"): Operation(
        {200: (subjects.SubjectOut,), 202: (subjects.SubjectOut,)},
        body=(subjects.SubjectIn,),
        problems=(404, 409, 429, *WITH_BODY),
    ),
    ("/v1/subjects/{subject}", "get"): Operation({200: (subjects.SubjectOut,)}, problems=(404,)),
    ("/v1/subjects/{subject}", "delete"): Operation(
        {202: (subjects.SubjectOut,)}, problems=(404, 429)
    ),
    ("/v1/subjects/{subject}/held/{change}/vouch", "post"): Operation(
        {202: (subjects.SubjectOut,)}, problems=(404, 409), application=True
    ),
    ("/v1/subjects/{subject}/factors/ticket", "post"): Operation(
        {201: (subjects.TicketOut,)}, problems=(404, 409), application=True
    ),
    ("/v1/verdicts/{verdict}/acknowledge", "post"): Operation(
        {200: (verdicts.VerdictOut,)}, problems=(404, 409)
    ),
    ("/v1/verdicts/{verdict}", "get"): Operation({200: (verdicts.VerdictOut,)}, problems=(404,)),
    ("/v1/accounts/factors", "get"): Operation(
        {200: (factors.FactorsOut,)}, query=factors.FactorsIn, problems=(422,)
    ),
    ("/v1/accounts/search", "post"): Operation(
        {200: (accounts.AccountOut,)}, body=(accounts.AccountSearchIn,), problems=(404, *WITH_BODY)
    ),
    ("/v1/accounts/{account}", "get"): Operation({200: (accounts.AccountOut,)}, problems=(404,)),
    ("/v1/accounts/{account}/class", "put"): Operation(
        {200: (accounts.AccountOut,)}, body=(accounts.ClassIn,), problems=(404, *WITH_BODY)
    ),
    ("/v1/accounts/{account}/sessions", "get"): Operation(
        {200: (accounts.AccountSessionsOut,)}, problems=(404,)
    ),
    ("/v1/accounts/{account}/sessions/end", "post"): Operation(
        {200: (accounts.EndedOut,)}, body=(accounts.EndIn,), problems=(404, *WITH_BODY)
    ),
    ("/v1/cutovers", "get"): Operation({200: (cutovers.CutoversOut,)}),
    ("/v1/cutovers/{cutover}", "get"): Operation({200: (cutovers.CutoverOut,)}, problems=(404,)),
    ("/v1/cutovers/{cutover}/pause", "post"): Operation(
        {200: (cutovers.CutoverOut,)}, problems=(404, 409)
    ),
    ("/v1/trust/parties", "get"): Operation({200: (trust.PartiesOut,)}),
    ("/v1/trust/whatif", "get"): Operation(
        {200: (Fall,)}, query=trust.WhatIfIn, problems=(404, 422)
    ),
    ("/v1/trust/single-points", "get"): Operation({200: (trust.SinglePointsOut,)}),
    ("/v1/trust/smallest", "get"): Operation({200: (trust.SmallestOut,)}),
    ("/v1/trust/changes", "get"): Operation({200: (trust.ChangesOut,)}),
    ("/v1/trust/model", "get"): Operation({200: (ThreatModel,)}),
    ("/v1/privacy/export", "post"): Operation(
        {200: (privacy.PersonOut,)}, body=(privacy.PersonIn,), problems=(404, 429, *WITH_BODY)
    ),
    ("/v1/privacy/erasures/preview", "post"): Operation(
        {200: (privacy.ErasurePreviewOut,)}, body=(privacy.PersonIn,), problems=(404, *WITH_BODY)
    ),
    ("/v1/privacy/erasures", "post"): Operation(
        {202: (privacy.ErasureOut,)},
        body=(privacy.PersonIn,),
        problems=(404, 409, 429, *WITH_BODY),
    ),
    ("/v1/privacy/erasures", "get"): Operation({200: (privacy.ErasuresOut,)}),
    ("/v1/privacy/erasures/{erasure}/stop", "post"): Operation(
        {200: (privacy.ErasureOut,)}, problems=(404, 409)
    ),
    ("/v1/privacy/holds", "post"): Operation(
        {201: (privacy.LegalHoldOut,)}, body=(privacy.HoldIn,), problems=(404, 409, *WITH_BODY)
    ),
    ("/v1/privacy/holds", "get"): Operation({200: (privacy.LegalHoldsOut,)}),
}

#: Of these a problem document says more.
EXTENDED = {("/v1/messages", "post", code): (Problem, sending.NoneAccepted) for code in (422, 503)}


class Document(OpenAPIRenderPlugin):
    """Serves the description as JSON; it loads nothing from elsewhere, as viewers do."""

    def __init__(self) -> None:
        super().__init__(path="/", media_type=MediaType.JSON)

    def render(self, request: Request[Any, Any, Any], openapi_schema: dict[str, Any]) -> bytes:
        """The description in full."""
        del request
        return msgspec.json.encode(complete(openapi_schema))


def complete(document: dict[str, Any]) -> dict[str, Any]:
    """The framework's description with what is read and answered, and the key (pure)."""
    schemas = _schemas()
    paths: dict[str, dict[str, Any]] = {}
    for path, methods in document["paths"].items():
        paths[path] = {}
        for method, written in methods.items():
            operation = OPERATIONS[path, method]
            done = written | {"responses": _answers(path, method, operation)}
            parameters = [one for one in written.get("parameters", []) if one["in"] == "path"]
            done["parameters"] = [*parameters, *operation.headers, *_query(operation.query)]
            if operation.application:
                done["security"] = [{"application": []}]
            if operation.body:
                done["requestBody"] = {"required": True, "content": _content(operation.body)}
            elif operation.octets:
                content = {"schema": {"type": "string", "format": "binary"}}
                done["requestBody"] = {
                    "required": True,
                    "content": {"application/octet-stream": content},
                }
            paths[path][method] = done
    return document | {
        "paths": paths,
        "security": [{"key": []}],
        "components": {
            "schemas": schemas,
            "securitySchemes": {
                "key": {"type": "http", "scheme": "bearer"},
                "application": {"type": "http", "scheme": "basic"},
            },
        },
    }


def _schemas() -> dict[str, Any]:
    types: set[type[msgspec.Struct]] = {Problem}
    for one in OPERATIONS.values():
        types.update(one.body, *one.answers.values())
    for more in EXTENDED.values():
        types.update(more)
    in_order = sorted(types, key=lambda one: one.__name__)
    return msgspec.json.schema_components(in_order, ref_template=REFERENCE)[1]


def _answers(path: str, method: str, operation: Operation) -> dict[str, Any]:
    out: dict[str, Any] = {}
    for code, types in operation.answers.items():
        out[str(code)] = {"description": "Done."} | ({"content": _content(types)} if types else {})
        if operation.gives:
            schema = {"type": "string", "format": "binary"}
            out[str(code)]["content"] = {operation.gives: {"schema": schema}}
    for code in sorted({*ALWAYS, *operation.problems}):
        types = EXTENDED.get((path, method, code), (Problem,))
        out[str(code)] = {"description": PROBLEMS[code], "content": _content(types, MEDIA_TYPE)}
    return out


def _content(types: Types, media_type: str = "application/json") -> dict[str, Any]:
    choices = [{"$ref": REFERENCE.format(name=one.__name__)} for one in types]
    schema = choices[0] if len(choices) == 1 else {"anyOf": choices}
    return {media_type: {"schema": schema}}


def _query(kind: type[msgspec.Struct] | None) -> list[dict[str, Any]]:
    """The fields of a type as words of a query."""
    if kind is None:
        return []
    (_, made) = msgspec.json.schema_components([kind], ref_template=REFERENCE)
    fields: dict[str, Any] = made[kind.__name__]["properties"]
    return [
        {"name": name, "in": "query", "required": False, "schema": _not_null(schema, made)}
        for name, schema in fields.items()
    ]


def _not_null(schema: dict[str, Any], made: dict[str, Any]) -> dict[str, Any]:
    """What a word may be when it is there: a query cannot say null."""
    found = {name: one for name, one in schema.items() if name != "default" or one is not None}
    choices = [one for one in found.pop("anyOf", []) if one != {"type": "null"}]
    for one in choices:
        found |= made[one["$ref"].rpartition("/")[2]] if "$ref" in one else one
    return found
