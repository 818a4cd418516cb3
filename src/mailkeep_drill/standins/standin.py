"""The base of all stand-ins: a mail's way through them, its faults, and its events."""

import asyncio
import time
import traceback
from abc import ABC, abstractmethod
from collections import Counter, OrderedDict
from collections.abc import Callable, Coroutine, Iterable
from dataclasses import replace
from email.message import EmailMessage
from typing import ClassVar

from .account import Injected, Settings, Suppression
from .courier import Answer, Courier
from .dkim import Signer
from .faults import (
    AcceptAndDrop,
    DelayWebhooks,
    ForeignSender,
    ForgeWebhooks,
    Leak,
    NoWebhooks,
    RewriteLinks,
    Switchboard,
)
from .feed import Feed
from .hooks import HookFormat, Pump
from .mail import HTML_ONLY, NO_PARTS, Event, EventKind, Mail, Mailbox, Record
from .mime import compose, parse, write
from .tamper import Plan, tamper

MAX_MAILS = 20_000
MAX_BYTES = 192 * 1024 * 1024
MAX_SUPPRESSED = 20_000
_TRIES_AGAIN = (60.0, 300.0, 900.0, 1800.0)  # seconds, as a mail server would; hurried too
_ON_THE_WAY = frozenset({"sent", "deferred"})
_Report = Callable[[EventKind, str, str], None]


class StandIn(ABC):
    """One provider, played. Subclasses bring the formats."""

    kind: ClassVar[str]
    suspensions: ClassVar[tuple[str, ...]]
    """Kinds of suspension; the usual one first, "silent" among them."""
    hook_format: ClassVar[HookFormat]
    hostname: ClassVar[str]

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.faults = Switchboard(self.suspensions)
        self.count: Counter[str] = Counter()
        self._by_id: dict[str, Record] = {}
        self.sent: Feed[Record] = Feed(
            MAX_MAILS,
            size=lambda record: record.mail.size,
            max_bytes=MAX_BYTES,
            gone=lambda record: self._by_id.pop(record.mail.id, None),
        )
        self.leaked: Feed[Mail] = Feed(MAX_MAILS, size=lambda mail: mail.size, max_bytes=MAX_BYTES)
        self.suppressed: OrderedDict[str, Suppression] = OrderedDict()
        self.signer = Signer()
        self.courier = Courier(settings.deliver, self.hostname)
        self.pump = Pump(self.hook_format, settings.hooks, self.count, self.spawn)
        self.started_at = time.time()
        self.opened_at = settings.opened or self.started_at
        self._tasks: set[asyncio.Task[None]] = set()

    # What the provider's own module brings.

    @abstractmethod
    def new_id(self) -> str:
        """An id for a mail, as the provider makes them."""

    @abstractmethod
    def envelope_sender(self, mail: Mail, recipient: str) -> str:
        """The return path."""

    @abstractmethod
    def message_id(self, mail: Mail) -> str:
        """The Message-ID that goes out, with its angle brackets."""

    @abstractmethod
    def marks(self, mail: Mail, recipient: str, message: bytes) -> bytes:
        """Header fields that the provider puts on top: Received, signatures, its own."""

    def wrap(self, mail: Mail, url: str) -> str:
        """The redirecting link that stands for a tracked one."""
        del mail
        return url

    def pixel(self, mail: Mail) -> str:
        """HTML that reports an opening; "" where the provider has none."""
        del mail
        return ""

    async def webhook_entered(self) -> bool | None:
        """Check a webhook's URL as the provider does when it is entered; None: it does not."""
        return None

    def add_to_account(self, name: str, entry: dict[str, object]) -> dict[str, object]:
        """Add to a list of the account, as an intruder with its console would.

        Returns:
            The entry as the provider's API will show it.

        Raises:
            ValueError: this provider has no such list.
        """
        del entry
        raise ValueError(f"{self.kind} has no list {name!r}")

    @abstractmethod
    async def listen(self, port: int) -> dict[str, object]:
        """Open the provider's own listener; returns what the ready line shows of it."""

    @abstractmethod
    async def close(self) -> None:
        """Close the listener."""

    # The way of a mail.

    def take(self, mail: Mail, *, held: bool = False, dropped: bool = False) -> Record:
        """Accept a mail: from here on it is the provider's, and so are its faults.

        Args:
            held: put it into the backlog instead of sending it.
            dropped: lose it without a word.
        """
        record = self._keep(Record(mail))
        self.count["mails"] += 1
        self.count["recipients"] += len(mail.to)
        if self.faults.hit(Leak, mail.recipients):
            self.leaked.append(mail)
            self.count["leaked"] += 1
        if self.faults.hit(AcceptAndDrop, mail.recipients) or dropped:
            self._drop(record)
        elif held:
            record.fate = "held"
            self.count["held"] += 1
        else:
            self.spawn(self._deliver(record))
        return record

    def reject(self, mail: Mail, reason: str) -> Record:
        """Refuse a mail to an address on the list, and say so by webhook."""
        record = self._keep(Record(mail, fate="rejected"))
        self.count["rejected"] += 1
        for recipient in mail.recipients:
            self.report(record, "rejected", recipient, reason, told="rejected")
        return record

    def release(self) -> int:
        """Send what was held back, as a provider does once an account is reinstated."""
        held = [record for _, record in self.sent.after(0, MAX_MAILS) if record.fate == "held"]
        for record in held:
            record.fate = "sending"
            self.spawn(self._deliver(record))
        return len(held)

    def inject(self, sender: Mailbox, to: Iterable[str], content: Injected) -> list[str]:
        """Send a mail as whoever holds the account: no API call, no key, any sender.

        Returns:
            The provider's ids, one a recipient.
        """
        ids = []
        for address in to:
            mail = Mail(
                id=self.new_id(),
                sender=sender,
                to=(Mailbox(address),),
                at=time.time(),
                subject=content.subject,
                text=content.text,
                html=content.html,
                headers=tuple(content.headers.items()),
                reply_to=content.reply_to,
                metadata=dict(content.metadata),
                injected=True,
                told=content.told,
            )
            self.count["injected"] += 1
            self.spawn(self._deliver(self._keep(Record(mail))))
            ids.append(mail.id)
        return ids

    def record_of(self, mail_id: str) -> Record | None:
        """A mail that is still kept, by the provider's id."""
        return self._by_id.get(mail_id)

    def _keep(self, record: Record) -> Record:
        self._by_id[record.mail.id] = record
        self.sent.append(record)
        return record

    def _drop(self, record: Record) -> None:
        record.fate = "dropped"
        self.count["dropped"] += 1
        forged = self.faults.hit(ForgeWebhooks, record.mail.recipients)
        if forged is not None:
            for recipient in record.mail.recipients:
                self.tell(Event(forged.event, record.mail, recipient, time.time()))

    async def _deliver(self, record: Record) -> None:
        mail = record.mail
        plan = self._plan(mail)
        mute = self.faults.hit(NoWebhooks, mail.recipients) is not None or not mail.told
        forged = self.faults.hit(ForgeWebhooks, mail.recipients)
        delay = self.faults.hit(DelayWebhooks, mail.recipients)
        after = delay.seconds if delay else 0.0

        def report(kind: EventKind, recipient: str, diag: str) -> None:
            # The provider knows what happened; what it says is another matter.
            told: EventKind | None = kind
            if mute or (forged is not None and kind in _ON_THE_WAY):
                told = None
            elif forged is not None:
                told = forged.event
            self.report(record, kind, recipient, diag, told=told, after=after)

        async with asyncio.TaskGroup() as group:
            for recipient in mail.recipients:
                report("sent", recipient, "")
                group.create_task(self._to_one(record, recipient, plan, report))
            if plan.foreign is not None and "bcc" in plan.foreign.kinds:
                group.create_task(self._hand_over(mail, plan.foreign.address, plan))
        record.fate = "sent"
        self.sent.notify()

    async def _to_one(self, record: Record, recipient: str, plan: Plan, report: _Report) -> None:
        for wait in (*_TRIES_AGAIN, None):
            answer = await self._hand_over(record.mail, recipient, plan)
            record.diags[recipient] = answer.text
            if answer.said == "taken":
                record.deliveries[recipient] = "delivered"
                break
            if answer.said == "refused":
                record.deliveries[recipient] = "bounced"
                self.suppress(recipient, "hard-bounce", answer.text)
                break
            record.deliveries[recipient] = "deferred"
            report("deferred", recipient, answer.text)
            if wait is None:
                record.deliveries[recipient] = "soft_bounced"
            else:
                await asyncio.sleep(wait / max(self.settings.hooks.hurry, 0.001))
        outcomes: dict[str, EventKind] = {"delivered": "delivered", "bounced": "bounced"}
        outcome = outcomes.get(record.deliveries[recipient], "soft_bounced")
        self.count[outcome] += 1
        report(outcome, recipient, record.diags[recipient])

    async def _hand_over(self, mail: Mail, recipient: str, plan: Plan) -> Answer:
        if mail.raw is not None and not plan.changes_anything:
            message = mail.raw  # to the octet: a signature on it stays good
        else:
            built = self.build(mail)
            tamper(built, plan)
            message = write(built)
        data = self.marks(mail, recipient, message) + message
        return await self.courier.hand_over(self.envelope_sender(mail, recipient), recipient, data)

    def build(self, mail: Mail) -> EmailMessage:
        """The message without the provider's marks."""
        return compose(mail, self.message_id(mail)) if mail.raw is None else parse(mail.raw)

    def _plan(self, mail: Mail) -> Plan:
        links = mail.track_links
        account = self.faults.hit(RewriteLinks, mail.recipients)
        if account is not None and (links is None or (account.force and not links)):
            links = HTML_ONLY
        return Plan(
            links=links or NO_PARTS,
            wrap=lambda url: self.wrap(mail, url),
            pixel=self.pixel(mail) if mail.track_opens else "",
            foreign=self.faults.hit(ForeignSender, mail.recipients),
        )

    # What is told of it.

    def report(
        self,
        record: Record,
        kind: EventKind,
        recipient: str,
        diag: str = "",
        *,
        told: EventKind | None,
        after: float = 0.0,
    ) -> None:
        """Note what happened, and tell `told` by webhook (None: nothing) in `after` seconds."""
        event = Event(kind, record.mail, recipient, time.time(), diag)
        record.note(event)
        self.sent.notify()
        if told is not None:
            self.tell(replace(event, kind=told), after)

    def tell(self, event: Event, after: float = 0.0) -> None:
        """Send a webhook in so many seconds."""
        if after > 0:
            asyncio.get_running_loop().call_later(after, self.pump.put, event)
        else:
            self.pump.put(event)

    def suppress(self, address: str, reason: str, detail: str = "") -> Suppression:
        """Put an address on the provider's list."""
        entry = Suppression(address.lower(), reason, time.time(), detail[:500])
        self.suppressed[entry.email] = entry
        while len(self.suppressed) > MAX_SUPPRESSED:
            self.suppressed.popitem(last=False)
        return entry

    def suppression_of(self, address: str) -> Suppression | None:
        """The list's entry for an address."""
        return self.suppressed.get(address.lower())

    def may_send_from(self, address: str) -> bool:
        """Whether the account has the sender's domain."""
        domains = self.settings.domains
        return not domains or address.rpartition("@")[2].lower() in domains

    # Life.

    def spawn(self, work: Coroutine[None, None, None]) -> asyncio.Task[None]:
        """Run something that ends with the stand-in at the latest."""
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._done)
        return task

    def _done(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and task.exception() is not None:
            self.count["errors"] += 1
            traceback.print_exception(task.exception())

    async def start(self, port: int) -> dict[str, object]:
        """Begin; returns what the ready line shows."""
        self.spawn(self.pump.run())
        return await self.listen(port)

    async def stop(self) -> None:
        """End at once; what was not delivered is lost."""
        self.faults.clear()
        await self.close()
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self.courier.close()
        await self.pump.close()
