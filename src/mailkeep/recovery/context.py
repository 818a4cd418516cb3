"""What every part of a recovery shares: routes, independence, attempted providers, voiding of
proofs."""

from collections.abc import Callable, Collection, Mapping
from typing import Any

import msgspec
from sqlalchemy import insert, select, update
from sqlalchemy.engine import RowMapping

from mailkeep.accounts import applications, language
from mailkeep.accounts import queries as accounts
from mailkeep.accounts.hashing import SlowHash
from mailkeep.accounts.services import Accounts
from mailkeep.accounts.subject_answers import SubjectAnswers
from mailkeep.accounts.subjects import Subjects
from mailkeep.base import tokens
from mailkeep.base.keys import KeyRing
from mailkeep.events.log import record
from mailkeep.mail import lives, shifting
from mailkeep.mail import queries as mail_queries
from mailkeep.mail import services as mail_services
from mailkeep.mail.intake import Intake
from mailkeep.mail.types import WITHHELD, GiveUpReason, RouteSettings, StreamSettings
from mailkeep.providers.types import OutcomeKind
from mailkeep.store.database import Database, Tx
from mailkeep.trust.graph import TrustGraph

from . import tables
from .events import RecoveryVoided
from .mails import MailComposer
from .types import UNDER_WAY, Reach, RecoverySettings, State

#: Outcomes after which a proof is minted for another route, if one stands.
REFUSED = frozenset(OutcomeKind) - {OutcomeKind.ACCEPTED, OutcomeKind.DEFERRED}

#: A row as it was read, or as it was just written.
Row = RowMapping | dict[str, Any]

_r, _p = tables.recoveries, tables.proofs


class Context:
    """The services behind a recovery.

    Args:
        accounts, slow: whose accounts, and the slow hash of codes.
        intake: takes the mails.
        streams: by name; the recovery stream's routes are what proofs may take.
        parties: the party of the trust graph behind each provider's name.
        ailing: providers that the recovery stream's breakers keep out just now.
        reach: who of the users of applications is recovered here.
    """

    def __init__(
        self,
        database: Database,
        keys: KeyRing,
        accounts: Accounts,
        slow: SlowHash,
        intake: Intake,
        streams: Mapping[str, StreamSettings],
        parties: Mapping[str, str],
        graph: TrustGraph,
        public_url: str,
        settings: RecoverySettings,
        ailing: Callable[[], frozenset[str]],
        reach: Reach = Reach.EVERYBODY,
    ) -> None:
        self.database = database
        self.keys = keys
        self.accounts = accounts
        self.subjects = Subjects(database, keys, accounts.classes, accounts.languages)
        self.answers = SubjectAnswers(database, keys, accounts.classes)
        self.slow = slow
        self.intake = intake
        self.settings = settings
        ours = (streams.get(one) for one in (settings.stream, settings.notices))
        marked = all(one is not None and one.genuine for one in ours)
        self.house = MailComposer(settings, public_url, accounts.languages.of(""), genuine=marked)
        self._streams = streams
        self._parties = parties
        self._graph = graph
        self._ailing = ailing
        self.reach = reach

    async def house_of(self, tx: Tx, account: str) -> MailComposer:
        """Who writes to an account's owner: of a user of an application, about that one."""
        view = await accounts.account(tx, account)
        house = await self.ours(tx, account)
        if not view.application:
            return house
        return await self.about(tx, house, view.application)

    async def about(self, tx: Tx, house: MailComposer, application: str) -> MailComposer:
        """The same, who writes about the users of an application."""
        found = await applications.get(tx, application)
        return msgspec.structs.replace(house, application=found.name, home=found.home)

    async def ours(self, tx: Tx, account: str) -> MailComposer:
        """The same of an account that is kept here. It writes in the language of the account,
        and in the house's where that is not known: never in that of whoever asks."""
        return self.speaking(await language.locale(tx, account))

    def speaking(self, locale: str) -> MailComposer:
        """Who writes to owners that read some language."""
        return msgspec.structs.replace(self.house, words=self.accounts.languages.of(locale))

    def parties_of(self, providers: Collection[str]) -> list[str]:
        """The parties behind providers, each once."""
        return sorted({self._parties.get(name, name) for name in providers})

    @property
    def routes(self) -> tuple[RouteSettings, ...]:
        """As the settings say; see ``routes_now``."""
        found = self._streams.get(self.settings.stream)
        return () if found is None else found.routes

    async def routes_now(self, tx: Tx, stream: str) -> tuple[RouteSettings, ...]:
        """The routes of a stream with the weights that a move between providers has given them."""
        found = self._streams.get(stream)
        return () if found is None else await shifting.routes(tx, found)

    async def standing(self, tx: Tx) -> frozenset[str]:
        """Providers that may carry a proof now."""
        return await mail_queries.standing(tx, self._parties) - self._ailing()

    def independent(self, one: Collection[str], other: Collection[str]) -> bool:
        """Whether no party can read both what went through ``one`` and through ``other``.

        A provider that no party stands behind is unknown, and the unknown counts as dependent.
        """
        return self._graph.independent(
            [self._parties.get(name, name) for name in one],
            [self._parties.get(name, name) for name in other],
        ).ok

    async def attempted(self, tx: Tx, proof: Row) -> set[str]:
        """Every provider that a proof was ever given to, or may yet be given to."""
        tried = await mail_queries.attempted(tx, str(proof["message_id"]))
        return {*tried, str(proof["provider"])}

    async def refused(self, tx: Tx, message: str) -> bool:
        """Whether the newest attempt of a mail was refused, and nothing has taken it since."""
        attempts = await lives.attempts(tx, message)
        outcomes = [one.outcome for one in attempts if one.outcome != WITHHELD]
        return bool(outcomes) and outcomes[-1] in REFUSED

    def link_hash(self, secret: str) -> str:
        return self.keys.lookup_hash("recovery link", tokens.fold(secret))

    def denial_hash(self, secret: str) -> str:
        return self.keys.lookup_hash("denial", tokens.fold(secret))

    async def denial(self, tx: Tx, recovery: str, provider: str) -> str:
        """A secret with which whoever holds the mail can say: this was not me.

        Args:
            provider: the only one that carries that mail; "" when any may.
        """
        secret = tokens.link_secret()
        await tx.run(
            insert(tables.denials).values(
                hash=self.denial_hash(secret),
                recovery_id=recovery,
                provider=provider,
                made_at=tx.now,
            )
        )
        return secret

    async def void(self, tx: Tx, recovery: str, why: GiveUpReason) -> bool:
        """End a recovery that has not been completed; False when it had ended already."""
        ended = await tx.run(
            update(_r)
            .where(_r.c.id == recovery, _r.c.state.in_(UNDER_WAY))
            .values(state=State.VOID.value, why=why.value, ended_at=tx.now, due_at=None, host="")
        )
        if not ended:
            return False
        live = (_p.c.recovery_id == recovery, _p.c.voided_at.is_(None))
        for row in await tx.all(select(_p.c.message_id).where(*live)):
            await mail_services.cancel(self.database, tx, row["message_id"], why)
        await tx.run(update(_p).where(*live).values(voided_at=tx.now))
        account = await tx.value(select(_r.c.account_id).where(_r.c.id == recovery))
        if account is not None:
            await record(
                self.database, tx, RecoveryVoided(recovery=recovery, account=account, why=why)
            )
        return True
