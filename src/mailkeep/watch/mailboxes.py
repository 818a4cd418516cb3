"""Reads canary mailboxes hosted elsewhere, over IMAP.

Reading resumes from the last UID for as long as the host keeps its UIDVALIDITY; after a change of
it, and at the first look, the newest mails are read. One process reads a mailbox for as long as it
lives: hosts limit connections. What cannot be read is retried with growing delays, and the doctor
says so; it is evidence against no provider, since every provider's canaries are missed there at
once.

Security: reads hostile input, from a host that an operator named. Holds the passwords of mailboxes,
and shows them to no server whose certificate is not valid for its name. Nothing that the server
says is logged.
"""

import asyncio
import ssl
from collections.abc import AsyncIterator, Callable, Coroutine, Mapping
from functools import partial
from typing import Any

import structlog
from sqlalchemy import select

from mailkeep.base.errors import MailkeepError, Unavailable
from mailkeep.base.loops import Keeper, OutsideFault
from mailkeep.base.secret import Secret
from mailkeep.events import turns
from mailkeep.store.database import Database, Tx

from . import tables
from .canaries import Canaries
from .imap import Imap, ImapError, Opened
from .mailbox_types import CanaryMailbox, ImapSettings, MailboxState, Tls
from .parts import MAX_RAW

log = structlog.get_logger(__name__)

LOOK_BACK = 100  #: mails that are looked at where there is no place to go on from
AT_ONCE = 50
AGAIN = (5.0, 600.0)  #: seconds between two tries, the first and the longest
IDLE = (
    240.0  #: seconds after which a line that says nothing is tried; shorter than any host's limit
)
TURN_SECONDS = 30.0  #: for which a process that died holds a mailbox
LOOK_SECONDS = 5.0  #: between two looks whose turn it is
PORTS = {Tls.IMPLICIT: 993, Tls.STARTTLS: 143}

_m = tables.canary_mailboxes


class Mailboxes:
    """Reads them.

    Args:
        secrets: passwords, by the name of the mailbox.
    """

    def __init__(
        self,
        database: Database,
        canaries: Canaries,
        mailboxes: tuple[CanaryMailbox, ...],
        secrets: Mapping[str, Secret],
    ) -> None:
        self._database = database
        self._canaries = canaries
        self._mailboxes = tuple(one for one in mailboxes if one.imap is not None)
        self._secrets = secrets

    async def run(self, keep: Keeper) -> None:
        """Read for ever, each mailbox for itself."""
        async with asyncio.TaskGroup() as group:
            for one in self._mailboxes:
                wait = partial(self._wait, keep, one)
                group.create_task(keep(wait, LOOK_SECONDS, of=one.name))

    async def _wait(self, keep: Keeper, mailbox: CanaryMailbox) -> None:
        """Read the mailbox for as long as it is this process's turn."""

        async def work(turn: turns.Turn) -> None:
            looks = self._looks(mailbox, turn)
            await keep(looks, LOOK_SECONDS, of=mailbox.name, again=AGAIN)

        await turns.holding(self._database, f"mailbox {mailbox.name}", TURN_SECONDS, work)

    def _looks(
        self, mailbox: CanaryMailbox, turn: turns.Turn
    ) -> Callable[[], Coroutine[Any, Any, bool]]:
        """The step that looks once more, in a new session when the last one failed."""
        session: AsyncIterator[int] | None = None

        async def look() -> bool:
            nonlocal session
            current = self.session(mailbox, turn) if session is None else session
            session = None
            try:
                await anext(current)
            except MailkeepError as error:
                log.warning("mailbox.not_read", mailbox=mailbox.name, error=str(error))
                await self._failed(mailbox, str(error))
                if isinstance(error, Unavailable):
                    raise
                raise OutsideFault from error
            session = current
            return True  # the session itself waits for mail

        return look

    async def session(
        self, mailbox: CanaryMailbox, turn: turns.Turn | None = None
    ) -> AsyncIterator[int]:
        """Read what is new, wait, and again; yields how many canaries each look found.

        Args:
            turn: under which it is read; None: nobody else reads it.

        Raises:
            ImapError: the mailbox cannot be read.
        """
        how = mailbox.imap
        if how is None:
            raise ImapError("the settings do not say how it is read")
        context = await asyncio.to_thread(ssl.create_default_context, cafile=how.ca or None)
        session = await Imap.connect(
            how.host,
            how.port or PORTS[how.tls],
            starttls=how.tls is Tls.STARTTLS,
            context=context,
            patience=how.timeout,
        )
        try:
            await session.sign_in(how.user or mailbox.address, self._secrets[mailbox.name])
            while True:
                yield await self._look(session, mailbox, how, turn)
                if session.can_idle:
                    await session.wait(IDLE)
                else:
                    await asyncio.sleep(how.poll)
        finally:
            await session.close()

    async def _look(
        self, session: Imap, mailbox: CanaryMailbox, how: ImapSettings, turn: turns.Turn | None
    ) -> int:
        """Read what is new. The folder is opened anew: its names may have changed."""
        opened = await session.open(how.folder)
        place = await self._place(mailbox, opened)
        count = 0
        while uids := await session.newer(place, AT_ONCE):
            for uid in uids:
                # One octet more than is read, so that a longer mail is recognised as such.
                mail = await session.fetch(uid, MAX_RAW + 1)
                if mail is not None:
                    count += await self._canaries.read_at(mailbox, mail.raw, mail.at)
            place = uids[-1]
            await self._save(mailbox, opened.validity, place, turn)
        await self._save(mailbox, opened.validity, place, turn)
        return count

    async def _place(self, mailbox: CanaryMailbox, opened: Opened) -> int:
        async with self._database.read() as tx:
            row = await tx.one(select(_m).where(_m.c.name == mailbox.name))
        if row is None or row["validity"] != opened.validity or row["uid"] >= opened.next:
            return max(0, opened.next - 1 - LOOK_BACK)
        return int(row["uid"])

    async def _save(
        self, mailbox: CanaryMailbox, validity: int, uid: int, turn: turns.Turn | None
    ) -> None:
        async def work(tx: Tx) -> None:
            if turn is not None and not await turns.mine(tx, turn):
                return  # another one reads it by now, from its own place
            values: dict[str, object] = {"validity": validity, "uid": uid, "read_at": tx.now}
            values |= {"failing_since": None, "error": None}
            first = tx.upsert(_m).values(name=mailbox.name, **values)
            await tx.run(first.on_conflict_do_update(index_elements=["name"], set_=values))

        await self._database.retrying(work)

    async def _failed(self, mailbox: CanaryMailbox, error: str) -> None:
        try:
            await self._database.retrying(partial(_note, name=mailbox.name, error=error))
        except MailkeepError as away:
            log.warning("mailbox.not_noted", mailbox=mailbox.name, error=str(away))


async def states(tx: Tx) -> dict[str, MailboxState]:
    """The state of each mailbox's reading that was ever tried, by name."""
    return {
        row["name"]: MailboxState(row["name"], row["read_at"], row["failing_since"], row["error"])
        for row in await tx.all(select(_m))
    }


async def _note(tx: Tx, name: str, error: str) -> None:
    row = await tx.one(select(_m.c.failing_since).where(_m.c.name == name))
    since = tx.now if row is None or row["failing_since"] is None else row["failing_since"]
    values = {"failing_since": since, "error": error[:200]}
    first = tx.upsert(_m).values(name=name, validity=0, uid=0, **values)
    await tx.run(first.on_conflict_do_update(index_elements=["name"], set_=values))
