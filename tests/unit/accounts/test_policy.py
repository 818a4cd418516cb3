"""Which passwords are taken, and when a code matches."""

import contextlib
import importlib

import pyotp
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailkeep.accounts.factors.totp import STEP, matching_step
from mailkeep.accounts.policy import check_password
from mailkeep.base.clock import SECOND
from mailkeep.base.errors import Invalid

SECRET = pyotp.random_base32(32)


@pytest.mark.check("63B 3.1.1.2")
@pytest.mark.parametrize(
    ("password", "has_factor"),
    [("violet-harbour-undoes", False), ("kV9#tq2!", True), ("żółw gęślą jaźń czyta", False)],
)
def test_good_passwords_are_taken(password: str, has_factor: bool) -> None:
    assert check_password(password, has_factor=has_factor) == password


@pytest.mark.check("63B 3.1.1.2")
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
        ("p4$$w0rdp4$$w0rd", False, "guessed first"),
        ("4dm1n1$+r@70r", True, "guessed first"),
        ("19911991199119911991", False, "guessed first"),
    ],
)
def test_bad_passwords_are_refused(password: str, has_factor: bool, words: str) -> None:
    with pytest.raises(Invalid, match=words) as error:
        check_password(password, has_factor=has_factor, about=("ada.lovelace@example.net",))
    assert error.value.field == "password"
    assert password not in str(error.value)


#: Every sign that can stand for a letter: the judge would try hundreds of readings.
SIGNS = "4@8({[<369&#!1/|0$5+7%2"


@pytest.mark.parametrize(
    "password",
    [(SIGNS * 12)[:256], (SIGNS + "p4ssw0rd" * 30)[:256], "1|7({[<!" * 32, "e\u0301" * 256],
)
def test_no_password_takes_long_to_be_judged(
    password: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The work is counted, not timed: what the judge is given bounds how long it takes."""
    matching = importlib.import_module("zxcvbn.matching")
    readings, longest = 0, 0
    lookup = matching.dictionary_match

    def counted(text: str, *args: object, **kwargs: object) -> object:
        nonlocal readings, longest
        readings, longest = readings + 1, max(longest, len(text))
        return lookup(text, *args, **kwargs)

    monkeypatch.setattr(matching, "dictionary_match", counted)
    with contextlib.suppress(Invalid):
        check_password(password, has_factor=False, about=("ada@example.net",))
    assert 0 < readings <= 60
    assert longest <= 32


def test_a_long_run_of_accents_is_refused_before_it_is_put_in_order() -> None:
    with pytest.raises(Invalid, match="at most 256"):
        check_password("a" + "\u0301\u0316" * 100_000, has_factor=False)


def test_an_address_that_is_longer_than_what_is_judged_is_known_to_a_guesser() -> None:
    local = "verylonglocalpartofanaddress.of.somebody"
    with pytest.raises(Invalid, match="guessed first"):
        check_password(local, has_factor=False, about=(f"{local}@example.net",))


def test_two_spellings_of_one_letter_are_one_password() -> None:
    composed, split = "caf\u00e9 violet harbour", "cafe\u0301 violet harbour"
    assert check_password(split, has_factor=False) == composed


@pytest.mark.check("ASVS 6.5.5", "ASVS 6.5.1")
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
