"""A site that texts codes, and finds users by less than was typed: its one user has a number."""

import re
from typing import Any

from allauth.account.adapter import DefaultAccountAdapter
from django.conf import settings
from django.contrib.auth import get_user_model
from django.core.mail import send_mail


class Adapter(DefaultAccountAdapter):
    """Texts go to the outbox, where mails are counted."""

    def clean_email(self, email: str) -> str:
        """Names after a plus are one mailbox's."""
        return re.sub(r"\+[^@]*", "", email)

    def get_user_by_phone(self, phone: str) -> Any:
        return get_user_model().objects.filter(pk=1).first() if phone == settings.NUMBER else None

    def get_phone(self, user: Any) -> tuple[str, bool] | None:
        return (settings.NUMBER, True) if user.pk == 1 else None

    def set_phone(self, user: Any, phone: str, verified: bool) -> None:
        """Kept above."""

    def set_phone_verified(self, user: Any, phone: str) -> None:
        """Kept above."""

    def send_verification_code_sms(self, user: Any, phone: str, code: str, **_: Any) -> None:
        send_mail("SMS", code, "us@example.com", [f"{phone.strip('+')}@sms.example"])
