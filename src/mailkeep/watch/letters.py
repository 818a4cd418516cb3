"""Writes the content of a canary (pure but for the randomness that is passed in).

It must be hard to tell from our other mail: whoever can tell, spares the canaries. So the recipient
has a name, the text is that of an ordinary alert with a link to our own pages, and the secret by
which we recognise it stands where our other mails carry theirs.
"""

from random import Random

from mailkeep.base.tokens import grouped
from mailkeep.mail.types import Content

_FIRST = (
    *("ada", "ben", "carla", "daniel", "elena", "felix", "grace", "hannah", "ivan", "julia"),
    *("karim", "laura", "marco", "nina", "oscar", "paula", "quentin", "rosa", "samuel", "tara"),
    *("umut", "vera", "walter", "yara", "zoe", "anna", "bruno", "clara", "david", "emma"),
)
_LAST = (
    *("adler", "baker", "costa", "dietrich", "evans", "fischer", "garcia", "hansen", "ito"),
    *("jansen", "keller", "lopez", "moreau", "novak", "okafor", "peters", "quinn", "rossi"),
    *("schmidt", "tanaka", "usman", "varga", "weber", "young", "zimmer", "becker", "chen"),
)
_TOLD = (
    ("New sign-in to your account", "Your account was signed in to from a new device."),
    ("Your settings were changed", "The settings of your account were changed."),
    ("A new device was added", "A new device was added to your account."),
    ("Your export is ready", "The export that you asked for is ready on your account page."),
    ("Your summary of this week", "The summary of your account for this week is ready."),
)


def local_part(chance: Random) -> str:
    """A local part as people choose theirs."""
    first, last = chance.choice(_FIRST), chance.choice(_LAST)
    number = chance.randrange(10, 1000)
    return chance.choice(
        (
            f"{first}.{last}{number}",
            f"{first}{last}{number}",
            f"{first[0]}.{last}{number}",
            f"{last}.{first}{number}",
        )
    )


def compose(sender: str, to: str, url: str, secret: str, chance: Random) -> Content:
    """An ordinary alert.

    Args:
        url: our own pages.
        secret: goes into the link's fragment, and into the text for providers that rewrite links.
    """
    subject, told = chance.choice(_TOLD)
    name = to.partition("@")[0].partition(".")[0].rstrip("0123456789").capitalize()
    link, reference = f"{url}/account#{secret}", grouped(secret)
    text = (
        f"Hello {name},\n\n{told}\n\nSee it on your account page:\n{link}\n\n"
        f"Reference: {reference}\n"
    )
    html = (
        f"<p>Hello {name},</p><p>{told}</p>"
        f'<p><a href="{link}">See it on your account page</a></p>'
        f"<p>Reference: {reference}</p>"
    )
    return Content(sender=sender, to=to, subject=subject, text=text, html=html)
