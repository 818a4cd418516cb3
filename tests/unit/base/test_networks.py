"""Which addresses are public, whatever clothes they wear."""

import ipaddress

import pytest

from mailkeep.base import networks
from mailkeep.base.networks import is_public


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1",
        "10.1.2.3",
        "172.16.0.1",
        "192.168.0.1",
        "169.254.169.254",
        "100.64.0.1",
        "0.0.0.0",
        "224.0.1.1",
        "240.0.0.1",
        "255.255.255.255",
        "192.0.2.1",
        "198.18.0.1",
        "::",
        "::1",
        "::7f00:1",
        "fe80::1",
        "fc00::1",
        "fec0::1",
        "ff02::1",
        "2001:db8::1",
        "::ffff:127.0.0.1",
        "::ffff:10.0.0.1",
        "2002:7f00:1::",
        "2002:a9fe:a9fe::",
        "64:ff9b::a9fe:a9fe",
        "64:ff9b:1::1",
        "2001:0:4136:e378:8000:63bf:3fff:fdd2",
    ],
)
def test_what_is_not_public(address: str) -> None:
    assert not is_public(ipaddress.ip_address(address))


@pytest.mark.parametrize(
    "address",
    ["8.8.8.8", "2001:4860:4860::8888", "::ffff:8.8.8.8", "64:ff9b::808:808", "2002:808:808::1"],
)
def test_what_is(address: str) -> None:
    assert is_public(ipaddress.ip_address(address))


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        ("192.0.2.77", ("192.0.0.0/16", "192.0.0.0/20", "192.0.2.0/24", "192.0.2.77/32")),
        ("::ffff:192.0.2.77", ("192.0.0.0/16", "192.0.0.0/20", "192.0.2.0/24", "192.0.2.77/32")),
        (
            "[2001:db8:1234:5678::9]:443",
            (
                "2001:db8::/32",
                "2001:db8:1200::/40",
                "2001:db8:1234::/48",
                "2001:db8:1234:5600::/56",
            ),
        ),
        ("a socket", ("a socket",) * 4),
    ],
)
def test_the_networks_around_an_address(address: str, expected: tuple[str, ...]) -> None:
    found = networks.around(address)
    assert found == expected
    assert found[2] == networks.network(address)
