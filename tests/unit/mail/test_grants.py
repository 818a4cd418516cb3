"""What a key may do, from where, and in whose name."""

import ipaddress

import pytest

from mailkeep.base.errors import Invalid, NotAllowed
from mailkeep.mail import grants
from mailkeep.mail.grants import Grant, Scope

SEND = frozenset({"send"})


def _grant(*, domains: tuple[str, ...] = (), networks: tuple[str, ...] = ()) -> Grant:
    return Grant(
        "key_1",
        "shop",
        SEND,
        frozenset({"alert"}),
        tuple(grants.domain(one) for one in domains),
        tuple(grants.network(one) for one in networks),
    )


@pytest.mark.parametrize(
    ("bound", "sender", "may"),
    [
        ("example.com", "us@example.com", True),
        ("example.com", "us@EXAMPLE.com", True),
        ("example.com", "us@mail.example.com", False),
        ("example.com", "us@notexample.com", False),
        ("example.com", "us@example.com.evil.net", False),
        (".example.com", "us@mail.example.com", True),
        (".example.com", "us@a.b.example.com", True),
        (".example.com", "us@example.com", False),
        (".example.com", "us@notexample.com", False),
        ("Bücher.example", "us@xn--bcher-kva.example", True),
    ],
)
def test_the_domain_of_the_sender(bound: str, sender: str, may: bool) -> None:
    assert _grant(domains=(bound,)).may_send_as(sender) is may


@pytest.mark.parametrize(
    ("bound", "client", "may"),
    [
        ("192.0.2.0/24", "192.0.2.7", True),
        ("192.0.2.0/24", "::ffff:192.0.2.7", True),
        ("192.0.2.0/24", "192.0.3.7", False),
        ("192.0.2.7", "192.0.2.7", True),
        ("2001:db8::/32", "2001:db8::1", True),
        ("2001:db8::/32", "192.0.2.7", False),
        ("fe80::/10", "fe80::1%eth0", True),
        ("192.0.2.0/24", "unknown", False),
        ("192.0.2.0/24", "", False),
    ],
)
def test_the_network_of_the_client(bound: str, client: str, may: bool) -> None:
    assert _grant(networks=(bound,)).may_come_from(client) is may


def test_no_binding_binds_nothing_and_no_scope_allows_nothing() -> None:
    free = Grant("key_1", "all", SEND)
    free.require(Scope.SEND, streams=("bulk",), senders=("us@example.net",), network="unknown")
    with pytest.raises(NotAllowed, match="may not read"):
        free.require(Scope.READ, network="192.0.2.1")
    with pytest.raises(NotAllowed, match="may not send"):
        Grant("key_1", "none", frozenset()).require(Scope.SEND, network="192.0.2.1")


def test_a_refusal_names_what_it_is_about_and_repeats_nothing() -> None:
    bound = _grant(domains=("example.com",), networks=("192.0.2.0/24",))
    good = {"streams": ("alert",), "senders": ("us@example.com",), "network": "192.0.2.1"}
    bound.require(Scope.SEND, **good)
    for wrong, field, word in (
        ({"network": "198.51.100.1"}, None, "network"),
        ({"streams": ("planted",)}, "messages[2].stream", "stream"),
        ({"senders": ("planted@evil.example",)}, "messages[2].from", "domain"),
    ):
        with pytest.raises(NotAllowed, match=word) as caught:
            bound.require(Scope.SEND, **(good | wrong), field="messages[2].")
        assert caught.value.field == field
        assert "planted" not in str(caught.value)
        assert "198.51" not in str(caught.value)


@pytest.mark.parametrize(
    "text", ["", ".", "a b", "exa\nmple.com", "-a.com", "192.0.2.1", "a,b.com"]
)
def test_what_is_no_domain(text: str) -> None:
    with pytest.raises(Invalid):
        grants.domain(text)


@pytest.mark.parametrize("text", ["", "0.0.0.0/0", "::/0", "192.0.2.1/24", "example.com", "1"])
def test_what_is_no_network(text: str) -> None:
    with pytest.raises(Invalid):
        grants.network(text)
    assert grants.network("192.0.2.0/24") == ipaddress.ip_network("192.0.2.0/24")
