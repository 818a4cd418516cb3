"""For allauth's pages: include before ``allauth.urls``, under the same prefix."""

from django.urls import path, re_path

from mailkeep_django import views
from mailkeep_django.urls import own

_start, _done = views.Start.as_view(), views.Done.as_view()

urlpatterns = [
    *own,
    path("password/reset/", _start, name="account_reset_password"),
    path("password/reset/done/", _start, name="account_reset_password_done"),
    re_path(
        r"^password/reset/key/(?P<uidb36>[0-9A-Za-z]+)-(?P<key>.+)/$",
        _start,
        name="account_reset_password_from_key",
    ),
    path("password/reset/key/done/", _done, name="account_reset_password_from_key_done"),
    path("password/reset/confirm/", _start, name="account_confirm_password_reset_code"),
    path("password/reset/complete/", _start, name="account_complete_password_reset"),
]
