"""What a provider's word may do, by how it stands."""

import itertools

from mailkeep.mail.believing import FULL, NONE, OF_RESTING, OF_SUSPECT, Word, word

WORDS = ("cut", "distrusted", "suspected", "rests")


def test_nothing_that_speaks_against_a_provider_adds_to_what_its_word_may_do() -> None:
    states = [
        dict(zip(WORDS, one, strict=True)) for one in itertools.product((False, True), repeat=4)
    ]
    for state in states:
        for name in WORDS:
            worse = word(**state | {name: True})
            assert all(now <= before for now, before in zip(worse, word(**state), strict=True))
        if any(state.values()):
            assert not word(**state).destroys


def test_who_was_left_moves_nothing_and_a_suspect_ends_nothing() -> None:
    none = dict.fromkeys(WORDS, False)
    assert word(**none) == FULL == Word(True, True, True)
    assert word(**none | {"cut": True}) == NONE == word(**none | {"distrusted": True})
    assert word(**none | {"suspected": True, "rests": True}) == OF_SUSPECT
    assert word(**none | {"rests": True}) == OF_RESTING
