"""Beside a stock reset: Mailkeep is asked where each goes on, before anything is mailed.

With ``MODE`` ``rehearse`` the answer is always "there": the site's own reset goes on, and Mailkeep
works out what it would have done. With ``share`` those whom Mailkeep takes are sent to it, and the
others go on; Mailkeep decides, so nobody can ask again until he is sent the weaker way.

When Mailkeep does not answer, a rehearsal is left out. A reset is not: whoever could silence
Mailkeep would have everybody sent the weaker way. So with ``share`` a reset waits ("try again in a
few minutes"), unless ``SILENT`` is ``there``.
"""

import hashlib
import logging
from collections.abc import Callable, Iterator
from typing import Any

from django.contrib.auth import get_user_model
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect, JsonResponse
from django.shortcuts import render
from django.urls import reverse

from . import client, conf, doors, flow
from .client import Refused
from .doors import Door, Named, Unreadable

log = logging.getLogger(__name__)

SAFE = frozenset({"GET", "HEAD", "OPTIONS", "TRACE"})  #: methods that ask for nothing
UNREADABLE = 422
TOO_LARGE = 413
MOST_USERS = 20  #: of one address who are asked about
DEVICE = "mailkeep_device"  #: in the session: a name of the browser that says nothing


class Resets:
    """The middleware; after ``CsrfViewMiddleware``, so that a page elsewhere asks for nothing."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self._get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        return self._get_response(request)

    def process_view(
        self, request: HttpRequest, view: Any, _args: Any, _kwargs: Any
    ) -> HttpResponse | None:
        """Where a reset that is asked for goes on; None: to the view, as before."""
        mode = conf.mode()
        if mode == conf.RECOVER or request.method in SAFE:
            return None
        door = doors.found(view)
        if door is None:
            return None
        try:
            named = doors.read(request, door)
        except Unreadable as why:
            # What is rehearsed goes on as before, and there is nothing to tell of.
            return None if mode == conf.REHEARSE else _unreadable(request, door, why.status)
        try:
            way = _way(request, door, named, mode)
        except Refused as why:
            return _silent(request, why, mode, headless=door.headless)
        if way != "here" or mode != conf.SHARE:
            return None
        if door.headless:
            url = request.build_absolute_uri(reverse("mailkeep_start"))
            error = {"code": "mailkeep", "message": "Send the browser to this address."}
            document = {"status": 409, "data": {"url": url}, "errors": [error]}
            return JsonResponse(document, status=409)
        try:
            return HttpResponseRedirect(flow.begin(request))
        except Refused as why:
            return _silent(request, why, mode, headless=False, taken=True)


def _way(request: HttpRequest, door: Door, named: Named, mode: str) -> str:
    """Where it goes on. Asked whoever is named: the reply must not take longer for who is known."""
    if DEVICE not in request.session:
        request.session[DEVICE] = client.device()
    more = {
        "network": conf.network_of(request),
        "agent": "".join(filter(str.isprintable, request.META.get("HTTP_USER_AGENT", "")))[:1024],
        "device": request.session[DEVICE],
    }
    timeout = conf.get("TIMEOUT") if mode == conf.SHARE else conf.get("REHEARSE_TIMEOUT")
    asked = [*_by_address(door, named.address), *_by_phone(named.phone)]
    ways = {_one(address, subject, timeout, more) for address, subject in asked}
    # Where several have one address, a reset mails to all of them.
    return "here" if "here" in ways else "there"


def _by_address(door: Door, typed: str) -> Iterator[tuple[str, str]]:
    """Addresses and subjects to ask about."""
    if not typed:
        return
    spelled = doors.spellings(door, typed)
    subjects = _subjects(spelled)
    for one in subjects:
        yield spelled[0], one
    # Beside several, whoever is registered by the address counts, also beyond those asked about.
    if len(subjects) != 1:
        yield spelled[0], ""


def _by_phone(typed: str) -> Iterator[tuple[str, str]]:
    """The same of a number, which Mailkeep is not told."""
    if not typed:
        return
    from .allauth import by_phone

    # Nobody's is asked about under a name that nobody has, and takes as long.
    nobody = f"phone-{hashlib.sha256(typed.encode()).hexdigest()}"
    for one in by_phone(typed) or [nobody]:
        yield "", str(one)


def _one(address: str, subject: str, timeout: float, more: dict[str, str]) -> str:
    try:
        return client.whither(address, subject, timeout, **more)
    except Refused as why:
        if not address or why.status != UNREADABLE or _field(why) != "address":
            raise
    # No address to Mailkeep, so nobody is registered there by it; whoever the site means may be.
    return client.whither("", subject, timeout, **more) if subject else "there"


def _field(why: Refused) -> Any:
    """What Mailkeep found wrong. A stranger writes more of a question than the address, and what
    else is wrong with one does not say that nobody has that address."""
    return why.body.get("field") if isinstance(why.body, dict) else None


def _subjects(spelled: list[str]) -> list[str]:
    """Whom the site knows by an address, as its view may look for it."""
    model = get_user_model()
    name = f"{model.get_email_field_name()}__iexact"
    found: list[Any] = []
    for one in spelled:
        found += conf.owners(one)
        users = model._default_manager.filter(**{name: one}).order_by("pk")
        found += users.values_list("pk", flat=True)[:MOST_USERS]
    return list(dict.fromkeys(str(one) for one in found))[:MOST_USERS]


def _unreadable(request: HttpRequest, door: Door, status: int) -> HttpResponse:
    """Nobody can be read where somebody must be: nothing is mailed."""
    if not door.headless:
        return render(request, "mailkeep/unreadable.html", status=status)
    message = "Name the address." if status != TOO_LARGE else "That is too long."
    error = {"code": "mailkeep", "message": message, "param": door.address}
    return JsonResponse({"status": status, "errors": [error]}, status=status)


def _silent(
    request: HttpRequest, why: Refused, mode: str, *, headless: bool, taken: bool = False
) -> HttpResponse | None:
    """Mailkeep did not say. ``taken``: it had said that it takes this one."""
    log.error("Mailkeep did not say where a reset goes on: %s", why)
    if mode == conf.REHEARSE or (conf.get("SILENT") == conf.THERE and not taken):
        return None
    if headless:
        error = {"code": "mailkeep", "message": "Try again in a few minutes."}
        return JsonResponse({"status": 503, "errors": [error]}, status=503)
    return render(request, "mailkeep/silent.html", status=503)
