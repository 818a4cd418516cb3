"""Every provider there is, one line each."""

import difflib
from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from .errors import UnknownProvider
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


def get(kind: str) -> Provider:
    """The module for ``kind``.

    Raises:
        UnknownProvider: there is none; the text names the nearest one.
    """
    provider = REGISTRY.get(kind)
    if provider is None:
        near = difflib.get_close_matches(kind.lower()[:64], REGISTRY, n=1, cutoff=0.5)
        hint = f"did you mean {near[0]}?" if near else "there are " + ", ".join(sorted(REGISTRY))
        raise UnknownProvider(f"no provider of kind {kind[:64]!r}; {hint}", field="kind")
    return provider
