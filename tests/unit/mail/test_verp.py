"""Return paths: what we made is read back in any case, and nothing else is."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailkeep.base.addresses import is_plain
from mailkeep.base.ids import new_id
from mailkeep.mail import verp

KEYS = st.binary(min_size=16, max_size=32)
IDS = st.builds(new_id, st.just("msg"), st.integers(0, 2**48 * 1000 - 1))
LABEL = st.from_regex(r"[a-z0-9]{1,12}", fullmatch=True)
DOMAINS = st.lists(LABEL, min_size=1, max_size=4).map(lambda labels: ".".join([*labels, "example"]))


@given(IDS, DOMAINS, KEYS)
def test_a_return_path_is_read_back_however_it_is_written(
    message: str, domain: str, key: bytes
) -> None:
    address = verp.return_path(message, domain, key)
    assert is_plain(address)
    assert len(address.partition("@")[0]) <= 64
    assert address == address.lower()
    for written in (address, address.upper(), address.title(), f"<{address}>"):
        assert verp.read(written, key) == message


@given(IDS, IDS, DOMAINS, DOMAINS, KEYS, KEYS)
def test_one_of_another_message_domain_or_key_is_none(
    message: str, other: str, domain: str, elsewhere: str, key: bytes, stranger: bytes
) -> None:
    local, _, _ = verp.return_path(message, domain, key).partition("@")
    if elsewhere != domain:
        assert verp.read(f"{local}@{elsewhere}", key) is None
    if stranger != key:
        assert verp.read(f"{local}@{domain}", stranger) is None
    if other != message:
        _, _, mac = local.rpartition("-")
        assert verp.read(f"b-{other.removeprefix('msg_')}-{mac}@{domain}", key) is None


@given(IDS, KEYS, st.integers(0, 48), st.sampled_from("0123456789abcdefghijklmnopqrstuvwxyz-"))
def test_a_changed_character_is_noticed(message: str, key: bytes, at: int, to: str) -> None:
    local, _, domain = verp.return_path(message, "b.example.com", key).partition("@")
    changed = local[:at] + to + local[at + 1 :]
    expected = message if changed == local else None
    assert verp.read(f"{changed}@{domain}", key) == expected


@given(st.text(max_size=400), KEYS)
def test_what_strangers_write_is_none_and_raises_nothing(text: str, key: bytes) -> None:
    assert verp.read(text, key) is None


@pytest.mark.parametrize(
    ("message", "domain"),
    [
        ("att_" + "0" * 26, "b.example.com"),
        ("msg_" + "0" * 25, "b.example.com"),
        ("msg_" + "0" * 25 + "U", "b.example.com"),
        ("msg_" + "0" * 26, "b.example.com\r\nRCPT TO:<x@y>"),
        ("msg_" + "0" * 26, ""),
        ("msg_" + "0" * 26, "a" * 230 + ".example"),
    ],
)
def test_what_is_no_message_or_no_domain_is_refused(message: str, domain: str) -> None:
    with pytest.raises(ValueError, match="not a message"):
        verp.return_path(message, domain, b"k" * 32)
