"""The views at which a stranger has something sent that opens an account, and whom they mean there.

Security: reads hostile input. Which view it is says how a request is read, never the request:
allauth's headless views read JSON whatever type it is said to be, so one that was read by its type
named nobody here, and Kate there. Whatever nobody can be read from is refused; passed on, it would
have to be unreadable to the view as well, in each version of it.
"""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

from django.http import HttpRequest
from django.http.request import RawPostDataException

_UNKEPT = re.compile(r"[\0\ud800-\udfff]")  #: what no database takes: zeros, halves of a pair
LARGEST = 64 * 1024  #: octets of a headless request


@dataclass(frozen=True)
class Door:
    """How one of them reads.

    Attributes:
        address: the field that holds an address; or either, where ``phone`` is the same.
        phone: the field that holds a number; "": there is none.
        headless: it reads JSON, not a form.
        allauth: it is allauth's, which looks for an address in lower case.
    """

    address: str = "email"
    phone: str = ""
    headless: bool = False
    allauth: bool = True


@dataclass(frozen=True)
class Named:
    """Whom a request means, as it was typed; one of both may be "". Personal."""

    address: str
    phone: str

    def __repr__(self) -> str:
        return "Named(…)"


class Unreadable(Exception):
    """A request that names nobody whom we could ask about.

    Attributes:
        status: of HTTP, 400 or 413.
    """

    def __init__(self, status: int) -> None:
        super().__init__(status)
        self.status = status


_CONTRIB, _PAGES, _API = (
    "django.contrib.auth.views",
    "allauth.account.views",
    "allauth.headless.account.views",
)
#: By where they are defined. A code that signs in is a reset by another name.
DOORS = {
    (_CONTRIB, "PasswordResetView"): Door(allauth=False),
    (_PAGES, "PasswordResetView"): Door(),
    (_PAGES, "RequestLoginCodeView"): Door(phone="phone"),
    (_API, "RequestPasswordResetView"): Door(headless=True),
    (_API, "RequestLoginCodeView"): Door(phone="phone", headless=True),
}
#: Where users have no password, its form has a code sent to whom it names.
_LOGIN = (_PAGES, "LoginView")
SIGN_IN = Door("login", "login")


def unwrapped(callback: Any) -> tuple[Any, dict[str, Any]]:
    """The class of a view, or the function where it has none, and what the class is made with."""
    view = callback
    more: dict[str, Any] = {}
    while not isinstance(view, type):
        if hasattr(view, "view_class"):
            view, more = view.view_class, getattr(view, "view_initkwargs", {})
        elif isinstance(view, partial):
            view = view.func
        elif hasattr(view, "__wrapped__"):
            view = view.__wrapped__
        else:
            break
    return view, more


def lineage(callback: Any) -> list[tuple[str, str]]:
    """A view and what it is made of, its own name first, by where each is defined."""
    view, _ = unwrapped(callback)
    if not isinstance(view, type):
        own = (getattr(view, "__module__", ""), getattr(view, "__name__", ""))
        return [own, *((one.__module__, one.__name__) for one in type(view).__mro__)]
    return [(one.__module__, one.__name__) for one in view.__mro__]


def found(callback: Any) -> Door | None:
    """The door that a view is; None: it is none."""
    for name in lineage(callback):
        if name in DOORS:
            return DOORS[name]
        if name == _LOGIN:
            from .allauth import codes_sign_in

            return SIGN_IN if codes_sign_in() else None
    return None


def read(request: HttpRequest, door: Door) -> Named:
    """Whom a request means, read as the view itself will read it.

    Django keeps what was read: the view is given the same octets, and the same form.

    Raises:
        Unreadable: it names nobody, or holds more than a headless request has reason to.
    """
    given = _json(request) if door.headless else request.POST
    typed = _text(given, door.address)
    if door.phone == door.address:
        return Named(typed, "") if "@" in typed else _somebody("", typed)
    return _somebody(typed, _text(given, door.phone) if door.phone else "")


def spellings(door: Door, address: str) -> list[str]:
    """The forms of an address under which a view may find somebody, the one that is mailed first.

    Some letters are others' capitals: U+212A in lower case is the k of Kate's own address, and by
    what was typed nobody would be found.
    """
    if not door.allauth:
        return [address]
    from .allauth import cleaned

    return list(dict.fromkeys([address.lower(), address, cleaned(address.lower())]))


def _somebody(address: str, phone: str) -> Named:
    if not address and not phone:
        raise Unreadable(400)
    return Named(address, phone)


def _json(request: HttpRequest) -> Mapping[str, Any]:
    # A body that is over Django's own limit raises what Django answers itself.
    try:
        body = request.body
    except RawPostDataException:  # it was read as a form, which no headless view is given
        raise Unreadable(400) from None
    if len(body) > LARGEST:
        raise Unreadable(413)
    try:
        given = json.loads(body.decode("utf8"))
    except (ValueError, RecursionError):
        raise Unreadable(400) from None
    if not isinstance(given, dict):
        raise Unreadable(400)
    return given


def _text(given: Mapping[str, Any], name: str) -> str:
    value = given.get(name)
    if value is None:
        return ""
    if not isinstance(value, str) or _UNKEPT.search(value):
        raise Unreadable(400)
    return value.strip()


def names(door: Door) -> Iterator[str]:
    """The fields that say whom a request means."""
    yield door.address
    if door.phone and door.phone != door.address:
        yield door.phone
