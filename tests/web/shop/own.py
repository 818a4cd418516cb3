"""Resets that a site makes of the stock one."""

from functools import partial

from django.conf import settings
from django.contrib.auth.forms import PasswordResetForm
from django.contrib.auth.views import PasswordResetView
from django.forms import EmailField
from django.urls import include, path


class Reset(PasswordResetView):
    """Of another name."""


class Form(PasswordResetForm):
    """Of another field, which only this site knows of."""

    mailbox = EmailField()

    def __init__(self, *args: object, **more: object) -> None:
        super().__init__(*args, **more)
        del self.fields["email"]

    def clean(self) -> None:
        self.cleaned_data["email"] = self.cleaned_data.get("mailbox", "")


view = {
    "subclass": Reset.as_view(),
    "partial": partial(Reset.as_view()),
    "prefix": PasswordResetView.as_view(prefix="x"),
    "form": PasswordResetView.as_view(form_class=Form),
}.get(settings.OWN)
urlpatterns = [
    path("accounts/password_reset/", view, name="password_reset"),
    path("accounts/", include("django.contrib.auth.urls")),
]
