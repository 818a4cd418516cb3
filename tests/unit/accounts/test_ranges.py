"""Lists of breached passwords: found by seek, in both layouts."""

import hashlib
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mailkeep.accounts.hashing import SlowHash
from mailkeep.accounts.ranges import Ranges
from mailkeep.base.errors import BadSettings, Invalid
from mailkeep.base.keys import KeyRing


def digest(password: str) -> str:
    return hashlib.sha1(password.encode()).hexdigest().upper()


def whole(path: Path, passwords: set[str], end: str = "\r\n") -> Ranges:
    lines = [f"{one}:{number}" for number, one in enumerate(sorted(map(digest, passwords)), 1)]
    path.write_bytes((end.join(lines) + end).encode())
    return Ranges(path)


def parts(path: Path, passwords: set[str], suffix: str = "") -> Ranges:
    path.mkdir()
    for one in sorted(map(digest, passwords)):
        with (path / f"{one[:5]}{suffix}").open("a") as file:
            file.write(f"{one[5:]}:3\r\n")
    return Ranges(path)


@pytest.mark.check("ASVS 6.2.12")
@settings(max_examples=40, deadline=None)
@given(st.sets(st.text("abc", min_size=1, max_size=4), min_size=1, max_size=60), st.booleans())
def test_each_is_found_and_no_other(
    tmp_path_factory: pytest.TempPathFactory, passwords: set[str], crlf: bool
) -> None:
    path = tmp_path_factory.mktemp("ranges") / "list"
    found = whole(path, passwords, "\r\n" if crlf else "\n")
    assert all(found.has(one) for one in passwords)
    others = {"d", "dd", "", "z" * 300, *(one + "x" for one in passwords)} - passwords
    assert not any(found.has(one) for one in others)


@pytest.mark.parametrize("suffix", ["", ".txt"])
def test_a_directory_of_ranges(tmp_path: Path, suffix: str) -> None:
    passwords = {f"password{number}" for number in range(200)}
    found = parts(tmp_path / "ranges", passwords, suffix)
    assert all(found.has(one) for one in passwords)
    assert not any(found.has(f"passwort{number}") for number in range(200))


def test_what_is_no_list_is_refused_at_the_start(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "words").write_text("password\n123456\n")
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "readme").write_text("A" * 35 + ":1\n")
    for name in ("none", "empty", "words", "other"):
        with pytest.raises(BadSettings):
            Ranges(tmp_path / name)


@pytest.mark.check("ASVS 6.2.12")
async def test_a_breached_password_is_not_taken(tmp_path: Path) -> None:
    phrase = "violet-harbour-undoes-kettles"
    listed = whole(tmp_path / "list", {phrase, "another-one"})
    slow = SlowHash(KeyRing(tmp_path), memory_kib=64, passes=1, breached=listed)
    with pytest.raises(Invalid, match="in others' hands"):
        await slow.judge(phrase, has_factor=False, of="n")
    assert await slow.judge(phrase + "!", has_factor=False, of="n")
    slow.close()
