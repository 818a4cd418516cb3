"""Decoys: link mail of no real recovery, sent through one provider to a mailbox of ours.

Whoever reads mail at that provider and tries what they find there reveals themselves, and no owner
is affected. The mail is written as any other link mail, and its link is answered as any unknown
one: whoever tries it learns nothing.

Attack met here: telling decoys from mail that is worth a try. They differ in the recipient only: as
many of them as of the owners are in each language.
"""

import secrets

from sqlalchemy import delete, insert, select

from mailkeep.accounts import language, throttle
from mailkeep.base import tokens
from mailkeep.base.clock import DAY, HOUR
from mailkeep.events.log import record
from mailkeep.mail.types import Content
from mailkeep.store.database import Tx

from . import mails, tables
from .context import Context
from .events import DecoyShown
from .types import ProofKind

KEPT = 30 * DAY  #: a reader may come back to what they read

_d = tables.decoys


async def plant(context: Context, tx: Tx, provider: str, to: str) -> tuple[Content, str]:
    """Write a decoy that ``provider`` is to carry; the mail, and the secret in its link."""
    secret = tokens.link_secret()
    await tx.run(delete(_d).where(_d.c.planted_at < tx.now - KEPT))
    lookup = context.link_hash(secret)
    await tx.run(insert(_d).values(lookup=lookup, provider=provider, planted_at=tx.now))
    # The denial's secret is nobody's: it is there because the others have one.
    house = context.speaking(secrets.choice(await language.spoken(tx) or [""]))
    content = mails.proof(house, to, ProofKind.LINK, secret, tokens.link_secret())
    return content, secret


async def shown(context: Context, tx: Tx, lookup: str, browser: str, network: str) -> None:
    """Take note where a link that belongs to no proof is a decoy's; once an hour."""
    provider = await tx.value(select(_d.c.provider).where(_d.c.lookup == lookup))
    if provider is None:
        return
    if await throttle.take(tx, lookup[:40], "decoy", limit=1, window=HOUR):
        await record(
            context.database, tx, DecoyShown(provider=provider, network=network, browser=browser)
        )
