"""Who sent a request, when proxies stand between."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailkeep.base.errors import Invalid
from mailkeep.http import client

PROXIES = client.networks(["10.0.0.0/24", "fd00::/64", "192.0.2.1"])


@pytest.mark.parametrize(
    ("peer", "forwarded", "found"),
    [
        # Nobody but our own proxies is believed.
        ("203.0.113.9", ["198.51.100.7"], "203.0.113.9"),
        ("10.0.1.1", ["198.51.100.7"], "10.0.1.1"),
        # The right-most that is not ours: what a stranger wrote before it counts for nothing.
        ("10.0.0.1", ["198.51.100.7"], "198.51.100.7"),
        ("10.0.0.1", ["1.1.1.1, 198.51.100.7"], "198.51.100.7"),
        ("10.0.0.1", ["10.0.0.9, 198.51.100.7"], "198.51.100.7"),
        ("10.0.0.1", ["198.51.100.7, 10.0.0.2"], "198.51.100.7"),
        ("10.0.0.1", ["1.1.1.1", "198.51.100.7, 192.0.2.1"], "198.51.100.7"),
        ("fd00::1", ["2001:db8::7"], "2001:db8::7"),
        # Forms in which proxies write.
        ("10.0.0.1", ["198.51.100.7:4711"], "198.51.100.7"),
        ("10.0.0.1", ["[2001:db8::7]:4711"], "2001:db8::7"),
        ("::ffff:10.0.0.1", ["::ffff:198.51.100.7"], "198.51.100.7"),
        # Not to be read: the proxy that handed it on is the last that is known.
        ("10.0.0.1", [], "10.0.0.1"),
        ("10.0.0.1", [""], "10.0.0.1"),
        ("10.0.0.1", ["198.51.100.7, unknown"], "10.0.0.1"),
        ("10.0.0.1", ["198.51.100.7,"], "10.0.0.1"),
        ("10.0.0.1", ["fe80::1%eth0"], "10.0.0.1"),
        ("10.0.0.1", ["1" * 100_000], "10.0.0.1"),
        ("10.0.0.1", ["٣.1.1.1"], "10.0.0.1"),
        ("10.0.0.1", ["198.51.100.7", "10.0.0.2," * 50_000 + "10.0.0.2"], "10.0.0.2"),
        ("", ["198.51.100.7"], "unknown"),
        ("/run/socket", ["198.51.100.7"], "unknown"),
    ],
)
def test_the_client_of_a_request(peer: str, forwarded: list[str], found: str) -> None:
    assert client.address(peer, forwarded, PROXIES) == found


def test_without_proxies_the_header_is_not_read() -> None:
    assert client.address("10.0.0.1", ["198.51.100.7"], ()) == "10.0.0.1"


@given(st.lists(st.text(alphabet="0123456789abcdef.:[], %", max_size=80), max_size=4))
def test_no_header_takes_a_stranger_out_of_their_network(forwarded: list[str]) -> None:
    """The proxy appends the stranger's own address, whatever they had written themselves."""
    for appended in ([*forwarded, "198.51.100.7"], [",".join([*forwarded, "198.51.100.7"])]):
        assert client.address("10.0.0.1", appended, PROXIES) == "198.51.100.7"


@pytest.mark.parametrize(
    ("host", "found"),
    [
        ("198.51.100.7", "198.51.100.0/24"),
        ("2001:db8:1:2::7", "2001:db8:1::/48"),
        ("::ffff:198.51.100.7", "198.51.100.0/24"),
        ("unknown", "unknown"),
    ],
)
def test_the_network_that_an_address_is_counted_under(host: str, found: str) -> None:
    assert client.network(host) == found


@pytest.mark.parametrize("text", ["10.0.0.1/8", "proxy.local", "", "0.0.0.0/0", "::/0"])
def test_what_is_no_network_of_proxies(text: str) -> None:
    with pytest.raises(Invalid):
        client.networks([text])


@pytest.mark.parametrize(
    ("value", "peer", "found"),
    [
        ("nl", "10.0.0.1", "NL"),
        ("XX", "10.0.0.1", None),  # as proxies write what they do not know
        ("N1", "10.0.0.1", None),
        ("NLD", "10.0.0.1", None),
        ("", "10.0.0.1", None),
        ("NL", "198.51.100.7", None),  # anybody may write a header
        ("NL", "unknown", None),
    ],
)
def test_a_country_is_believed_of_our_own_proxy_only(
    value: str, peer: str, found: str | None
) -> None:
    assert client.country(value, peer, PROXIES) == found


@pytest.mark.parametrize(
    ("header", "family"),
    [
        ("Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0", "firefox linux"),
        ("Mozilla/5.0 (Windows NT 10.0) Chrome/140.0 Safari/537.36 Edg/140.0", "edge windows"),
        ("Mozilla/5.0 (Linux; Android 15) Chrome/140.0 Mobile Safari/537.36", "chrome android"),
        ("Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) Safari/604.1", "safari ios"),
        ("curl/8.5", "other other"),
        ("", ""),
    ],
)
def test_a_family_of_browsers_is_coarse(header: str, family: str) -> None:
    assert client.agent(header) == family
