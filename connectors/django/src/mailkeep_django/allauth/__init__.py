"""For django-allauth: where its users are reached, and the second factors that it keeps."""

from typing import Any

from allauth.account import app_settings
from allauth.account.adapter import get_adapter
from django.apps import apps
from django.core.exceptions import ValidationError
from django.db import transaction


def addresses(user: Any) -> list[str]:
    """The addresses that allauth has seen verified, the primary one first."""
    model: Any = apps.get_model("account", "EmailAddress")
    found = model.objects.filter(user=user, verified=True).order_by("-primary", "pk")
    return [one.email for one in found]


def owners(address: str) -> list[Any]:
    """The keys of users who have an address at allauth, those first whom it has seen verified."""
    model: Any = apps.get_model("account", "EmailAddress")
    found = model.objects.filter(email__iexact=address).order_by("-verified", "pk")
    return list(found.values_list("user_id", flat=True))


def cleaned(address: str) -> str:
    """An address as the site's own adapter has it, by which a reset finds its user; the same where
    the adapter refuses it, which the form then says."""
    try:
        return str(get_adapter().clean_email(address))
    except ValidationError:
        return address


def by_phone(number: str) -> list[Any]:
    """The keys of users who have a number; none where nobody signs in by one."""
    if "phone" not in getattr(app_settings, "LOGIN_METHODS", ()):
        return []
    adapter = get_adapter()
    try:
        user = adapter.get_user_by_phone(adapter.phone_form_field(required=True).clean(number))
    except ValidationError:
        return []
    return [] if user is None else [user.pk]


def codes_sign_in() -> bool:
    """Whether users have no password: then the form for signing in mails a code."""
    fields = getattr(app_settings, "SIGNUP_FIELDS", None)
    return fields is not None and not fields.get("password1")


class Factors:
    """TOTP and saved codes of ``allauth.mfa``. A security key cannot be asked for here: who has
    nothing else is told so, and nothing is written."""

    def enabled(self, user: Any) -> bool:
        """Whether the user has any, security keys included."""
        return apps.is_installed("allauth.mfa") and self._of(user).exists()

    def check(self, user: Any, code: str) -> bool:
        """Whether a code of an app, or a saved one, is right; uses it up."""
        code = "".join(code.split())
        if not code:
            return False
        with transaction.atomic():
            return any(
                one.wrap().validate_code(code)
                for one in self._of(user).filter(type__in=("totp", "recovery_codes"))
            )

    def _of(self, user: Any) -> Any:
        model: Any = apps.get_model("mfa", "Authenticator")
        # Saved codes are left when the last app is removed, and are no factor by themselves.
        found = model.objects.filter(user=user)
        return found if found.exclude(type="recovery_codes").exists() else model.objects.none()
