"""From a browser that comes back to a password that is written: the same for pages and headless.

The verdict lives in the session of the browser that was sent, for as long as Mailkeep lets it be
acknowledged. Session keys are changed on the way, so that a session that somebody planted in a
browser beforehand holds nothing of it.
"""

import time
from dataclasses import asdict, dataclass
from typing import Any

from django.contrib.auth import get_user_model
from django.core.cache import cache
from django.http import HttpRequest
from django.urls import reverse

from . import client, conf
from .client import Refused, Sent
from .signals import password_recovered

SENT, SHOWN = "mailkeep_sent", "mailkeep_verdict"
TRIES = 5  #: of the second factor, for one verdict
KEPT_SECONDS = 3600  #: for which they are counted: longer than a verdict can be acted on


@dataclass
class Shown:
    """A verdict in a session."""

    verdict: str
    user: str
    token: str
    until: float
    outstanding: bool
    tries: int = 0


def redirect_uri(request: HttpRequest) -> str:
    """Where the browser comes back to; as it was registered."""
    return request.build_absolute_uri(reverse("mailkeep_back"))


def begin(request: HttpRequest) -> str:
    """Where to send the browser."""
    url, sent = client.begin(redirect_uri(request))
    request.session.pop(SHOWN, None)
    request.session[SENT] = asdict(sent)
    return url


def come_back(request: HttpRequest) -> Shown:
    """Take the verdict that the browser brings. Raises ``Refused``."""
    kept = request.session.pop(SENT, None)
    if kept is None:
        raise Refused("this browser was not sent by us")
    query = {name: request.GET[name] for name in request.GET}
    verdict = client.take(Sent(**kept), query, redirect_uri(request))
    user = _user(verdict.subject)
    # What the site itself knows of the user's factors counts, whatever was registered of them.
    kept_here = conf.factors().enabled(user)
    shown = Shown(
        verdict.id,
        str(user.pk),
        verdict.token,
        time.time() + verdict.seconds,
        verdict.factor == "outstanding" or kept_here,
    )
    request.session.cycle_key()
    request.session[SHOWN] = asdict(shown)
    return shown


def shown(request: HttpRequest) -> tuple[Shown, Any]:
    """The verdict in this session and its user. Raises ``Refused``."""
    kept = request.session.get(SHOWN)
    if kept is None:
        raise Refused("nothing was shown in this browser")
    found = Shown(**kept)
    if time.time() >= found.until:
        request.session.pop(SHOWN, None)
        raise Refused("you waited too long")
    return found, _user(found.user)


def check_factor(request: HttpRequest, found: Shown, user: Any, code: str) -> bool:
    """Whether the site's own second factor is shown, where one is outstanding; counts the tries.

    Raises:
        Refused: there is no way to show it here, or the tries are used up.
    """
    if not found.outstanding:
        return True
    factors = conf.factors()
    if not factors.enabled(user):
        raise Refused("a second factor is outstanding, and this site cannot ask for it")
    # Counted before it is looked at.
    found.tries = _counted(found)
    request.session[SHOWN] = asdict(found)
    if found.tries > TRIES:
        request.session.pop(SHOWN, None)
        raise Refused("too many wrong codes")
    return factors.check(user, code)


def _counted(found: Shown) -> int:
    """How many tries were made for a verdict, this one included. Counted beside the session, which
    is read and written as a whole: codes that are posted at once would each find it at nought."""
    key = f"mailkeep:tries:{found.verdict}"
    try:
        cache.add(key, 0, KEPT_SECONDS)
        return max(cache.incr(key), found.tries + 1)
    except ValueError:  # a cache that keeps nothing
        return found.tries + 1


def write(request: HttpRequest, found: Shown, user: Any, password: str) -> None:
    """Write the password. The caller has checked it, and the factor.

    Raises:
        Refused: the verdict was taken back, or used; nothing was written.
    """
    request.session.pop(SHOWN, None)
    client.acknowledge(found.verdict, found.token)
    user.set_password(password)
    user.save(update_fields=["password"])
    end_sessions(user)
    request.session.flush()
    password_recovered.send(sender=type(user), user=user, verdict=found.verdict)


def end_sessions(user: Any) -> None:
    """End every session of a user. Django's carry a hash of the password (`get_session_auth_hash`)
    and have ended with it; allauth's list of them is emptied too."""
    from django.apps import apps

    if apps.is_installed("allauth.usersessions"):
        sessions: Any = apps.get_model("usersessions", "UserSession")
        for one in sessions.objects.filter(user=user):
            one.end()


def _user(subject: str) -> Any:
    """The user of a subject, letter by letter: a database finds user 1 by ``01`` too, and whoever
    stole the API key registers such a name at once, with an address of theirs. So they would one
    whom the site never registers: a user without any address, as many a first administrator is.

    Raises:
        Refused: there is none who may have a password.
    """
    users: Any = get_user_model()
    try:
        user = users._default_manager.filter(pk=subject, is_active=True).first()
    except (ValueError, TypeError):
        user = None
    if (
        user is None
        or str(user.pk) != subject
        or not conf.may_have_password(user)
        or not conf.addresses_of(user)
    ):
        raise Refused("there is no such account here")
    return user
