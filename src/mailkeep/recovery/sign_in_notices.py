"""Notifies owners of sign-ins, as the class of their account demands.

Attack met here: whoever knows the password signs in again and again to bury the notices that matter
(their number in a day is limited).
"""

from mailkeep.accounts import queries as accounts
from mailkeep.accounts import throttle
from mailkeep.accounts.classes import NoticePolicy
from mailkeep.accounts.events import SignedInFact
from mailkeep.base.clock import DAY, Instant
from mailkeep.base.errors import NotFound
from mailkeep.events.types import Recorded
from mailkeep.mail.types import Content
from mailkeep.store.database import Tx

from .context import Context
from .mails import MailComposer
from .notices import Notices

MOST = 10  #: notices of sign-ins of one account in a day


class SignInNotices:
    """Writes notices of sign-ins into the outbox.

    Args:
        context: the services of the room.
        notices: know the ways.
    """

    def __init__(self, context: Context, notices: Notices) -> None:
        self._context = context
        self._notices = notices

    async def on_signed_in(self, tx: Tx, recorded: Recorded) -> None:
        """Tell every address (ASVS 6.3.5), once; the first sign-in of an account is no news."""
        fact, context = recorded.fact, self._context
        if not isinstance(fact, SignedInFact):
            return
        try:
            view = await accounts.account(tx, fact.account)
        except NotFound:
            return
        policy = context.accounts.classes.of(view.account_class).notices
        if policy is NoticePolicy.CHANGES:
            return
        if policy is NoticePolicy.NEW_BROWSERS and fact.known_browser:
            return
        if not await accounts.signed_in_before(tx, fact.account, fact.session):
            return
        if not await throttle.take(tx, fact.account, "sign-in notice", limit=MOST, window=DAY):
            return
        house = await context.ours(tx, fact.account)
        for point in await accounts.contact_points(tx, fact.account):
            content = told(house, point.address, recorded.at, known=fact.known_browser)
            await self._notices.mail(tx, house, content, ())


def told(house: MailComposer, to: str, at: Instant, *, known: bool) -> Content:
    """The notice of a sign-in (pure)."""
    say, time = house.words.say, house.words.time(at)
    what = say("signed_in.known", time=time) if known else say("signed_in.new", time=time)
    deny = say("signed_in.deny", url=house.page("/recover"))
    return house.write(to, say("signed_in.subject"), [what, say("mail.mine"), deny])
