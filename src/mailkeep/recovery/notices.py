"""Notifies owners at every address of what happened to their accounts (SP 800-63B-4 section 4.6).

Security: a notice that can be denied carries a secret, so it is sealed at rest like a proof; it is
kept until its arrival is reported all the same, since a provider can suspend our account and still
answer 200.
"""

from collections.abc import Set

from mailkeep.accounts import queries as accounts
from mailkeep.accounts.events import (
    AccountOpened,
    ClassChanged,
    ErasureAsked,
    FactorReminderDue,
    FactorRevoked,
    LanguageChosen,
    SubjectChangeHeld,
    SubjectLanguageChanged,
)
from mailkeep.events.types import Recorded
from mailkeep.mail import queries as mail_queries
from mailkeep.mail.types import Content, NewMessage
from mailkeep.store.database import Tx

from . import factor_words, mails, policy, subject_mails
from .context import Context
from .denied import DENIED, denied_with


class Notices:
    """Writes notices into the outbox.

    Args:
        context: the services of the room.
    """

    def __init__(self, context: Context) -> None:
        self._context = context

    async def tell(
        self,
        tx: Tx,
        account: str,
        recovery: str,
        write: mails.Notice,
        *,
        without: Set[str] = frozenset(),
    ) -> list[tuple[str, str]]:
        """Tell of a recovery; each mail carries a way to say: this was not me. An address whose own
        addition is held is told nothing: it has no say yet, and may be a thief's.

        Args:
            without: providers over which this was told already ("": over any).

        Returns the messages, each with the only provider that may carry it ("": any).
        """
        out = []
        ways = [only for only in await self.ways(tx) if "".join(only) not in without]
        house = await self._context.house_of(tx, account)
        for point in await accounts.contact_points(tx, account):
            for only in ways if point.counts else ():
                provider = "".join(only)
                denial = await self._context.denial(tx, recovery, provider)
                content = write(house, point.address, denial)
                out.append((await self.mail(tx, house, content, only, sealed=True), provider))
        return out

    async def on_change_held(self, tx: Tx, recorded: Recorded) -> None:
        """An application wants changed what recovers a user: they are told where they were reached
        so far, with a way to stop it and to agree to it (ASVS 6.3.7)."""
        fact = recorded.fact
        if not isinstance(fact, SubjectChangeHeld):
            return
        answers = self._context.answers
        change = await answers.held(tx, fact.account, fact.due)
        if change is None:
            return  # it has ended meanwhile
        await answers.told(tx, change)
        house = await self._context.house_of(tx, fact.account)
        for point in await accounts.contact_points(tx, fact.account):
            for only in await self.ways(tx):
                secret = await answers.secret(tx, change, "".join(only))
                content = subject_mails.held(house, point.address, fact, secret)
                await self.mail(tx, house, content, only, sealed=True)

    async def on_language(self, tx: Tx, recorded: Recorded) -> None:
        """An application, or whoever has got hold of its key, had a user written to in another
        language: they are told in the one from before, as they may not read the new one."""
        fact = recorded.fact
        if not isinstance(fact, SubjectLanguageChanged):
            return
        house = self._context.speaking(fact.before)
        house = await self._context.about(tx, house, fact.application)
        for point in await accounts.contact_points(tx, fact.account):
            content = subject_mails.reworded(house, point.address, fact.chosen)
            for only in await self.ways(tx):
                await self.mail(tx, house, content, only)

    async def on_opened(self, tx: Tx, recorded: Recorded) -> None:
        """An account was opened by a code that went over one route: its address is told over one
        that whoever could read the code does not read, or else over two."""
        fact = recorded.fact
        if not isinstance(fact, AccountOpened):
            return
        context = self._context
        standing = await context.standing(tx)
        carried = await mail_queries.carriers(tx, fact.address, context.settings.confirmations)
        routes = await context.routes_now(tx, context.settings.notices)
        beside = [
            (one.provider,)
            for one in sorted(routes, key=lambda one: -one.weight)
            if one.provider in standing and context.independent({one.provider}, carried)
        ]
        house = await context.ours(tx, fact.account)
        for point in await accounts.contact_points(tx, fact.account):
            content = mails.opened(house, point.address)
            for only in beside[:1] or await self.ways(tx):
                await self.mail(tx, house, content, only, alone=bool(beside))

    async def on_credential(self, tx: Tx, recorded: Recorded) -> None:
        """A factor was changed by who was signed in (ASVS 6.3.7); or factors went with what was
        denied, which is told once: with the changes that were stopped, if there were any."""
        fact = recorded.fact
        account = getattr(fact, "account", None)
        if not isinstance(fact, factor_words.FACTS) or account is None:
            return
        house = await self._context.ours(tx, account)
        if isinstance(fact, LanguageChosen):  # perhaps by a thief: its owner may not read the new
            house = self._context.speaking(fact.before)
        what = factor_words.what(house.words, fact)
        if what is None:
            return
        denied = isinstance(fact, FactorRevoked) and fact.why == DENIED
        if denied:
            together = await denied_with(tx, recorded, account)
            if together.stopped or together.first != recorded.id:
                return
            what = factor_words.removed(house.words, together.factors)
        for point in await accounts.contact_points(tx, account):
            content = mails.changed(house, point.address, what, denied=denied)
            for only in await self.ways(tx):
                await self.mail(tx, house, content, only)

    async def on_class(self, tx: Tx, recorded: Recorded) -> None:
        """An operator, or whoever has got hold of their key, gave an account another class."""
        fact = recorded.fact
        if not isinstance(fact, ClassChanged):
            return
        house = await self._context.house_of(tx, fact.account)
        for point in await accounts.contact_points(tx, fact.account):
            content = mails.class_changed(house, point.address, fact.held_until)
            for only in await self.ways(tx):
                await self.mail(tx, house, content, only)

    async def on_erasure(self, tx: Tx, recorded: Recorded) -> None:
        """Somebody, at best the owner, had operators asked to erase the account."""
        fact = recorded.fact
        if not isinstance(fact, ErasureAsked):
            return
        house = await self._context.house_of(tx, fact.account)
        for point in await accounts.contact_points(tx, fact.account):
            content = mails.erasure_asked(house, point.address, fact.until)
            for only in await self.ways(tx):
                await self.mail(tx, house, content, only)

    async def on_reminder(self, tx: Tx, recorded: Recorded) -> None:
        """An account without a second factor is reminded, at its first address."""
        fact = recorded.fact
        if isinstance(fact, FactorReminderDue):
            house = await self._context.ours(tx, fact.account)
            for point in (await accounts.contact_points(tx, fact.account))[:1]:
                content = factor_words.reminder(house, point.address, fact)
                await self.mail(tx, house, content, ())

    async def ways(self, tx: Tx) -> tuple[tuple[str, ...], ...]:
        """Two independent routes where two stand: the party that a thief came through must not be
        the one that can keep the notice back."""
        context = self._context
        routes = await context.routes_now(tx, context.settings.notices)
        pair = policy.plan(routes, await context.standing(tx), context.independent, 0.0)
        return ((),) if pair is None else ((pair.link,), (pair.code,))

    async def mail(
        self,
        tx: Tx,
        house: mails.MailComposer,
        content: Content,
        only: tuple[str, ...],
        *,
        sealed: bool = False,
        alone: bool = False,
    ) -> str:
        """Hand a notice in; returns the message.

        Args:
            house: who wrote it.
            only: the provider that may carry it; empty: any.
            alone: no second one goes another way, though this one is bound to its provider.
        """
        context = self._context
        if only and not alone:
            content = house.twice(content)
        new = NewMessage(context.settings.notices, content, only=only, sealed=sealed)
        return await context.intake.accept(tx, context.intake.check(new))
