"""Which passwords are taken (pure).

NIST SP 800-63B-4 section 3.1.1.2: 15 characters where the password is the only factor, 8 where
there is a second one, at least 64 allowed, no composition rules, a block list of what is guessed.
"""

import unicodedata
from collections.abc import Callable, Sequence
from importlib import import_module

from mailkeep.base.errors import Invalid

ALONE = 15  #: characters, for a password that stands alone
WITH_FACTOR = 8  #: characters, beside a second factor
LONGEST = 256
_LOOKED_AT = 64  #: characters that are examined for guessability: the cost grows with the square
#: Imported by name because it comes without types.
_judge: Callable[..., dict[str, float]] = import_module("zxcvbn").zxcvbn
_GUESSABLE = 10**8  #: fewer guesses than this are within reach of an online attack


def normalise(password: str) -> str:
    """One form for what different keyboards send (Unicode Normalization Form C)."""
    return unicodedata.normalize("NFC", password)


def check_password(password: str, *, has_factor: bool, about: Sequence[str] = ()) -> str:
    """The password in normal form, when it may be used.

    Args:
        has_factor: a second factor is bound to the account.
        about: words that a guesser knows, such as the owner's address.

    Raises:
        Invalid: too short, too long, or among what is guessed first.
    """
    password = normalise(password)
    least = WITH_FACTOR if has_factor else ALONE
    if len(password) < least:
        raise Invalid(f"a password has at least {least} characters here", field="password")
    if len(password) > LONGEST:
        raise Invalid(f"a password has at most {LONGEST} characters", field="password")
    words = [part for word in about for part in (word, *word.lower().split("@"))]
    if _judge(password[:_LOOKED_AT], user_inputs=words)["guesses"] < _GUESSABLE:
        raise Invalid("this password is among those that are guessed first", field="password")
    return password
