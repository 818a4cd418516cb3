"""Text of the notice to an owner: what happened to their account, what we did, what to do (pure).

In the owner's language (``accounts/words``), with no secret, and no link but to our own pages; to a
user of an application not even that, since they have no password here: it names the application,
and where that said its users begin. It says of a second factor only what is known.
"""

import enum

import msgspec

from mailkeep.accounts.wording import Words
from mailkeep.base.clock import Instant
from mailkeep.mail.types import Content

WORST = "completed"  #: of what may have happened: what makes everything else untrue


class Why(enum.StrEnum):
    """What we believe."""

    SUSPECT = "suspect"  #: somebody read mail at a provider
    ACCOUNT = "account"  #: somebody wants this account
    CAMPAIGN = "campaign"  #: somebody tries many accounts


_HAPPENED = {
    Why.SUSPECT: "notice.suspect",
    Why.ACCOUNT: "notice.account",
    Why.CAMPAIGN: "notice.campaign",
}
_OUTCOMES = {
    WORST: "notice.completed",
    "stopped_by_factor": "notice.stopped_by_factor",
    "half_proven": "notice.half_proven",
    "requested": "notice.requested",
}
OUTCOMES = tuple(_OUTCOMES)  #: what may have happened to an account, the worst first


class Guarded(enum.StrEnum):
    """What is known of an account's second factor."""

    BOUND = "bound"  #: it has one, which is kept here
    THERE = "there"  #: its application says that it keeps one
    NONE = "none"  #: it has none
    UNSAID = "unsaid"  #: nobody has told us


class Owner(msgspec.Struct, frozen=True):
    """Whom a notice is for.

    Attributes:
        words: of their language.
        application: the name of the one whose user it is; "": an account of ours.
        home: where users of that one begin; "": it has not said.
    """

    words: Words
    guarded: Guarded
    application: str = ""
    home: str = ""


class Happened(msgspec.Struct, frozen=True):
    """What a notice says. ``what``: one of ``OUTCOMES``."""

    what: str
    why: Why
    since: Instant
    until: Instant


class Sender(msgspec.Struct, frozen=True):
    """Who writes, and where our pages are."""

    address: str
    name: str
    url: str


def write(sender: Sender, to: str, owner: Owner, happened: Happened) -> Content:
    """The mail."""
    words, say = owner.words, owner.words.say
    url, worst = sender.url.rstrip("/"), happened.what == WORST
    application = owner.application
    at = say("mail.at", application=application) if application else ""
    outcome = say(_OUTCOMES[happened.what])
    did = say("notice.other_way") if happened.why is Why.SUSPECT else say("notice.two_ways")
    todo = []
    if worst:
        if application:
            outcome = say("notice.handed_over", application=application)
            where = owner.home or application
            todo.append(say("notice.reset_there", where=where, application=application))
        else:
            did = f"{did} {say('notice.closed')}"
            todo.append(say("notice.reset", url=f"{url}/recover"))
        todo.append(say("notice.elsewhere"))
    else:
        todo.append(say("notice.nothing"))
    todo += _factor(owner, f"{url}/sign-in")
    start, end = words.time(happened.since), words.time(happened.until)
    subject = say("notice.subject_worst", at=at) if worst else say("notice.subject", at=at)
    return Content(
        sender=sender.address,
        sender_name=sender.name,
        to=to,
        subject=subject,
        text="\n\n".join(
            (
                say("notice.hello"),
                say(_HAPPENED[happened.why], at=at),
                say("notice.when", start=start, end=end),
                say("notice.what", at=at, outcome=outcome),
                say("notice.did", did=did),
                "\n".join((say("notice.todo"), *(f"- {one}" for one in todo))),
                say("notice.never"),
            )
        )
        + "\n",
        headers=(("Content-Language", words.tag),),
    )


def _factor(owner: Owner, sign_in: str) -> list[str]:
    """The line about the second factor; none where we know of none that we could speak of."""
    say, application = owner.words.say, owner.application
    match owner.guarded, bool(application):
        case Guarded.BOUND, True:
            return [say("notice.factor_here", application=application)]
        case Guarded.THERE, True:
            return [say("notice.factor_there", application=application)]
        case Guarded.BOUND, False:
            # Whoever replaced the password may have added it, too.
            return [say("notice.factor")]
        case Guarded.NONE, False:
            return [say("notice.no_factor", url=sign_in)]
        case _:
            return []
