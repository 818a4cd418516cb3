"""Beside a stock reset: Mailkeep is asked where each goes on, before anything is mailed.

With ``MODE`` ``rehearse`` the answer is always "there": the site's own reset goes on, and Mailkeep
works out what it would have done. With ``share`` those whom Mailkeep takes are sent to it, and the
others go on; Mailkeep decides, so nobody can ask again until he is sent the weaker way.

When Mailkeep does not answer, a rehearsal is left out. A reset is not: whoever could silence
Mailkeep would have everybody sent the weaker way. So with ``share`` a reset waits ("try again in a
few minutes"), unless ``SILENT`` is ``there``.
"""

import json
import logging
from collections.abc import Callable
from typing import Any

from django.contrib.auth import get_user_model
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect, JsonResponse
from django.shortcuts import render
from django.urls import reverse

from . import client, conf, flow
from .client import Refused

log = logging.getLogger(__name__)

#: Views that mail what opens an account, by where they are defined. A mailed code that signs in is
#: a reset by another name.
ASKED = {
    ("django.contrib.auth.views", "PasswordResetView"),
    ("allauth.account.views", "PasswordResetView"),
    ("allauth.account.views", "RequestLoginCodeView"),
    ("allauth.headless.account.views", "RequestPasswordResetView"),
    ("allauth.headless.account.views", "RequestLoginCodeView"),
}
LARGEST = 64 * 1024  #: octets of a headless request that are read
UNREADABLE = 422
MOST_USERS = 5  #: of one address
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
        if mode == conf.RECOVER or request.method != "POST" or not asks(view):
            return None
        headless = request.content_type == "application/json"
        address = _address(request, headless=headless)
        if not address:
            return None  # the form says what is wrong with it
        try:
            way = _way(request, address, mode)
        except Refused as why:
            return _silent(request, why, mode, headless=headless)
        if way != "here" or mode != conf.SHARE:
            return None
        if headless:
            url = request.build_absolute_uri(reverse("mailkeep_start"))
            error = {"code": "mailkeep", "message": "Send the browser to this address."}
            document = {"status": 409, "data": {"url": url}, "errors": [error]}
            return JsonResponse(document, status=409)
        try:
            return HttpResponseRedirect(flow.begin(request))
        except Refused as why:
            return _silent(request, why, mode, headless=False, taken=True)


def asks(view: Any) -> bool:
    """Whether a view, or one that it is made of, mails what opens an account."""
    while hasattr(view, "__wrapped__") and not hasattr(view, "view_class"):
        view = view.__wrapped__
    found = getattr(view, "view_class", view)
    kinds = found.__mro__ if isinstance(found, type) else (type(found),)
    return any((one.__module__, one.__name__) in ASKED for one in kinds)


def _address(request: HttpRequest, *, headless: bool) -> str:
    if not headless:
        return request.POST.get("email", "").strip()
    try:
        given = json.loads(request.body[:LARGEST])
    except ValueError:
        return ""
    found = given.get("email") if isinstance(given, dict) else None
    return found.strip() if isinstance(found, str) else ""


def _way(request: HttpRequest, address: str, mode: str) -> str:
    """Where it goes on. Asked whoever is named: the reply must not take longer for who is known."""
    if DEVICE not in request.session:
        request.session[DEVICE] = client.device()
    more = {
        "network": conf.network_of(request),
        "agent": request.META.get("HTTP_USER_AGENT", "")[:1024],
        "device": request.session[DEVICE],
    }
    timeout = conf.get("TIMEOUT") if mode == conf.SHARE else conf.get("REHEARSE_TIMEOUT")
    ways = {_one(address, subject, timeout, more) for subject in _subjects(address) or [""]}
    # Where several have one address, a reset mails to all of them.
    return "here" if "here" in ways else "there"


def _one(address: str, subject: str, timeout: float, more: dict[str, str]) -> str:
    try:
        return client.whither(address, subject, timeout, **more)
    except Refused as why:
        if why.status != UNREADABLE:
            raise
    # No address to Mailkeep, so nobody is registered there by it; whoever the site means may be.
    return client.whither("", subject, timeout, **more) if subject else "there"


def _subjects(address: str) -> list[str]:
    """Whom the site knows by an address."""
    model = get_user_model()
    found: set[Any] = set(
        model._default_manager.filter(
            **{f"{model.get_email_field_name()}__iexact": address}
        ).values_list("pk", flat=True)[:MOST_USERS]
    )
    found.update(conf.owners(address)[:MOST_USERS])
    return [str(one) for one in sorted(found, key=str)][:MOST_USERS]


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
