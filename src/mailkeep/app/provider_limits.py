"""Compares providers' sending limits with the load: how much of the recovery peak each could
carry."""

import asyncio
from collections.abc import Collection, Mapping
from typing import TYPE_CHECKING

import msgspec

from mailkeep.base.clock import DAY
from mailkeep.mail import queries
from mailkeep.mail.types import StreamSettings
from mailkeep.providers import registry
from mailkeep.providers.allowance import Allowance, Tells, peak, share
from mailkeep.providers.errors import MisconfiguredProvider
from mailkeep.providers.types import (
    MAX_REPLY,
    HttpReply,
    HttpRequest,
    OutcomeKind,
    ProviderConfig,
    Reply,
    TransportFailure,
)
from mailkeep.store.database import Tx

if TYPE_CHECKING:
    import aiohttp  # imported when somebody is asked: not by who only wants the settings

WEEKS = 4  #: over which the peak is looked for
SECONDS = 5.0  #: for one answer
_REFUSED = frozenset({OutcomeKind.UNAUTHORISED, OutcomeKind.SUSPENDED})


class Limit(msgspec.Struct, frozen=True):
    """The known sending limit of one provider.

    Attributes:
        told: what its API says; else why nothing is known.
        share: the part of the recovery peak that it could carry; None: nobody knows.
        refused: it answered that our key, or our account, is not accepted.
    """

    told: Allowance | str
    share: float | None = None
    refused: bool = False


async def limits(
    providers: Mapping[str, ProviderConfig], busiest: int, cut: Collection[str] = ()
) -> dict[str, Limit]:
    """Ask every provider; what each says, by name.

    Args:
        busiest: mails in the hour with the most recoveries.
        cut: those that are cut off: no request goes there.
    """
    import aiohttp

    wait = aiohttp.ClientTimeout(total=SECONDS)
    async with aiohttp.ClientSession(timeout=wait) as session:
        told = await asyncio.gather(
            *(_ask(session, one, cut=name in cut) for name, one in providers.items())
        )
    return {
        name: msgspec.structs.replace(one, share=share(one.told.hourly, busiest))
        if isinstance(one.told, Allowance)
        else one
        for name, one in zip(providers, told, strict=True)
    }


async def recovery_peak(tx: Tx, streams: Mapping[str, StreamSettings]) -> int:
    """Mails of the secret streams in the busiest hour of the last weeks."""
    secret = {name for name, one in streams.items() if one.secret}
    return peak(await queries.hourly(tx, secret, tx.now - WEEKS * 7 * DAY)) if secret else 0


async def _ask(session: "aiohttp.ClientSession", config: ProviderConfig, *, cut: bool) -> Limit:
    import aiohttp

    if cut:
        return Limit("it is cut off, and not asked")
    module = registry.get(config.kind)
    if not isinstance(module, Tells):
        return Limit("its protocol tells no limits")
    try:
        reply = await _carry(session, module.ask_allowance(config))
    except MisconfiguredProvider as error:
        return Limit(str(error))
    except (aiohttp.ClientError, TimeoutError, OSError):
        return Limit("it did not answer")
    told = module.allowance(reply)
    if told is not None:
        return Limit(told)
    # A reply about a wrong key, or a barred account, is the same on every endpoint.
    outcome = module.read(reply)
    return Limit(f"it did not say ({outcome.detail})", refused=outcome.kind in _REFUSED)


async def carry(request: HttpRequest) -> Reply:
    """Send one request, on a connection of its own; never raises for what the network or the
    provider does."""
    import aiohttp

    wait = aiohttp.ClientTimeout(total=SECONDS)
    try:
        async with aiohttp.ClientSession(timeout=wait) as session:
            return await _carry(session, request)
    except (aiohttp.ClientError, TimeoutError, OSError):
        return TransportFailure("connect")


async def _carry(session: "aiohttp.ClientSession", request: HttpRequest) -> HttpReply:
    async with session.request(
        request.method,
        request.url,
        headers=dict(request.headers),
        data=request.body or None,
        allow_redirects=False,  # the key is in the request
    ) as reply:
        body = await reply.content.read(MAX_REPLY + 1)
        return HttpReply(reply.status, {}, body)
