"""Which passwords are taken, and when a code matches."""

import pyotp
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailkeep.accounts.policy import check_password
from mailkeep.accounts.totp import STEP, matching_step
from mailkeep.base.clock import SECOND
from mailkeep.base.errors import Invalid

SECRET = pyotp.random_base32(32)


@pytest.mark.parametrize(
    ("password", "has_factor"),
    [("violet-harbour-undoes", False), ("kV9#tq2!", True), ("żółw gęślą jaźń czyta", False)],
)
def test_good_passwords_are_taken(password: str, has_factor: bool) -> None:
    assert check_password(password, has_factor=has_factor) == password


@pytest.mark.parametrize(
    ("password", "has_factor", "words"),
    [
        ("kV9#tq2!", False, "at least 15"),
        ("kV9#tq2", True, "at least 8"),
        ("x" * 257, False, "at most 256"),
        ("passwordpassword", False, "guessed first"),
        ("aaaaaaaaaaaaaaaaaaaa", False, "guessed first"),
        ("password1", True, "guessed first"),
        ("ada.lovelace@example.net", False, "guessed first"),
    ],
)
def test_bad_passwords_are_refused(password: str, has_factor: bool, words: str) -> None:
    with pytest.raises(Invalid, match=words) as error:
        check_password(password, has_factor=has_factor, about=("ada.lovelace@example.net",))
    assert error.value.field == "password"
    assert password not in str(error.value)


def test_two_spellings_of_one_letter_are_one_password() -> None:
    composed, split = "caf\u00e9 violet harbour", "cafe\u0301 violet harbour"
    assert check_password(split, has_factor=False) == composed


@given(st.integers(10, 10**8), st.integers(-3, 3))
def test_a_code_counts_near_its_time_and_once(step: int, away: int) -> None:
    code = pyotp.TOTP(SECRET).generate_otp(step + away)
    now = step * STEP + 7 * SECOND
    found = matching_step(SECRET, code, now, last_step=0)
    if abs(away) <= 1:
        assert found is not None
        assert matching_step(SECRET, code, now, last_step=step + 1) is None
    elif found is not None:  # another step may have the same six digits
        assert pyotp.TOTP(SECRET).generate_otp(found) == code


def test_a_code_may_be_typed_in_groups_and_nothing_matches_nothing() -> None:
    code = pyotp.TOTP(SECRET).generate_otp(100)
    assert matching_step(SECRET, f" {code[:3]} {code[3:]}", 100 * STEP, 0) == 100
    assert matching_step(SECRET, "", 100 * STEP, 0) is None
