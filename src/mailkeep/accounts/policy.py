"""Password policy: which passwords are accepted (pure).

NIST SP 800-63B-4 section 3.1.1.2: at least 15 characters where the password is the only factor, 8
where there is a second one, at least 64 allowed, no composition rules, and a block list of commonly
guessed ones.

Security: judging a crafted password can take a second or more, and anyone may send one, so the
length, and the number of characters that can stand for letters, are bounded first.
"""

import unicodedata
from collections.abc import Callable, Sequence
from functools import cache
from importlib import import_module

from mailkeep.base.errors import Invalid

ALONE = 15  #: characters, for a password that stands alone
WITH_FACTOR = 8  #: characters, beside a second factor
LONGEST = 256
#: Characters that are judged: the cost grows with the square, and what begins with so many that
#: are hard to guess is hard to guess.
_LOOKED_AT = 32
_GUESSABLE = 10**8  #: fewer guesses than this are within reach of an online attack

#: Signs that stand for letters, as the judge reads them; it tries every combination of readings.
_SIGNS = str.maketrans("4@8({[<3691!|0$5+7%2", "aabcccceggiiiossttxz")
_MOST_SIGNS = 6  #: different ones in a password of a person; more are read as letters beforehand


def normalise(password: str) -> str:
    """One form for what different keyboards send (Unicode Normalization Form C)."""
    return unicodedata.normalize("NFC", password)


def check_password(password: str, *, has_factor: bool, about: Sequence[str] = ()) -> str:
    """The password in normal form, when it may be used. For one thread at a time.

    Args:
        has_factor: a second factor is bound to the account.
        about: words that a guesser knows, such as the owner's address.

    Raises:
        Invalid: too short, too long, or among what is guessed first.
    """
    # Four code points become one at most, and a megabyte of accents takes long to be put in order.
    if len(password) <= 4 * LONGEST:
        password = normalise(password)
    least = WITH_FACTOR if has_factor else ALONE
    if len(password) < least:
        raise Invalid(f"a password has at least {least} characters here", field="password")
    if len(password) > LONGEST:
        raise Invalid(f"a password has at most {LONGEST} characters", field="password")
    words = [part[:_LOOKED_AT] for word in about for part in (word, *word.lower().split("@"))]
    for form in _forms(password[:_LOOKED_AT]):
        if _judge()(form, user_inputs=words)["guesses"] < _GUESSABLE:
            raise Invalid("this password is among those that are guessed first", field="password")
    return password


@cache
def _judge() -> Callable[..., dict[str, float]]:
    """Imported by its name because it comes without types, and when it is first asked because it
    reads its lists then. Not safe to run in two threads: what a guesser knows of one owner is kept
    in a table that all calls share."""
    judge: Callable[..., dict[str, float]] = import_module("zxcvbn").zxcvbn
    return judge


def _forms(password: str) -> tuple[str, ...]:
    """What to judge: the password itself, and where it holds more signs than people use, once
    with all of them read as letters and once with those beyond the first few."""
    signs = list(dict.fromkeys(one for one in password if ord(one) in _SIGNS))
    if len(signs) <= _MOST_SIGNS:
        return (password,)
    surplus = {ord(one): _SIGNS[ord(one)] for one in signs[_MOST_SIGNS:]}
    return (password.translate(_SIGNS), password.translate(surplus))
