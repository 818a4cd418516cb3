"""The connector's URLs before those that it replaces."""

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.urls import include, path


def home(request: HttpRequest) -> HttpResponse:
    """Say who is signed in."""
    return HttpResponse(f"signed in: {request.user.get_username() or 'nobody'}")


connected, stock = [], [path("accounts/", include("django.contrib.auth.urls"))]
if settings.OWN and not settings.ALLAUTH:
    stock = [path("", include("shop.own"))]
if settings.ALLAUTH:
    stock = [
        path("accounts/", include("allauth.urls")),
        path("_allauth/", include("allauth.headless.urls")),
    ]
if settings.CONNECTED and settings.MODE != "recover":
    connected = [path("accounts/", include("mailkeep_django.beside"))]
elif settings.CONNECTED and settings.ALLAUTH:
    connected = [
        path("accounts/", include("mailkeep_django.allauth.urls")),
        path("_allauth/", include("mailkeep_django.allauth.headless_urls")),
    ]
elif settings.CONNECTED:
    connected = [path("accounts/", include("mailkeep_django.urls"))]

urlpatterns = [path("", home), *connected, *stock]
