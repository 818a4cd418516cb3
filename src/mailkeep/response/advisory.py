"""The phishing advisory to exposed addresses, in the owner's language (pure).

It names no provider, has no link and asks for nothing: whoever copies it gains nothing by it.
"""

from mailkeep.accounts.wording import Words
from mailkeep.mail.types import Content


def write(sender: str, sender_name: str, address: str, words: Words) -> Content:
    """The mail, in the language of the words."""
    return Content(
        sender=sender,
        sender_name=sender_name,
        to=address,
        subject=words.say("advisory.subject"),
        text=words.say("advisory.text") + "\n",
        headers=(("Content-Language", words.tag),),
    )
