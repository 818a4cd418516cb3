"""For allauth's headless API: include before ``allauth.headless.urls``, under the same prefix."""

from django.urls import path

from . import headless

urlpatterns = [
    path("browser/v1/auth/password/request", headless.Request.as_view()),
    path("browser/v1/auth/password/reset", headless.Reset.as_view()),
    path("app/v1/auth/password/request", headless.Nothing.as_view()),
    path("app/v1/auth/password/reset", headless.Nothing.as_view()),
]
