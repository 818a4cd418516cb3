"""What each operation of the API reads and returns, for the OpenAPI description: one line for each
route.

A test finds a route that is missing here.
"""

from mailkeep.mail import told
from mailkeep.posture.model import Difference, ThreatModel
from mailkeep.posture.types import Fall

from .api import (
    accounts,
    approval_out,
    approvals,
    audit,
    claims,
    cutovers,
    events,
    evidence,
    exposed,
    factors,
    house,
    incident_out,
    incidents,
    messages,
    notices,
    observations,
    offboardings,
    opinions,
    posture,
    privacy,
    providers,
    recoveries,
    reports,
    resets,
    sending,
    subjects,
    suppressions,
    touched,
    trust,
    verdicts,
)
from .api.idempotency import LONGEST, NAME
from .api.message_in import BatchIn, MessageIn
from .operation import WITH_BODY, Operation
from .problems import Problem

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
    ("/v1/events", "get"): Operation(
        {200: (events.EventPage,)}, query=events.EventsIn, problems=(422,)
    ),
    ("/v1/suppressions", "put"): Operation(
        {200: (suppressions.SuppressedOut,)},
        body=(suppressions.SuppressionsIn,),
        problems=WITH_BODY,
    ),
    ("/v1/suppressions/remove", "post"): Operation(
        {200: (suppressions.RemovedOut,)}, body=(suppressions.WhoseIn,), problems=WITH_BODY
    ),
    ("/v1/suppressions/search", "post"): Operation(
        {200: (suppressions.SuppressionsOut,)}, body=(suppressions.WhoseIn,), problems=WITH_BODY
    ),
    ("/v1/recoveries", "post"): Operation(
        {202: (recoveries.RecoveryOut,)}, body=(recoveries.RecoveryIn,), problems=(404, *WITH_BODY)
    ),
    ("/v1/recoveries", "get"): Operation(
        {200: (recoveries.RecoveriesOut,)}, query=recoveries.RecoveriesIn, problems=(422,)
    ),
    ("/v1/recoveries/{recovery}/open", "post"): Operation(
        {200: (recoveries.RecoveryOpenedOut,)},
        body=(recoveries.OpenIn,),
        problems=(404, 429, *WITH_BODY),
    ),
    ("/v1/resets", "post"): Operation(
        {200: (resets.WayOut,)}, body=(resets.ResetIn,), problems=(404, *WITH_BODY)
    ),
    ("/v1/resets", "get"): Operation(
        {200: (resets.RehearsedOut,)}, query=resets.ResetsIn, problems=(404, 422)
    ),
    ("/v1/audit", "get"): Operation({200: (audit.AuditOut,)}, query=audit.AuditIn, problems=(422,)),
    ("/v1/audit/verify", "get"): Operation({200: (audit.VerifiedOut,)}),
    ("/v1/audit/anchors", "get"): Operation({200: (audit.PlacesOut,)}),
    ("/v1/keys", "get"): Operation({200: (house.KeysOut,)}),
    ("/v1/operators", "get"): Operation({200: (house.OperatorsOut,)}),
    ("/v1/providers", "get"): Operation({200: (providers.ProvidersOut,)}),
    ("/v1/providers/{name}", "get"): Operation({200: (providers.ProviderOut,)}, problems=(404,)),
    ("/v1/providers/{name}/cut", "get"): Operation({200: (providers.WouldOut,)}, problems=(404,)),
    ("/v1/providers/{name}/cut", "post"): Operation(
        {200: (providers.ProviderOut,)},
        body=(providers.ReasonIn,),
        problems=(404, 409, *WITH_BODY),
    ),
    ("/v1/providers/{name}/cut/confirm", "post"): Operation(
        {200: (providers.ProviderOut,)},
        body=(providers.ConfirmIn,),
        problems=(404, 409, *WITH_BODY),
    ),
    ("/v1/providers/{name}/restore/confirm", "post"): Operation(
        {200: (providers.ProviderOut,)},
        body=(providers.GiveBackIn,),
        problems=(404, 409, *WITH_BODY),
    ),
    ("/v1/providers/{name}/restore", "post"): Operation(
        {200: (providers.ProviderOut,)},
        body=(providers.ReasonIn,),
        problems=(404, 409, *WITH_BODY),
    ),
    ("/v1/incidents", "get"): Operation(
        {200: (incident_out.IncidentsOut,)}, query=incidents.PageIn, problems=(422,)
    ),
    ("/v1/incidents/{incident}/timeline", "get"): Operation(
        {200: (incident_out.TimelineOut,)}, query=incidents.LinesIn, problems=(404, 422)
    ),
    ("/v1/incidents", "post"): Operation(
        {200: (incident_out.IncidentOut,), 201: (incident_out.IncidentOut,)},
        body=(incidents.IncidentIn,),
        problems=(404, 409, 429, *WITH_BODY),
    ),
    ("/v1/incidents/{incident}/regulator", "post"): Operation(
        {200: (incident_out.IncidentOut,)},
        body=(incidents.DutyIn,),
        problems=(404, 409, *WITH_BODY),
    ),
    ("/v1/incidents/{incident}/window", "post"): Operation(
        {200: (incident_out.IncidentOut,)},
        body=(incidents.WindowIn,),
        problems=(404, 409, *WITH_BODY),
    ),
    ("/v1/incidents/{incident}", "get"): Operation(
        {200: (incident_out.IncidentOut,)}, problems=(404,)
    ),
    ("/v1/incidents/{incident}/accounts", "post"): Operation(
        {200: (touched.TouchedPageOut,)}, body=(touched.TouchedIn,), problems=(404, *WITH_BODY)
    ),
    ("/v1/incidents/{incident}/actions/{name}", "post"): Operation(
        {200: (incident_out.ActionOut,), 202: (incident_out.ActionOut,)},
        body=(incidents.ActionIn,),
        problems=(404, 409, *WITH_BODY),
    ),
    ("/v1/incidents/{incident}/blast", "get"): Operation(
        {200: (exposed.NumbersOut,)}, problems=(404,)
    ),
    ("/v1/incidents/{incident}/exposed", "post"): Operation(
        {202: (approval_out.ApprovalOut,)}, problems=(404, 409, 422)
    ),
    ("/v1/incidents/{incident}/exposed/list", "post"): Operation(
        {200: ()}, problems=(404, 409, 422, 429), gives=exposed.NDJSON
    ),
    ("/v1/approvals", "get"): Operation({200: (approvals.ApprovalsOut,)}),
    ("/v1/approvals/{request_id}/approve", "post"): Operation(
        {200: (incident_out.ActionOut, approval_out.ApprovalOut)}, problems=(404, 409)
    ),
    ("/v1/approvals/{request_id}/refuse", "post"): Operation(
        {200: (approval_out.ApprovalOut,)}, problems=(404, 409)
    ),
    ("/v1/incidents/{incident}/notices", "post"): Operation(
        {200: (notices.NoticesOut,)}, body=(notices.NoticesIn,), problems=(404, *WITH_BODY)
    ),
    ("/v1/incidents/{incident}/notes", "post"): Operation(
        {201: ()}, body=(incidents.NoteIn,), problems=(404, 409, *WITH_BODY)
    ),
    ("/v1/incidents/{incident}/report", "get"): Operation(
        {200: (incident_out.IncidentReportOut,)}, problems=(404,)
    ),
    ("/v1/incidents/{incident}/take", "post"): Operation(
        {200: (incident_out.IncidentOut,)}, problems=(404, 409)
    ),
    ("/v1/incidents/{incident}/evidence", "post"): Operation(
        {200: ()}, problems=(404,), gives=evidence.ZIP
    ),
    ("/v1/incidents/{incident}/merge", "post"): Operation(
        {200: (incident_out.IncidentOut,)},
        body=(incidents.MergeIn,),
        problems=(404, 409, *WITH_BODY),
    ),
    ("/v1/incidents/{incident}/split", "post"): Operation(
        {200: (incident_out.IncidentOut,)}, problems=(404, 409)
    ),
    ("/v1/incidents/{incident}/close", "post"): Operation(
        {200: (incident_out.IncidentOut,)},
        body=(incidents.NoteIn,),
        problems=(404, 409, *WITH_BODY),
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
    ("/v1/opinions", "get"): Operation({200: (opinions.OpinionsOut,)}),
    ("/v1/reports", "get"): Operation({200: (reports.ReportListOut,)}),
    ("/v1/reports/abuse", "post"): Operation(
        {200: (reports.AbuseOut,)}, octets=True, problems=(429, *WITH_BODY)
    ),
    ("/v1/lookalikes", "get"): Operation({200: (reports.LookalikesOut,)}),
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
        {200: (observations.ConsoleLogOut,)}, octets=True, problems=(404, 429, *WITH_BODY)
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
        {200: (accounts.AccountOut,)},
        body=(accounts.AccountSearchIn,),
        problems=(404, 429, *WITH_BODY),
    ),
    ("/v1/accounts/{account}/open", "post"): Operation(
        {200: (accounts.AccountOut,)},
        body=(accounts.AccountOpenIn,),
        problems=(404, 429, *WITH_BODY),
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
    ("/v1/offboardings", "get"): Operation({200: (offboardings.OffboardingsOut,)}),
    ("/v1/offboardings", "post"): Operation(
        {200: (offboardings.BegunOut,), 201: (offboardings.BegunOut,)},
        body=(offboardings.LeaveIn,),
        problems=(404, 409, *WITH_BODY),
    ),
    ("/v1/offboardings/{provider}", "get"): Operation(
        {200: (offboardings.OffboardingOut,)}, problems=(404,)
    ),
    ("/v1/offboardings/{provider}/plan", "get"): Operation(
        {200: (offboardings.PlanOut,)}, query=offboardings.PlanIn, problems=(404, 422)
    ),
    ("/v1/offboardings/{provider}/items/{item}/done", "post"): Operation(
        {200: (offboardings.OffboardingOut,)},
        body=(offboardings.DoneIn,),
        problems=(404, 409, *WITH_BODY),
    ),
    ("/v1/offboardings/{provider}/stop", "post"): Operation(
        {200: (offboardings.OffboardingsOut,)},
        body=(offboardings.StopIn,),
        problems=(404, 409, *WITH_BODY),
    ),
    ("/v1/trust/parties", "get"): Operation({200: (trust.PartiesOut,)}),
    ("/v1/trust/whatif", "get"): Operation(
        {200: (Fall,)}, query=trust.WhatIfIn, problems=(404, 422)
    ),
    ("/v1/trust/single-points", "get"): Operation({200: (trust.SinglePointsOut,)}),
    ("/v1/trust/smallest", "get"): Operation({200: (trust.SmallestOut,)}),
    ("/v1/trust/changes", "get"): Operation({200: (trust.ChangesOut,)}),
    ("/v1/trust/model", "get"): Operation(
        {200: (ThreatModel,)}, query=trust.DayIn, problems=(404, 422)
    ),
    ("/v1/trust/models", "get"): Operation({200: (trust.ModelsOut,)}),
    ("/v1/trust/diff", "get"): Operation(
        {200: (Difference,)}, query=trust.DaysIn, problems=(404, 422)
    ),
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
