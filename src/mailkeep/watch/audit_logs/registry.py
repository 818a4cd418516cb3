"""The registry of audit log formats, one line each."""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Final

from mailkeep.base.errors import Invalid
from mailkeep.base.wording import nearest
from mailkeep.watch.console_types import Act, Read

from . import cloudtrail, okta, plain

#: What reads each.
FORMATS: Final[Mapping[str, Callable[[bytes], Read]]] = MappingProxyType(
    {cloudtrail.KIND: cloudtrail.read, okta.KIND: okta.read, plain.KIND: plain.read}
)
#: What each tells about a party; Okta knows who signs in to an application, not what they do there.
SHOWS: Final[Mapping[str, frozenset[Act]]] = MappingProxyType(
    {
        cloudtrail.KIND: frozenset(Act),
        okta.KIND: frozenset({Act.SIGN_IN, Act.USER}),
        plain.KIND: frozenset(Act),
    }
)


def get(kind: str) -> Callable[[bytes], Read]:
    """What reads logs of a kind. Raises ``Invalid``: there is none."""
    if kind not in FORMATS:
        hint = nearest(kind.lower()[:64], FORMATS)
        raise Invalid(f"no log of the kind {kind[:64]!r} is read{hint}", field="kind")
    return FORMATS[kind]
