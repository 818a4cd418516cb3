"""allauth's own pages, a home page, and the way in for the background mail."""

import hmac
import json
from smtplib import SMTPException

from anymail.exceptions import AnymailError
from django.conf import settings
from django.core.mail import EmailMessage
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.urls import include, path
from django.views.decorators.csrf import csrf_exempt


def home(request: HttpRequest) -> HttpResponse:
    """Say who is signed in."""
    signed_in = request.user.is_authenticated
    return HttpResponse(f'<main data-signed-in="{"yes" if signed_in else "no"}">Shop</main>')


def alive(request: HttpRequest) -> HttpResponse:
    """For whoever waits until the site runs."""
    del request
    return HttpResponse("ok")


def send(request: HttpRequest) -> HttpResponse:
    """Send one mail as the application would: 200 once its provider said yes."""
    token = request.headers.get("Authorization", "").removeprefix("Bearer ")
    if request.method != "POST" or not hmac.compare_digest(token, settings.DRILL_TOKEN):
        return HttpResponse(status=403)
    wanted = json.loads(request.body)
    mail = EmailMessage(wanted["subject"], wanted["text"], to=[wanted["to"]])
    try:
        mail.send()
    except (AnymailError, SMTPException, OSError) as error:
        return JsonResponse({"error": type(error).__name__}, status=502)
    return JsonResponse({"status": "sent"})


urlpatterns = [
    path("", home),
    path("healthz", alive),
    path("drill/send", csrf_exempt(send)),
    *([path("accounts/", include("mailkeep_django.allauth.urls"))] if settings.CONNECTED else []),
    path("accounts/", include("allauth.urls")),
]
