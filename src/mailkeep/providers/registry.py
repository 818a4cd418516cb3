"""The registry of provider adapters, one line each."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from mailkeep.base.wording import nearest

from . import attachments, keeping
from .errors import MisconfiguredProvider, UnknownProvider
from .mandrill import Mandrill
from .postmark import Postmark
from .smtp import Smtp
from .types import Provider

REGISTRY: Final[Mapping[str, Provider]] = MappingProxyType(
    {
        "mandrill": Mandrill(),
        "postmark": Postmark(),
        "smtp": Smtp(),
    }
)

#: Options of every kind: how large and how clear mail may go there, how long it is kept; for the
#: doctor and the chain of trust, what it signs, tracks and is answered under; who manages its keys.
COMMON: Final = (
    *("cleartext", "max_size", "keeps_days"),
    *("dkim", "dkim_selector", "dkim_domain", "return_path_domain", "tracking_domain"),
    *("keys", "keys_url"),
)


def check(kind: str, options: Mapping[str, str]) -> None:
    """Look at an account's options: one that is mistyped would silently not be there.

    Raises:
        UnknownProvider: there is no module of that kind.
        MisconfiguredProvider: an option that the kind does not have, or one that is no number.
    """
    able = get(kind).capabilities
    known = (*COMMON, *able.options)
    for name in options:
        if name not in known:
            raise MisconfiguredProvider(
                f"{kind} has no option {name[:64]!r}" + nearest(name[:64], known),
                field=f"options.{name[:64]}",
            )
    attachments.max_size(options, able)
    keeping.keeps_days(options, able)


def texting() -> bool:
    """Whether any module sends text messages."""
    return any(one.capabilities.texts for one in REGISTRY.values())


def get(kind: str) -> Provider:
    """The module for ``kind``.

    Raises:
        UnknownProvider: there is none; the text names the nearest one.
    """
    provider = REGISTRY.get(kind)
    if provider is None:
        hint = nearest(kind.lower()[:64], REGISTRY)
        raise UnknownProvider(f"no provider of kind {kind[:64]!r}{hint}", field="kind")
    return provider
