"""For ``django.contrib.auth``: include before ``django.contrib.auth.urls``."""

from django.urls import path

from . import views

#: Of this package's own.
own = [
    path("mailkeep/start/", views.Start.as_view(), name="mailkeep_start"),
    path("mailkeep/back/", views.Back.as_view(), name="mailkeep_back"),
    path("mailkeep/choose/", views.Choose.as_view(), name="mailkeep_choose"),
    path("mailkeep/done/", views.Done.as_view(), name="mailkeep_done"),
    path("mailkeep/factor/", views.Factor.as_view(), name="mailkeep_factor"),
]

urlpatterns = [
    *own,
    path("password_reset/", views.Start.as_view(), name="password_reset"),
    path("password_reset/done/", views.Start.as_view(), name="password_reset_done"),
    path("reset/<uidb64>/<token>/", views.Start.as_view(), name="password_reset_confirm"),
    path("reset/done/", views.Done.as_view(), name="password_reset_complete"),
]
