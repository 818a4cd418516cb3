"""The registry of providers whose account can be read, one line each."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from mailkeep.base.wording import nearest
from mailkeep.providers.errors import MisconfiguredProvider, UnknownProvider

from .mandrill import MandrillAccount
from .postmark import PostmarkAccount
from .sendgrid import SendGridAccount
from .ses import SesAccount
from .types import Kind, ShowsAccount

ACCOUNTS: Final[Mapping[str, ShowsAccount]] = MappingProxyType(
    {
        "mandrill": MandrillAccount(),
        "postmark": PostmarkAccount(),
        "sendgrid": SendGridAccount(),
        "ses": SesAccount(),
    }
)
#: Options of an account, beside ``cleartext``, which all know.
OPTIONS: Final[Mapping[str, tuple[str, ...]]] = MappingProxyType(
    {"ses": ("region", "access_key_id")}
)
#: Kinds of providers that have an account which no API tells of.
WITHOUT: Final[Mapping[str, str]] = MappingProxyType(
    {"smtp": "SMTP (RFC 5321) has no words for an account"}
)


def get(kind: str) -> ShowsAccount:
    """The module for ``kind``.

    Raises:
        UnknownProvider: there is none.
    """
    found = ACCOUNTS.get(kind)
    if found is None:
        why = f"; {WITHOUT[kind]}" if kind in WITHOUT else nearest(kind.lower()[:64], ACCOUNTS)
        raise UnknownProvider(f"no account of kind {kind[:64]!r} can be read{why}", field="kind")
    return found


def check(kind: str, options: Mapping[str, str]) -> None:
    """Look at an account's options.

    Raises:
        UnknownProvider: no account of that kind can be read.
        MisconfiguredProvider: an option that the kind does not have.
    """
    get(kind)
    known = ("cleartext", *OPTIONS.get(kind, ()))
    for name in options:
        if name not in known:
            raise MisconfiguredProvider(
                f"an account of kind {kind} has no option {name[:64]!r}"
                + nearest(name[:64], known),
                field=f"options.{name[:64]}",
            )


#: Kinds whose reading key can send as well, or shows keys that can: they make none that only reads.
SENDS: Final = frozenset({"postmark"})
#: Of what stands in ``blind``, what is seen in part all the same.
_IN_PART: Final = frozenset({("sendgrid", Kind.EXPORT), ("sendgrid", Kind.USER)})


def shows(kind: str, of: Kind) -> bool:
    """Whether anything of that is seen of an account of a kind."""
    return of not in blind(kind) or (kind, of) in _IN_PART


def blind(kind: str) -> Mapping[Kind, str]:
    """What cannot be seen of an account of that kind, and why."""
    found = ACCOUNTS.get(kind)
    if found is not None:
        return found.blind
    why = WITHOUT.get(kind, "there is no module that reads it")
    return dict.fromkeys(Kind, why)
