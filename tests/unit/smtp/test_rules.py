"""Settings of submission, whose turn it is to wait, and what a message asks for."""

import pytest

from mailkeep.app.settings import parse
from mailkeep.base.errors import BadSettings, Conflict, Invalid, NotAllowed, TooMany, Unavailable
from mailkeep.smtp import asked, guests
from mailkeep.smtp.guests import Guests
from mailkeep.smtp.submission import refusal
from mailkeep.smtp.types import Limits, is_loopback, is_private

GOOD = {
    "provider": [{"name": "a", "kind": "postmark", "party": "p", "secret": "env:A"}],
    "stream": [{"name": "alert", "priority": 2, "routes": [{"provider": "a"}]}],
    "party": [{"id": "p"}],
}
PAIR = {"certificate": "/c.pem", "private_key": "/k.pem"}


@pytest.mark.parametrize(
    "table",
    [
        {"listen": "127.0.0.1:587"},
        {"listen": ["127.0.0.1:587", "[::1]:587"]},
        {"listen": "0.0.0.0:587", **PAIR},
        {"listen": "0.0.0.0:587", "cleartext": "accepted"},
        {"tls_listen": "0.0.0.0:465", **PAIR},
    ],
)
def test_good_settings(table: dict[str, object]) -> None:
    assert parse(GOOD | {"submission": table}).submission is not None


@pytest.mark.parametrize(
    ("table", "words"),
    [
        ({}, "say listen or tls_listen"),
        ({"listen": "587"}, "host:port"),
        ({"listen": "127.0.0.1:99999"}, "host:port"),
        ({"listen": "0.0.0.0:587"}, "keys would cross the network in clear"),
        ({"listen": "127.0.0.1:587", "cleartext": "yes"}, 'cleartext is "accepted"'),
        ({"tls_listen": "0.0.0.0:465"}, "tls_listen needs certificate"),
        ({"listen": "127.0.0.1:587", "certificate": "/c.pem"}, "go together"),
        ({"listen": "127.0.0.1:587", "default_stream": "alrt"}, "no stream 'alrt'"),
        ({"listen": "127.0.0.1:587", "recipients": 99}, "100 at least"),
        ({"listen": "127.0.0.1:587", "idle": 0}, "idle must be above 0"),
        ({"listen": "127.0.0.1:587", "session": float("nan")}, "session must be above 0"),
        ({"listen": "127.0.0.1:587", "hostname": "a b"}, "not a host name"),
        ({"listn": "127.0.0.1:587"}, "did you mean listen?"),
    ],
)
def test_what_is_wrong_is_said(table: dict[str, object], words: str) -> None:
    with pytest.raises(BadSettings) as caught:
        parse(GOOD | {"submission": table})
    assert words in str(caught.value)


def test_where_a_client_is() -> None:
    assert is_loopback("127.0.0.1")
    assert is_loopback("::1")
    assert is_loopback("::ffff:127.0.0.1")
    assert not is_loopback("10.0.0.1")
    assert is_private("10.0.0.1")
    assert not is_private("8.8.8.8")
    assert not is_private("unknown")


def test_wrong_keys_are_answered_later_and_later_and_forgotten() -> None:
    here = Guests(Limits())
    waits = [here.wrong("a", float(now)) for now in range(10)]
    assert waits[:4] == [0.25, 0.5, 1.0, 2.0]
    assert waits[-1] == guests.LONGEST_DELAY
    assert here.wrong("b", 10.0) == 0.25
    assert here.wrong("a", 10.0 + guests.FORGET_SECONDS) == 0.25


def test_networks_that_guessed_are_remembered_up_to_a_bound(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(guests, "MOST_NETWORKS", 10)
    here = Guests(Limits())
    for number in range(50):
        here.wrong(f"n{number}", 1.0)
    assert len(here._wrong) == 10
    assert here.wrong("n49", 1.0) == 0.5


class Client:
    """A connection; ``gone``: it was shown out."""

    def __init__(self, *, storing: bool = False) -> None:
        self.storing = storing
        self.gone = False

    def make_room(self) -> None:
        self.gone = True


def test_connections_are_counted_by_network_and_in_all() -> None:
    here = Guests(Limits(connections=3, per_network=2))
    ones = [Client() for _ in range(3)]
    others = [Client() for _ in range(2)]
    assert [here.enter("a", one) for one in ones] == [True, True, False]
    assert [here.enter("b", one) for one in others] == [True, False]
    here.leave(ones[0])
    assert here.enter("b", others[1])
    for one in (*ones, *others):
        here.leave(one)  # who was turned away, or has left, changes nothing
    assert not here._here
    assert not any(one.gone for one in (*ones, *others))


def test_the_largest_crowd_makes_room_and_nobody_whose_message_is_being_stored() -> None:
    here = Guests(Limits(connections=4, per_network=4))
    crowd = [Client(storing=number == 0) for number in range(4)]
    assert all(here.enter("a", one) for one in crowd)
    more = [Client() for _ in range(3)]
    assert [here.enter("b", one) for one in more] == [True, True, False]
    assert [one.gone for one in crowd] == [False, True, True, False]
    assert here.enter("c", Client())
    assert here._here == {"a": 1, "b": 2, "c": 1}


def test_the_stream_that_a_message_goes_in() -> None:
    none, one, two = frozenset[str](), frozenset({"bulk"}), frozenset({"bulk", "billing"})
    assert asked.stream("named", one, "alert") == "named"
    assert asked.stream(None, one, "alert") == "bulk"
    assert asked.stream(None, two, "alert") == "alert"
    assert asked.stream(None, none, "alert") == "alert"


def test_an_idempotency_key_stands_in_the_header_only() -> None:
    line = b"x-mailkeep-IDEMPOTENCY-key:  order 7 \r\n"
    assert asked.idempotency(b"From: a\r\n" + line + b"\r\nwords") == "order 7"
    assert asked.idempotency(b"From: a\r\n\r\n" + line) is None
    assert asked.idempotency(b"From: a\r\nX-Not-X-Mailkeep-Idempotency-Key: a\r\n") is None
    for bad in (line * 2, line + b" more\r\n", b"X-Mailkeep-Idempotency-Key: \x01\r\n"):
        with pytest.raises(Invalid):
            asked.idempotency(bad + b"\r\nwords")


@pytest.mark.parametrize(
    ("error", "reply"),
    [
        (Unavailable("no"), "452 4.3.1 "),
        (TooMany("slowly"), "451 4.7.1 slowly"),
        (NotAllowed("no"), "550 5.7.1 no"),
        (Invalid("odd", field="Subject"), "550 5.6.0 odd (Subject)"),
        (Invalid("odd", field="from"), "550 5.1.7 odd (from)"),
        (Conflict("used"), "550 5.6.0 used"),
    ],
)
def test_refusals(error: Unavailable, reply: str) -> None:
    assert refusal(error).startswith(reply)


def test_a_key_is_looked_for_in_what_may_be_a_header() -> None:
    """A body that no empty line parts from its header was searched whole, in the loop."""
    key = b"X-Mailkeep-Idempotency-Key: 7\r\n"
    assert asked.idempotency(b"From: a\r\nx\r\n" + key) == "7"
    assert asked.idempotency(b"From: a\r\n" + b"x\r\n" * 100_000 + key) is None
