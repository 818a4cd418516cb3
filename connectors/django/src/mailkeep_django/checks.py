"""``manage.py check``: no other reset can be reached, and the settings are there."""

import re
from collections.abc import Iterator
from typing import Any

from django.conf import settings
from django.core import checks
from django.core.checks import CheckMessage
from django.core.exceptions import ImproperlyConfigured
from django.http import HttpRequest, QueryDict
from django.urls import URLPattern, URLResolver, get_resolver, resolve, reverse
from django.urls.exceptions import NoReverseMatch, Resolver404

from . import conf, doors
from .doors import Door

#: Views that take what one of ``doors`` had sent, by where they are defined.
_OTHERS = {
    ("django.contrib.auth.views", "PasswordResetConfirmView"),
    ("allauth.account.views", "PasswordResetFromKeyView"),
    ("allauth.account.views", "ConfirmPasswordResetCodeView"),
    ("allauth.account.views", "CompletePasswordResetView"),
    ("allauth.headless.account.views", "ResetPasswordView"),
}
_PROBES = {name: f"{name}@example.net" for name in ("email", "login", "phone")}
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
        for route, callback in _reached(get_resolver())
        for module, name in doors.lineage(callback)[:1]
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
    if not any(True for _ in _reached(get_resolver())):
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
        for route, callback in _reached(get_resolver()):
            if doors.found(callback) is doors.SIGN_IN:
                words = f"whom Mailkeep takes gets a password, and {route} asks for none"
                out.append(checks.Error(words, id="mailkeep.E007"))
    return [*out, *_read_otherwise()]


def _read_otherwise() -> Iterator[CheckMessage]:
    """Whoever names another to the middleware than to the form would be asked about as them."""
    for route, callback in _reached(get_resolver()):
        door = doors.found(callback)
        if door is None:
            continue
        try:
            same = _reads(callback, door)
        except Exception:  # whatever a form of the site's own needs that is not there yet
            words = f"whether {route} reads an address as the stock form does cannot be seen"
            yield checks.Warning(words, id="mailkeep.W001")
            continue
        if not same:
            words = f"the form of {route} does not read whom it means as the stock form does"
            hint = "Give its fields the stock form's names, and the form no prefix."
            yield checks.Error(words, hint=hint, id="mailkeep.E006")


def _reads(callback: Any, door: Door) -> bool:
    """Whether a view's form takes whom it means from the fields that the middleware reads."""
    kind, more = doors.unwrapped(callback)
    request = HttpRequest()
    request.method = "POST"
    request.POST = QueryDict(mutable=True)
    request.POST.update(_PROBES)
    view = kind(**more)
    view.setup(request)
    if door.headless:
        form = view.get_input_class()(data=_PROBES, **view.get_input_kwargs())
    else:
        form = view.get_form()
    held = [name for name in doors.names(door) if name in form.fields]
    return bool(held) and all(form[name].data == _PROBES[name] for name in held)


def _mode() -> str:
    """As it is set; "" where it cannot be read, which another check says."""
    try:
        return conf.mode()
    except ImproperlyConfigured:
        return ""


def _reached(resolver: Any) -> Iterator[tuple[str, Any]]:
    """Routes, each with a view on which a single mail opens an account."""
    for route, callback in _walk(resolver.url_patterns, ""):
        if not _opens(callback):
            continue
        try:
            reached = resolve(f"/{_sample(route)}").func
        except Resolver404:
            # A route whose sample nothing matches cannot be vouched for.
            reached = callback
        if _opens(reached):
            yield route, reached


def _walk(patterns: Any, above: str) -> Iterator[tuple[str, Any]]:
    for one in patterns:
        here = above + str(one.pattern)
        if isinstance(one, URLResolver):
            yield from _walk(one.url_patterns, here)
        elif isinstance(one, URLPattern):
            yield here, one.callback


def _opens(callback: Any) -> bool:
    """Whether a view, or one that it is made of, opens an account on a single mail."""
    made_of = doors.lineage(callback)
    return doors.found(callback) is not None or any(one in _OTHERS for one in made_of)


def _sample(route: str) -> str:
    """A path that a route matches."""
    found = re.sub(r"\(\?P<(\w+)>[^()]*\)", lambda m: _SAMPLES.get(m[1], "1"), route)
    found = re.sub(r"<(?:\w+:)?(\w+)>", lambda m: _SAMPLES.get(m[1], "1"), found)
    return found.replace("^", "").replace("$", "").replace("\\", "")
