"""What must not be guessed."""

import math

import pytest

from mailkeep.base import tokens


@pytest.mark.check("ASVS 11.5.1", "63B 5.1")
def test_what_a_link_or_a_session_carries_has_128_bits_or_more() -> None:
    found = {tokens.link_secret() for _ in range(500)}
    assert len(found) == 500
    assert {len(one) for one in found} == {tokens.LINK_LENGTH}
    assert set("".join(found)) == set(tokens.ALPHABET)
    assert tokens.LINK_LENGTH * math.log2(len(tokens.ALPHABET)) >= 128


@pytest.mark.check("63B 4.2.1.2")
def test_a_code_to_type_has_more_than_six_digits() -> None:
    code = tokens.code()
    assert len(code) == tokens.CODE_LENGTH == 8
    assert len(tokens.ALPHABET) > 10
