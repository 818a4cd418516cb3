"""``/v1/verdicts``: an application acknowledges a verdict, or looks one up."""

import msgspec
from litestar import Controller, get, post

from mailkeep.base.clock import iso, when
from mailkeep.base.errors import NotAllowed, NotFound
from mailkeep.http.bearer import authorise, key_of
from mailkeep.http.port import Incoming, Running
from mailkeep.mail.grants import Scope
from mailkeep.recovery.types import VerdictView
from mailkeep.recovery.verdicts import Verdicts


class VerdictOut(msgspec.Struct):
    """``state``: ``made``, ``handed_over``, ``secured`` or ``revoked``; then ``why``."""

    id: str
    subject: str
    state: str
    why: str | None
    made_at: str
    handed_over_at: str | None
    secured_at: str | None


class VerdictsApi(Controller):
    """Acknowledging needs the access token that came with the ID token, once."""

    path = "/v1/verdicts"
    tags = ("verdicts",)

    @post("/{verdict:str}/acknowledge", status_code=200, summary="Act on a verdict, now")
    async def acknowledge(self, request: Incoming, running: Running, verdict: str) -> VerdictOut:
        """Call it right before the password is written. 409: the verdict was revoked, or
        acknowledged before: write nothing."""
        return _shown(await _verdicts(running).acknowledge(verdict, key_of(request)))

    @get("/{verdict:str}", summary="One verdict")
    async def show(self, request: Incoming, running: Running, verdict: str) -> VerdictOut:
        """With a key of the scope ``recover`` that is bound to the application."""
        grant = await authorise(request, running, Scope.RECOVER)
        if not grant.application:
            raise NotAllowed("this key is bound to no application")
        async with running.database.read() as tx:
            return _shown(await _verdicts(running).get(tx, grant.application, verdict))


def _verdicts(running: Running) -> Verdicts:
    if running.recovery is None:
        raise NotFound("there are no accounts here")
    return running.recovery.verdicts


def _shown(one: VerdictView) -> VerdictOut:
    return VerdictOut(
        id=one.id,
        subject=one.subject,
        state=one.state.value,
        why=one.why,
        made_at=iso(one.made_at),
        handed_over_at=when(one.handed_at),
        secured_at=when(one.secured_at),
    )
