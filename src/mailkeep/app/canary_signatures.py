"""Which signatures of canaries are verified: those of our own domains, by provider."""

from collections.abc import Mapping

from mailkeep.base import addresses
from mailkeep.providers.types import ProviderConfig
from mailkeep.watch.received import Ask
from mailkeep.watch.signatures import Signatures

from .settings import Settings

OURS = "ours"  #: of a provider's option ``dkim``: we sign what goes there


def signatures(settings: Settings, providers: Mapping[str, ProviderConfig], ask: Ask) -> Signatures:
    """The verifier. Of a provider to which mail goes signed (``dkim = "ours"``) it looks for
    nothing: what our own key signs was not altered there.

    Args:
        ask: looks TXT records up.
    """
    senders = [one.sender for one in (settings.recovery, settings.canary) if one is not None]
    ours = frozenset(addresses.domain(one).lower() for one in senders)
    return Signatures(
        ask, {name: ours for name, one in providers.items() if one.options.get("dkim") != OURS}
    )
