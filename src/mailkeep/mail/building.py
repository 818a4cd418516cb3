"""Builds the provider's request for a claimed job; large ones in a thread.

Python runs one thread at a time but switches between them: while megabytes are encoded as base64,
everybody else's mail goes on.
"""

import asyncio

import msgspec

from mailkeep.base.keys import KeyRing
from mailkeep.providers.types import Provider, ProviderConfig, Request

from . import returns
from .fitting import SMALL
from .intake import to_outgoing
from .types import Content, Job, StreamSettings


async def request(
    keys: KeyRing, module: Provider, config: ProviderConfig, job: Job, stream: StreamSettings
) -> tuple[Request, list[str], str | None]:
    """(the request, the addresses that it names, the recipient's first, the trace it came under).

    Raises:
        Unsealable: the hour's key is gone.
        UnbuildableMessage, MisconfiguredProvider: see `Provider.build`.
    """
    if len(job.body) > SMALL:
        return await asyncio.to_thread(_build, keys, module, config, job, stream)
    return _build(keys, module, config, job, stream)


def _build(
    keys: KeyRing, module: Provider, config: ProviderConfig, job: Job, stream: StreamSettings
) -> tuple[Request, list[str], str | None]:
    body = job.body
    if job.hour is not None:
        body = keys.unseal_hour(job.hour, f"body {job.message}", job.body)
    content = msgspec.json.decode(body, type=Content)
    message = to_outgoing(content, job.message, job.attempt, stream, job.created_at)
    shared = len(message.recipients()) > 1
    back = returns.return_path(keys, config, job.message, shared=shared)
    if back is not None:
        message = msgspec.structs.replace(message, return_path=back)
    named = [one.email for one in message.recipients()]
    return module.build(config, message), named, content.trace
