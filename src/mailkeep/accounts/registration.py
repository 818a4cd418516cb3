"""Compares what an application says about one of its users with what is registered (pure).

Attack met here: a thief of the application's API key must not be able to weaken an account at once.
So a change is judged as a whole: no part of it takes effect before the owner could stop it, except
what opens nothing (the language of mails).
"""

import enum
import re
from collections.abc import Collection, Sequence

import msgspec

from mailkeep.base import addresses
from mailkeep.base.errors import Invalid

from .classes import Classes
from .types import MOST_ADDRESSES

LONGEST = 255  #: characters of a subject (OpenID Connect Core section 2, ``sub``)
_SUBJECT = re.compile(r"[!-.0-~]+")  # visible ASCII without the slash: it stands in a path
_LOCALE = re.compile(r"[A-Za-z]{2,8}(?:-[A-Za-z0-9]{1,8}){0,4}")  # BCP 47, as much as we need


class Factor(enum.StrEnum):
    """Who keeps a subject's second factor."""

    KEPT_HERE = "kept_here"  #: Mailkeep, which asks for it before it makes a verdict
    KEPT_THERE = "kept_there"  #: the application, which must ask for it before it acts on one
    NONE = "none"  #: nobody: there is none


class Registration(msgspec.Struct, frozen=True):
    """What stands of a subject, or is wanted. Personal: never in an event."""

    addresses: tuple[str, ...]
    account_class: str
    factor: Factor
    locale: str

    def __repr__(self) -> str:
        return "Registration(…)"


def subject(text: str) -> str:
    """A name that an application has for a user, as it may stand in a path and in a token.

    Raises:
        Invalid: empty, too long, or other than visible ASCII without a slash; a mail address:
            names stand in facts and tokens, which must name nobody.
    """
    if not 0 < len(text) <= LONGEST or not _SUBJECT.fullmatch(text) or text in {".", ".."}:
        raise Invalid(f"1 to {LONGEST} visible ASCII characters, no slash", field="subject")
    if addresses.is_plain(text):
        raise Invalid("an opaque name, such as a key of your table: no address", field="subject")
    return text


def check(
    given: Sequence[str],
    account_class: str,
    factor: str,
    locale: str,
    classes: Classes,
    *,
    field: str = "",
) -> Registration:
    """What an application registers, checked.

    Args:
        classes: of the house; of one that recovers by mail.
        field: path of it among the input, ``subjects[3].`` in a batch.

    Raises:
        Invalid: naming the field at fault.
    """
    if not 0 < len(given) <= MOST_ADDRESSES:
        raise Invalid(f"say 1 to {MOST_ADDRESSES} addresses", field=f"{field}addresses")
    kept: dict[str, str] = {}
    for place, one in enumerate(given):
        found = addresses.parse(one, field=f"{field}addresses[{place}]")
        kept.setdefault(addresses.key(found), found)
    if account_class not in classes or not classes.of(account_class).recovers_by_mail:
        raise Invalid("no class of accounts that recovers by mail", field=f"{field}class")
    if factor not in set(Factor):
        raise Invalid("say kept_here, kept_there or none", field=f"{field}factor")
    if locale and not _LOCALE.fullmatch(locale):
        raise Invalid("no language tag (BCP 47)", field=f"{field}locale")
    return Registration(tuple(kept.values()), account_class, Factor(factor), locale)


def only_language(stands: Registration, wanted: Registration) -> bool:
    """Whether what is wanted differs in nothing that opens or recovers an account."""
    return (
        _keys(stands.addresses) == _keys(wanted.addresses)
        and stands.account_class == wanted.account_class
        and stands.factor is wanted.factor
    )


def _keys(found: Collection[str]) -> set[str]:
    return {addresses.key(one) for one in found}
