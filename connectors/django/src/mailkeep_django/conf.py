"""The ``MAILKEEP`` setting."""

from collections.abc import Iterable
from ipaddress import ip_address
from typing import Any, Protocol

from django.apps import apps
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.utils.module_loading import import_string

_DEFAULTS: dict[str, Any] = {
    "ADDRESSES": "mailkeep_django.conf.addresses",
    "FACTORS": "mailkeep_django.conf.NoFactors",
    "KEPT_BY_MAILKEEP": False,
    "MODE": "recover",
    "NETWORK": "mailkeep_django.conf.network",
    "OWNERS": "mailkeep_django.conf.nobody_else",
    "REGISTER": True,
    "REHEARSE_TIMEOUT": 2,
    "SILENT": "wait",
    "TIMEOUT": 10,
}
RECOVER, REHEARSE, SHARE = "recover", "rehearse", "share"
WAIT, THERE = "wait", "there"
LONGEST = 64  #: characters of a network address
_NEEDED = ("ISSUER", "CLIENT_ID", "CLIENT_SECRET", "API_KEY")


class Factors(Protocol):
    """The second factors that the site keeps."""

    def enabled(self, user: Any) -> bool:
        """Whether the user has one."""
        ...

    def check(self, user: Any, code: str) -> bool:
        """Whether a code of one is right; uses it up."""
        ...


class NoFactors:
    """A site without second factors."""

    def enabled(self, user: Any) -> bool:
        """Never."""
        del user
        return False

    def check(self, user: Any, code: str) -> bool:
        """Never: where Mailkeep says that one is outstanding, nothing is written."""
        del user, code
        return False


def get(name: str) -> Any:
    """A setting. Raises ``ImproperlyConfigured`` where one that is needed is missing."""
    given: dict[str, Any] = getattr(settings, "MAILKEEP", {})
    unknown = given.keys() - {*_NEEDED, *_DEFAULTS}
    if unknown:
        raise ImproperlyConfigured(f"MAILKEEP: no setting {', '.join(sorted(unknown))}")
    if name in _NEEDED and not given.get(name):
        raise ImproperlyConfigured(f"MAILKEEP: {name} is missing")
    return given.get(name, _DEFAULTS.get(name))


def mode() -> str:
    """How much of the resets is Mailkeep's: ``recover``, ``rehearse`` or ``share``.

    Raises ``ImproperlyConfigured``, also where ``SILENT`` is none of its words."""
    for name, words in (("MODE", (RECOVER, REHEARSE, SHARE)), ("SILENT", (WAIT, THERE))):
        if get(name) not in words:
            raise ImproperlyConfigured(f"MAILKEEP: {name} is one of {', '.join(words)}")
    return str(get("MODE"))


def issuer() -> str:
    """Mailkeep's own name."""
    return str(get("ISSUER")).rstrip("/")


def factors() -> Factors:
    """The site's second factors."""
    made: Factors = import_string(get("FACTORS"))()
    return made


def addresses_of(user: Any) -> list[str]:
    """Where a user is reached."""
    found: Iterable[str] = import_string(get("ADDRESSES"))(user)
    return [one for one in found if one]


def network_of(request: Any) -> str:
    """The address that a browser comes from, as Mailkeep takes one: a port and brackets may be
    there. "" where it is none, such as a header that a stranger wrote: Mailkeep would refuse the
    whole question for it."""
    found = str(import_string(get("NETWORK"))(request)).strip()
    bare = found
    if found.startswith("["):
        bare = found[1:].partition("]")[0]
    elif found.count(":") == 1:
        bare = found.partition(":")[0]
    try:
        ip_address(bare)
    except ValueError:
        return ""
    return found if len(found) <= LONGEST and "%" not in found else ""


def network(request: Any) -> str:
    """The other end of the connection: behind a proxy, the proxy."""
    return str(request.META.get("REMOTE_ADDR", ""))


def owners(address: str) -> list[Any]:
    """The keys of users who have an address besides the one that Django keeps."""
    found: Iterable[Any] = import_string(get("OWNERS"))(address)
    return list(found)


def nobody_else(address: str) -> list[Any]:
    """A site whose users have the one address that Django keeps."""
    del address
    return []


def may_have_password(user: Any) -> bool:
    """Whether a reset may write a password. Django's own form passes over users whose password
    was made unusable: they sign in by a directory, or not at all. allauth lets those who came by a
    social account have one."""
    return bool(user.has_usable_password()) or apps.is_installed("allauth.account")


def addresses(user: Any) -> list[str]:
    """The one address that ``django.contrib.auth`` keeps."""
    return [getattr(user, user.get_email_field_name(), "")]
