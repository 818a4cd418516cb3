"""Text of the notice to an owner: what happened to their account, what we did, what to do (pure).

In the owner's language, with no secret, and no link but to our own pages; to a user of an
application not even that, since they have no password here: it names the application, and where
that said its users begin. It says of a second factor only what is known.
"""

import enum

import msgspec

from mailkeep.accounts import language
from mailkeep.base.clock import Instant, iso
from mailkeep.mail.types import Content

from .owner_words import TEXTS

WORST = "completed"  #: of what may have happened: what makes everything else untrue


class Why(enum.StrEnum):
    """What we believe."""

    SUSPECT = "suspect"  #: somebody read mail at a provider
    ACCOUNT = "account"  #: somebody wants this account
    CAMPAIGN = "campaign"  #: somebody tries many accounts


class Guarded(enum.StrEnum):
    """What is known of an account's second factor."""

    BOUND = "bound"  #: it has one, which is kept here
    THERE = "there"  #: its application says that it keeps one
    NONE = "none"  #: it has none
    UNSAID = "unsaid"  #: nobody has told us


class Owner(msgspec.Struct, frozen=True):
    """Whom a notice is for.

    Attributes:
        locale: as the account has it (BCP 47); "": not known.
        application: the name of the one whose user it is; "": an account of ours.
        home: where users of that one begin; "": it has not said.
    """

    locale: str
    guarded: Guarded
    application: str = ""
    home: str = ""


class Happened(msgspec.Struct, frozen=True):
    """What a notice says. ``what``: a key of the outcomes in ``owner_words``."""

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
    words = TEXTS[language.of(owner.locale)]
    url, worst = sender.url.rstrip("/"), happened.what == WORST
    there = bool(owner.application)
    at = words.at.format(application=owner.application) if there else ""
    outcome = words.outcomes[happened.what]
    did = words.other_way if happened.why is Why.SUSPECT else words.two_ways
    todo = []
    if worst:
        outcome = words.handed_over.format(application=owner.application) if there else outcome
        if there:
            where = owner.home or owner.application
            todo.append(words.reset_there.format(where=where, application=owner.application))
        else:
            did = f"{did} {words.closed}"
            todo.append(words.reset.format(url=f"{url}/recover"))
        todo.append(words.elsewhere)
    else:
        todo.append(words.nothing)
    todo += _factor(owner, f"{url}/sign-in")
    start, end = _minute(happened.since), _minute(happened.until)
    return Content(
        sender=sender.address,
        sender_name=sender.name,
        to=to,
        subject=(words.subject_worst if worst else words.subject).format(at=at),
        text="\n\n".join(
            (
                words.hello,
                words.happened[happened.why.value].format(at=at),
                words.when.format(start=start, end=end),
                words.what.format(at=at, outcome=outcome),
                words.did.format(did=did),
                "\n".join((words.todo, *(f"- {one}" for one in todo))),
                words.never,
            )
        )
        + "\n",
    )


def _factor(owner: Owner, sign_in: str) -> list[str]:
    """The line about the second factor; none where we know of none that we could speak of."""
    words = TEXTS[language.of(owner.locale)]
    if owner.application:
        tell = {Guarded.BOUND: words.factor_here, Guarded.THERE: words.factor_there}
        found = tell.get(owner.guarded, "")
        return [found.format(application=owner.application)] if found else []
    # Whoever replaced the password may have added it, too.
    ours = {Guarded.BOUND: words.factor, Guarded.NONE: words.no_factor}
    found = ours.get(owner.guarded, "")
    return [found.format(url=sign_in)] if found else []


def _minute(at: Instant) -> str:
    return iso(at)[:16].replace("T", " ")
