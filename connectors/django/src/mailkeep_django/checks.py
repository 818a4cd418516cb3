"""``manage.py check``: no other reset can be reached, and the settings are there."""

import re
from collections.abc import Iterator
from typing import Any

from django.conf import settings
from django.core import checks
from django.core.checks import CheckMessage
from django.core.exceptions import ImproperlyConfigured
from django.urls import URLPattern, URLResolver, get_resolver, resolve, reverse
from django.urls.exceptions import NoReverseMatch, Resolver404

from . import conf

#: Views that open an account on a single mail, by where they are defined.
_OTHERS = {
    ("django.contrib.auth.views", "PasswordResetView"),
    ("django.contrib.auth.views", "PasswordResetConfirmView"),
    ("allauth.account.views", "PasswordResetView"),
    ("allauth.account.views", "PasswordResetFromKeyView"),
    ("allauth.account.views", "ConfirmPasswordResetCodeView"),
    ("allauth.account.views", "CompletePasswordResetView"),
    ("allauth.headless.account.views", "RequestPasswordResetView"),
    ("allauth.headless.account.views", "ResetPasswordView"),
    # A mailed code that signs in is a reset by another name.
    ("allauth.account.views", "RequestLoginCodeView"),
    ("allauth.headless.account.views", "RequestLoginCodeView"),
}
CSRF = "django.middleware.csrf.CsrfViewMiddleware"
RESETS = "mailkeep_django.middleware.Resets"
_SAMPLES = {"uidb64": "MQ", "token": "a-b", "uidb36": "1", "key": "a-b", "client": "browser"}


def register() -> None:
    """Have Django run them."""
    checks.register(settings_are_there, checks.Tags.security)
    checks.register(no_other_reset, checks.Tags.security)
    checks.register(asked_first, checks.Tags.security)


def settings_are_there(**_: Any) -> list[CheckMessage]:
    """Every setting that is needed."""
    try:
        for name in ("ISSUER", "CLIENT_ID", "CLIENT_SECRET", "API_KEY"):
            conf.get(name)
        conf.mode()
    except ImproperlyConfigured as error:
        return [checks.Error(str(error), id="mailkeep.E001")]
    return []


def no_other_reset(**_: Any) -> list[CheckMessage]:
    """A reset that needs one mail only would be the way in that a thief takes."""
    if _mode() != conf.RECOVER:
        return []
    return [
        checks.Error(
            f"{route} still leads to {module}.{name}",
            hint="Include the URLs of mailkeep_django before those that it replaces.",
            id="mailkeep.E002",
        )
        for route, module, name in _reached(get_resolver())
    ]


def asked_first(**_: Any) -> list[CheckMessage]:
    """With ``rehearse`` and ``share`` the stock reset stays, and Mailkeep is asked before it."""
    if _mode() not in {conf.REHEARSE, conf.SHARE}:
        return []
    out: list[CheckMessage] = []
    chain = list(settings.MIDDLEWARE)
    after = chain.index(CSRF) if CSRF in chain else len(chain)
    if RESETS not in chain or chain.index(RESETS) < after:
        words = f"{RESETS} is not in MIDDLEWARE after {CSRF}: no reset is told of"
        out.append(checks.Error(words, id="mailkeep.E003"))
    if not any(_reached(get_resolver())):
        words = "no stock reset can be reached, and MODE says that it stays"
        hint = (
            'Include mailkeep_django.beside in the place of the other URLs, or set MODE "recover".'
        )
        out.append(checks.Error(words, hint=hint, id="mailkeep.E004"))
    if conf.mode() == conf.SHARE:
        try:
            reverse("mailkeep_back")
        except NoReverseMatch:
            words = "whom Mailkeep takes cannot come back: include mailkeep_django.beside"
            out.append(checks.Error(words, id="mailkeep.E005"))
    return out


def _mode() -> str:
    """As it is set; "" where it cannot be read, which another check says."""
    try:
        return conf.mode()
    except ImproperlyConfigured:
        return ""


def _reached(resolver: Any) -> Iterator[tuple[str, str, str]]:
    for route, callback in _walk(resolver.url_patterns, ""):
        if _named(callback) not in _OTHERS:
            continue
        try:
            reached = resolve(f"/{_sample(route)}").func
        except Resolver404:
            # A route whose sample nothing matches cannot be vouched for.
            reached = callback
        if _named(reached) in _OTHERS:
            yield (route, *_named(reached))


def _walk(patterns: Any, above: str) -> Iterator[tuple[str, Any]]:
    for one in patterns:
        here = above + str(one.pattern)
        if isinstance(one, URLResolver):
            yield from _walk(one.url_patterns, here)
        elif isinstance(one, URLPattern):
            yield here, one.callback


def _named(callback: Any) -> tuple[str, str]:
    view = getattr(callback, "view_class", callback)
    while hasattr(view, "__wrapped__") and not isinstance(view, type):
        view = getattr(view.__wrapped__, "view_class", view.__wrapped__)
    return getattr(view, "__module__", ""), getattr(view, "__name__", "")


def _sample(route: str) -> str:
    """A path that a route matches."""
    found = re.sub(r"\(\?P<(\w+)>[^()]*\)", lambda m: _SAMPLES.get(m[1], "1"), route)
    found = re.sub(r"<(?:\w+:)?(\w+)>", lambda m: _SAMPLES.get(m[1], "1"), found)
    return found.replace("^", "").replace("$", "").replace("\\", "")
