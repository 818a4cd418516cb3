"""The same over allauth's headless API, for a site whose pages are written in a browser.

The browser is sent away and comes back as with pages; only the new password is chosen over the API.
``GET auth/password/reset`` says what is asked for; ``POST auth/password/reset`` with ``password``
and, where a factor is outstanding, ``code`` writes it. The session's CSRF token is asked for as
always.

A client that is no browser (``app``) cannot be sent away and back with a session: it opens the
site's start page in the system's browser.
"""

import json
from typing import Any

from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.middleware.csrf import get_token
from django.urls import reverse
from django.utils.decorators import method_decorator
from django.views import View
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.debug import sensitive_variables

from mailkeep_django import flow
from mailkeep_django.client import Refused

LARGEST = 64 * 1024


def _answer(status: int, **words: Any) -> JsonResponse:
    return JsonResponse({"status": status, **words}, status=status)


def _wrong(status: int, code: str, message: str, param: str | None = None) -> JsonResponse:
    error = {"code": code, "message": message} | ({"param": param} if param else {})
    return _answer(status, errors=[error])


def _start(request: HttpRequest) -> JsonResponse:
    """409: nothing is mailed from here; ``data.url`` is where the browser must be sent."""
    url = request.build_absolute_uri(reverse("mailkeep_start"))
    error = {"code": "mailkeep", "message": "Send the browser to this address."}
    return _answer(409, data={"url": url}, errors=[error])


@method_decorator(never_cache, name="dispatch")
class Request(View):
    """A reset is asked for."""

    def post(self, request: HttpRequest) -> HttpResponse:
        """Nothing is mailed, whoever is named: say where to go."""
        return _start(request)


@method_decorator(never_cache, name="dispatch")
class Reset(View):
    """The new password."""

    def get(self, request: HttpRequest) -> HttpResponse:
        """What is asked for; 409 where nothing was shown."""
        get_token(request)
        try:
            found, _user = flow.shown(request)
        except Refused:
            return _start(request)
        return _answer(200, data={"factor": "outstanding" if found.outstanding else "none"})

    @method_decorator(sensitive_variables("given", "password"))
    def post(self, request: HttpRequest) -> HttpResponse:
        """Write it. 401 afterwards, as allauth has it: nobody is signed in by a reset."""
        given = _read(request)
        password, code = str(given.get("password", "")), str(given.get("code", ""))
        try:
            found, user = flow.shown(request)
            try:
                validate_password(password, user)
            except ValidationError as error:
                return _wrong(400, "invalid", " ".join(error.messages), "password")
            if not flow.check_factor(request, found, user, code):
                return _wrong(400, "incorrect_code", "The code is wrong, or was used.", "code")
            flow.write(request, found, user, password)
        except Refused as why:
            return _wrong(409, "refused", str(why))
        return _answer(401, data={"flows": [{"id": "login"}]}, meta={"is_authenticated": False})


@method_decorator([csrf_exempt, never_cache], name="dispatch")
class Nothing(View):
    """For clients that are no browsers: where to open one."""

    def dispatch(self, request: HttpRequest, *_args: Any, **_kwargs: Any) -> HttpResponse:
        return _start(request)


def _read(request: HttpRequest) -> dict[str, Any]:
    try:
        given = json.loads(request.body[:LARGEST])
    except ValueError:
        return {}
    return given if isinstance(given, dict) else {}
