"""Addresses, tokens, keys and clocks."""

import errno
from pathlib import Path

import idna
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailkeep.base import addresses, tokens
from mailkeep.base.clock import HOUR, SECOND, ManualClock, SystemClock, iso
from mailkeep.base.errors import Invalid, Unavailable
from mailkeep.base.ids import earliest, new_id
from mailkeep.base.keys import KeyRing, Unsealable
from mailkeep.base.secret import Secret


def test_a_domain_in_another_script_is_itself_and_no_neighbour() -> None:
    """IDNA 2003 read straße.de as strasse.de, which belongs to somebody else."""
    assert addresses.parse("ada@straße.de") == "ada@xn--strae-oqa.de"
    assert addresses.parse("ada@EXAMPLE.net") == "ada@example.net"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "ada",
        "@example.net",
        "ada@",
        "a..b@example.net",
        ".a@example.net",
        '"quoted"@example.net',
        "ada@[127.0.0.1]",
        "ada@example.net,eve@example.net",
        "ada@example.net\nBcc: eve@example.net",
        "ada@example.net\0",
        "jürgen@example.net",
        "\ud800@example.net",
        "a" * 65 + "@example.net",
        "ada@" + "a" * 64 + ".net",
        "ada.@example.net",
        "ada@1.2.3.4",
        "ada@127",
        "ada@-example.net",
        "ada@example..net",
        "ada@" + "ü" * 60 + ".net",
        "ada@" + ".".join(["ü" * 20] * 10),
    ],
)
def test_what_is_no_address(text: str) -> None:
    with pytest.raises(Invalid):
        addresses.parse(text)


@pytest.mark.parametrize(
    "email",
    ["a@b", "a.b+c@sub.example.com", "o'neil@example.com", "a_b@xn--bcher-kva.example"],
)
def test_plain_addresses(email: str) -> None:
    assert addresses.is_plain(email)
    assert addresses.parse(email) == email


@given(st.from_regex(r"[a-z.ü0-9]{1,8}@[-a-z.ü0-9_]{1,12}", fullmatch=True))
def test_what_is_taken_in_can_be_sent(text: str) -> None:
    """One rule for both ends: an account must not wait for mail that no provider takes."""
    try:
        found = addresses.parse(text)
    except Invalid:
        return
    assert addresses.is_plain(found)


@given(st.text(max_size=300))
def test_parsing_raises_nothing_else(text: str) -> None:
    try:
        found = addresses.parse(text)
    except Invalid:
        return
    assert found.isascii()
    assert found.count("@") == 1
    assert not set(found) & set("\r\n\0, ")


def test_codes_survive_how_people_type() -> None:
    code = tokens.code()
    typed = f" {tokens.grouped(code).lower().replace('0', 'o').replace('1', 'l')} "
    assert tokens.fold(typed) == code
    assert len(tokens.link_secret()) * 5 >= 128  # ASVS 11.5.1


def test_a_secret_never_shows() -> None:
    secret = Secret("hunter2")
    assert "hunter2" not in f"{secret} {secret!r} {[secret]}"
    assert secret.matches("hunter2")
    assert not secret.matches("hunter3")


def test_keys_are_the_same_for_who_comes_second_and_private(tmp_path: Path) -> None:
    first, second = KeyRing(tmp_path), KeyRing(tmp_path)
    assert first.pseudonym("address", "ada") == second.pseudonym("address", "ada")
    assert first.pseudonym("address", "ada") != first.pseudonym("network", "ada")
    assert second.unseal("totp", first.seal("totp", b"seed")) == b"seed"
    for path in (tmp_path / "keys").rglob("*.key"):
        assert path.stat().st_mode & 0o077 == 0


def test_what_is_sealed_opens_only_whole_and_for_its_purpose(tmp_path: Path) -> None:
    keys = KeyRing(tmp_path)
    sealed = keys.seal("totp", b"seed")
    for wrong in (sealed[:-1], b"", bytes([sealed[0] ^ 1]) + sealed[1:]):
        with pytest.raises(Unsealable):
            keys.unseal("totp", wrong)
    with pytest.raises(Unsealable):
        keys.unseal("body", sealed)


def test_a_destroyed_hour_is_gone_for_every_process(tmp_path: Path) -> None:
    keys, other = KeyRing(tmp_path), KeyRing(tmp_path)
    hour, sealed = keys.seal_until(7 * HOUR + 5, "body", b"code")
    assert other.unseal_hour(hour, "body", sealed) == b"code"
    assert keys.destroy_expired(8 * HOUR - 1) == []
    assert keys.destroy_expired(8 * HOUR) == [7]
    assert other.destroy_expired(8 * HOUR) == []
    for ring in (KeyRing(tmp_path), other):  # the other one had it in memory
        with pytest.raises(Unsealable):
            ring.unseal_hour(hour, "body", sealed)


class Machine:
    """A machine's two clocks."""

    def __init__(self) -> None:
        self.wall, self.steady = 1_000_000 * SECOND, 77 * SECOND
        self.clock = SystemClock(lambda: self.wall * 1000, lambda: self.steady * 1000)

    def at(self, seconds: float, *, off: float = 0.0) -> float:
        """What it says, in seconds, after some, while the wall's is off."""
        passed = round(seconds * SECOND)
        self.wall, self.steady = self.wall + passed, self.steady + passed
        self.wall += round(off * SECOND)
        said = self.clock.now()
        self.wall -= round(off * SECOND)
        return said / SECOND - 1_000_000


def test_a_clock_that_was_set_back_goes_on_slowly_until_it_is_right() -> None:
    machine = Machine()
    assert machine.at(10) == 10
    assert machine.at(4, off=-8) == 12
    assert [machine.at(2, off=-8) for _ in range(6)] == [13, 14, 15, 16, 16, 18]


def test_one_wrong_reading_moves_nothing() -> None:
    """Else what waited would have expired, and a day would pass before anything is tried again."""
    machine = Machine()
    assert machine.at(1) == 1
    assert machine.at(1, off=86_400) == 2
    assert machine.at(3, off=86_400) == 5
    assert [machine.at(1), machine.at(1)] == [6, 7]


def test_a_clock_that_was_set_right_is_believed_after_a_while() -> None:
    machine = Machine()
    assert machine.at(1, off=7200) == 1
    assert machine.at(4, off=7200) == 5
    assert machine.at(1, off=7200) == 7206
    assert machine.at(59, off=7259) == 7324  # a little is no jump
    machine.at(0)
    assert machine.clock.ahead() == 7259


def test_time_and_ids_go_forward() -> None:
    clock = SystemClock()
    assert clock.now() <= clock.now()
    manual = ManualClock(0)
    with pytest.raises(ValueError, match="backwards"):
        manual.advance(-1)
    assert new_id("a", 1_000_000) < new_id("a", 2_000_000)
    assert iso(1_500) == "1970-01-01T00:00:00.001Z"


@given(st.integers(0, 2**45), st.integers(-(2**45), 2**45))
def test_what_is_earliest_stands_between_older_and_younger_ids(made: int, at: int) -> None:
    """Rows are erased by it: before the beginning of time there are none."""
    floor = earliest("msg", at)
    assert (new_id("msg", made) < floor) == (made // 1000 < max(0, at) // 1000)


@given(st.from_regex(r"[A-Za-z0-9._-]{1,20}(\.[A-Za-z0-9-]{1,20}){0,3}", fullmatch=True))
def test_a_plain_domain_is_spared_only_work_that_changes_nothing(name: str) -> None:
    try:
        expected = "ada@" + idna.encode(name, uts46=True).decode().lower()
    except UnicodeError:
        expected = ""
    try:
        found = addresses.parse(f"ada@{name}")
    except Invalid:
        found = ""
    assert found == (expected if addresses.is_plain(expected) else "")


def test_a_key_that_finds_no_room_is_no_key_and_leaves_nothing_behind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ring = KeyRing(tmp_path)

    def full(_handle: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr("mailkeep.base.files.os.fsync", full)
        with pytest.raises(Unavailable):
            ring.seal_until(5 * HOUR, "body", b"secret")
    assert list((tmp_path / "keys" / "hourly").iterdir()) == []

    hour, sealed = ring.seal_until(5 * HOUR, "body", b"secret")  # there is room again
    assert ring.unseal_hour(hour, "body", sealed) == b"secret"


def test_an_ordinary_domain_is_not_taken_through_idna(monkeypatch: pytest.MonkeyPatch) -> None:
    """It took ten times as long as all else of an address, for what it leaves as it is."""
    asked: list[str] = []
    monkeypatch.setattr(addresses, "_idna", lambda name: asked.append(name) or name)
    for name in ("example.net", "A-1.EXAMPLE.net", "xn--strae-oqa.de", "straße.de"):
        addresses._name(name)
    assert asked == ["xn--strae-oqa.de", "straße.de"]
