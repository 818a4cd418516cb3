"""What a provider's word about our mail may do, by how the provider stands (pure): one rule, for
whoever hears one (decision 56).

Security: a provider in an attacker's hands says what it likes, and what it says first is that all
arrived. Here is all that it gains by that.
"""

from typing import NamedTuple


class Word(NamedTuple):
    """What a word that a mail arrived, or bounced, or that it was not sent to a copy, may do.

    Attributes:
        moves: it moves a mail that the provider has; False: it is kept on record, and no more.
        ends: it ends the way of a mail that waits for another provider, since its answer was lost.
        destroys: it destroys our copy of a mail whose stream believes its provider.
    """

    moves: bool
    ends: bool
    destroys: bool


FULL = Word(moves=True, ends=True, destroys=True)  #: of one that nothing speaks against
#: Of one that rests, for silence or for a move: who says that a mail arrived says something.
OF_RESTING = Word(moves=True, ends=True, destroys=False)
#: Of one under suspicion. A cut takes back what it moves; what waits goes to another all the same.
OF_SUSPECT = Word(moves=True, ends=False, destroys=False)
NONE = Word(moves=False, ends=False, destroys=False)  #: of one that was cut off, or is distrusted


def word(*, cut: bool, distrusted: bool, suspected: bool, rests: bool) -> Word:
    """What a provider's word may do now."""
    if cut or distrusted:
        return NONE
    if suspected:
        return OF_SUSPECT
    return OF_RESTING if rests else FULL
