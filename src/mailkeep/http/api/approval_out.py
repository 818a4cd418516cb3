"""Requests for a second person in the JSON form that the API and the command line give them
(pure)."""

import msgspec

from mailkeep.base.clock import iso, when
from mailkeep.response.types import Approval


class ApprovalOut(msgspec.Struct):
    """A request that a second person must approve, and when it expires."""

    id: str
    incident: str
    action: str
    step: str
    state: str
    asked_by: str
    asked_at: str
    expires_at: str
    decided_by: str | None
    decided_at: str | None


def approval(one: Approval) -> ApprovalOut:
    """A request for a second person."""
    return ApprovalOut(
        id=one.id,
        incident=one.incident,
        action=one.action,
        step=one.step.value,
        state=one.state.value,
        asked_by=one.asked_by,
        asked_at=iso(one.asked_at),
        expires_at=iso(one.expires_at),
        decided_by=one.decided_by,
        decided_at=when(one.decided_at),
    )
