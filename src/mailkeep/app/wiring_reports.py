"""Builds the intake of outside reports: DMARC and TLS reports, provider notices, status pages,
lookalike domains."""

from collections.abc import Iterator, Mapping
from functools import partial

from mailkeep.base import addresses
from mailkeep.base.errors import BadSettings
from mailkeep.base.keys import KeyRing
from mailkeep.base.loops import Loop
from mailkeep.events import turns
from mailkeep.mail import copies as ledger
from mailkeep.store.database import Database
from mailkeep.store.shared import SharedCommit
from mailkeep.watch.abuse import Abuse
from mailkeep.watch.copies import Copies
from mailkeep.watch.lookalikes import Lookalikes
from mailkeep.watch.mailboxes import Mailboxes
from mailkeep.watch.notices import MAX_INCIDENTS
from mailkeep.watch.noticing import POLL_SECONDS, Notices
from mailkeep.watch.received import Received
from mailkeep.watch.reports import Reports
from mailkeep.watch.unsent import Unsent

from . import wiring_observation
from .doctor.records import Found
from .loops import PAUSE_SECONDS, Keep
from .settings import Settings

PAGE_SECONDS = 10.0
SETTLE_SECONDS = 10.0


class ReportIntake:
    """Intake of what comes by mail or is fetched: reports, notices, status pages.

    Args:
        where: the resolver to ask, as ``HOST:PORT``; None: the system's.
        mailboxes: of canaries, which are read where they are.
        copies: of mail that applications send, for the journal.
        keys: for the ledger, in which a reported mail is looked up; None: none is.
    """

    def __init__(
        self,
        settings: Settings,
        database: Database,
        where: str | None = None,
        mailboxes: Mailboxes | None = None,
        copies: Copies | None = None,
        keys: KeyRing | None = None,
    ) -> None:
        told, self._database = settings.reports, database
        received = Received(database, partial(txt, where), told.per_day)
        self.reports = Reports(
            database,
            told,
            domains=sending(settings),
            receiving=receiving(settings),
            received=received,
        )
        self.abuse = Abuse(
            database,
            told,
            domains=sending(settings),
            received=received,
            unsent=None if keys is None else unsent(settings, keys),
        )
        self.notices = Notices(database, told, received, _fetch)
        self.lookalikes = lookalikes(settings, database)
        self._polls = bool(told.status)
        self._mailboxes = mailboxes
        self.copies = copies

    async def sift(self, recipients: list[str], raw: bytes) -> list[str]:
        """Take in what is addressed to it; returns the other recipients."""
        if self.copies is not None:
            recipients = await self.copies.sift(recipients, raw)
        for door in (self.reports, self.abuse, self.notices):
            recipients = await door.sift(recipients, raw)
        return recipients

    def loops(self, keep: Keep) -> Iterator[tuple[str, Loop]]:
        """What goes on beside, by name."""
        if self.lookalikes is not None:
            seconds = self.lookalikes.seconds
            step = turns.in_turn(self._database, "lookalikes", seconds, self.lookalikes.step)
            yield "lookalikes", keep("lookalikes", step, seconds)
        if self._polls:
            step = turns.in_turn(self._database, "status", POLL_SECONDS, self.notices.poll)
            yield "status", keep("status", step, POLL_SECONDS)
        if self._mailboxes is not None:
            run = partial(self._mailboxes.run, partial(keep, "mailboxes"))
            yield "mailboxes", keep("mailboxes", run, PAUSE_SECONDS)
        if self.copies is not None:
            yield "copies", keep("copies", self.copies.settle, SETTLE_SECONDS)


def copies(
    settings: Settings,
    database: Database,
    keys: KeyRing,
    shared: SharedCommit,
    where: str | None = None,
) -> Copies | None:
    """The door for copies of mail, where the settings have one.

    Args:
        where: as for ``ReportIntake``.
    """
    told = None if settings.journal is None else settings.journal.copies
    if told is None:
        return None
    streams = settings.streams()
    return Copies(
        database,
        shared,
        ledger.Copies(database, keys, streams, told.per_day),
        wiring_observation.places(settings, keys, streams),
        senders=frozenset(one.lower() for one in told.senders),
        streams=frozenset(streams),
        ask=partial(txt, where),
    )


async def txt(where: str | None, names: tuple[str, ...]) -> Mapping[str, tuple[str, ...]]:
    """TXT records of names, by the resolver ``where``; what DNS does not answer is missing."""
    from .doctor import resolver  # DNS, once somebody writes to us

    try:
        made = resolver.resolver(where)
    except BadSettings:  # no resolver here: then no mail is known for authentic
        return {}
    out = {}
    for name in names:
        answer = await resolver.look_up(made, name, "TXT")
        if answer.found is Found.SOME:
            out[name] = answer.rows
    return out


async def _fetch(url: str) -> bytes | None:
    """Fetch a page without following redirects, bounded in time and memory."""
    import aiohttp

    limit = aiohttp.ClientTimeout(total=PAGE_SECONDS)
    try:
        async with (
            aiohttp.ClientSession(timeout=limit, cookie_jar=aiohttp.DummyCookieJar()) as http,
            http.get(url, allow_redirects=False) as reply,
        ):
            if reply.status != 200:
                return None
            out = bytearray()
            async for chunk in reply.content.iter_chunked(8192):
                out += chunk
                if len(out) > MAX_INCIDENTS:
                    return None
            return bytes(out)
    except (aiohttp.ClientError, TimeoutError, OSError, ValueError):
        return None


def lookalikes(settings: Settings, database: Database) -> Lookalikes | None:
    """The watcher for lookalike domains, where the settings ask for it."""
    if settings.lookalikes is None:
        return None

    from .doctor import resolver

    async def look(name: str, kind: str) -> bool | None:
        try:
            made = resolver.resolver(None)
        except BadSettings:
            return None
        answer = await resolver.look_up(made, name, kind)
        return None if answer.found is Found.ERROR else answer.found is Found.SOME

    domains = sending(settings).union(one.lower() for one in settings.lookalikes.domains)
    return Lookalikes(database, settings.lookalikes, domains=domains, look=look)


def sending(settings: Settings) -> frozenset[str]:
    """The domains that we send as, as far as the settings tell."""
    senders = [one.sender for one in (settings.recovery, settings.canary) if one is not None]
    return frozenset({addresses.domain(one).lower() for one in senders}.union(_named(settings)))


def unsent(settings: Settings, keys: KeyRing) -> Unsent | None:
    """Looks up whether a mail that a provider signed is one of ours; None where applications send
    by themselves: their lines come later than complaints, if they come."""
    if settings.journal is not None:
        return None
    canary = settings.canary
    domain = "" if canary is None else canary.domain.lower()
    own = set() if canary is None else {addresses.key(one.address) for one in canary.mailbox}
    own |= {addresses.key(one.address) for one in settings.honey}

    def is_ours(address: str) -> bool:
        return address in own or addresses.domain(address) == domain

    return Unsent(keys, signers(settings), is_ours)


def signers(settings: Settings) -> dict[str, str]:
    """The provider that signs with a selector, as far as the settings say; without selectors that
    two of them have."""
    told = [
        *((one.options.get("dkim_selector", ""), one.name) for one in settings.provider),
        *settings.watch.dmarc_stranger.selectors.items(),
    ]
    found: dict[str, set[str]] = {}
    for selector, name in told:
        found.setdefault(selector.strip().lower(), set()).add(name)
    return {
        selector: next(iter(names))
        for selector, names in found.items()
        if selector and len(names) == 1 and names != {""}
    }


def receiving(settings: Settings) -> frozenset[str]:
    """The domains that mail comes to: TLS reports are about these."""
    found = {one.options.get("return_path_domain", "").strip().lower() for one in settings.provider}
    if settings.canary is not None:
        found.add(settings.canary.domain)
    told = settings.reports
    for one in (told.address, told.abuse):
        if one:
            found.add(addresses.domain(one).lower())
    return frozenset(found - {""})


def _named(settings: Settings) -> tuple[str, ...]:
    return tuple(one.lower() for one in settings.reports.domains)
