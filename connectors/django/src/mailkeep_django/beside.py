"""This package's own URLs, for a stock reset that stays (``MODE`` ``rehearse`` or ``share``)."""

from .urls import own

urlpatterns = own
