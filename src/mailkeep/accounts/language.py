"""The language in which an owner of an account of ours is written to.

It is what their browser asked for when they signed up, or what they chose on their page; an
application says it of its own users (``registration``). It opens nothing, so it is changed by
whoever is signed in, and nobody is told.
"""

from sqlalchemy import select, update

from mailkeep.base.errors import Invalid
from mailkeep.store.database import Tx

from . import tables

#: The languages that mail is written in (BCP 47), as whoever speaks them calls them.
WRITTEN = {"en": "English", "de": "Deutsch", "fr": "Français", "es": "Español"}
OTHERWISE = "en"  #: for whoever's language is not known, or not written here
_LOOKED_AT = 200  #: characters of a header

_a = tables.accounts


def of(locale: str) -> str:
    """The language that mail to somebody is written in (pure).

    Args:
        locale: as the account has it (BCP 47); "": not known.
    """
    tag = locale.replace("_", "-").partition("-")[0].lower()
    return tag if tag in WRITTEN else OTHERWISE


def preferred(accepted: str) -> str:
    """What a browser likes best of what is written here (pure); "": nothing of it.

    Args:
        accepted: its ``Accept-Language`` (RFC 9110 section 12.5.4); anybody may have written it.
    """
    found: list[tuple[float, str]] = []
    for part in accepted[:_LOOKED_AT].split(","):
        tag, _, given = part.partition(";")
        language = tag.strip().partition("-")[0].lower()
        weight = _weight(given)
        if language in WRITTEN and weight > 0:
            found.append((weight, language))
    return max(found, key=lambda one: one[0])[1] if found else ""


def _weight(given: str) -> float:
    name, _, value = given.strip().partition("=")
    if name.strip().lower() != "q":
        return 1.0
    digits = value.strip()
    # ``float`` would read more than the header may say: nan, inf, 1e9.
    plain = digits.isascii() and digits.replace(".", "", 1).isdigit()
    return min(1.0, float(digits)) if plain else 0.0


async def locale(tx: Tx, account: str) -> str:
    """As the account has it; "": not known."""
    found = await tx.value(select(_a.c.locale).where(_a.c.id == account))
    return str(found or "")


async def choose(tx: Tx, account: str, language: str) -> None:
    """Write to the owner of an account of ours in a language from now on.

    Raises:
        Invalid: nothing is written in it.
    """
    if language not in WRITTEN:
        raise Invalid(f"choose one of {', '.join(WRITTEN.values())}", field="language")
    ours = (_a.c.id == account, _a.c.application == "", _a.c.erased_at.is_(None))
    await tx.run(update(_a).where(*ours).values(locale=language))
