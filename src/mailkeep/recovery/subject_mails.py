"""Mails about changes that an application makes to how its users are recovered (pure); their texts
are in ``accounts/words``."""

from mailkeep.accounts import subject_views
from mailkeep.accounts.events import SubjectChangeHeld
from mailkeep.accounts.subject_answers import OWNER
from mailkeep.accounts.wording import Words
from mailkeep.mail.types import Content

from .mails import MailComposer

#: What a change is about, as its fact has it, and the text for it.
_ABOUT = {
    subject_views.ADDRESSES: "subject.addresses",
    subject_views.FACTOR: "subject.factor",
    subject_views.CLASS: "subject.class",
    subject_views.FORGET: "subject.forget",
}


def held(house: MailComposer, to: str, change: SubjectChangeHeld, secret: str) -> Content:
    """The notice that an application wants changed what would recover an account there.

    Args:
        change: is good at its ``due``, or lapses then while nobody agreed.
        secret: stops it; shown out of two mails over two routes it agrees.
    """
    say, application = house.words.say, house.application
    until, page = house.words.time(change.due), house.page("/change", secret)
    what = _what(house.words, change.what)
    wants = say("subject.wants", application=application, at=house.at, what=what)
    if not change.agreed:
        return house.write(
            to,
            say("subject.ask_subject", at=house.at),
            [
                f"{wants} {say('subject.nothing')}",
                say("subject.mine", page=page, application=application, until=until),
                say("subject.deny"),
            ],
        )
    by = say("subject.they_agreed", application=application, until=until)
    if change.agreed == OWNER:
        by = say("subject.you_agreed", until=until)
    return house.write(
        to,
        say("subject.agreed_subject", at=house.at),
        [f"{wants} {by}", say("subject.stop", page=page)],
    )


def reworded(house: MailComposer, to: str, language: str) -> Content:
    """The notice that an application had mail to its user written in another language.

    Args:
        house: writes in the one from before.
        language: as whoever speaks the new one calls it.
    """
    say, application = house.words.say, house.application
    what = say("subject.language", application=application, at=house.at, language=language)
    lines = [what, say("mail.mine"), say("subject.tell", application=application)]
    return house.write(to, say("subject.language_subject", at=house.at), lines)


def _what(words: Words, about: str) -> str:
    """What a change is about; a fact of another version may say more than is known here."""
    said = ""
    for one in about.split(subject_views.AND):
        text = words.say(_ABOUT[one]) if one in _ABOUT else one
        said = words.say("mail.and", one=said, other=text) if said else text
    return said
