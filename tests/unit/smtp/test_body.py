"""The octets of a message: where they end, however they come in."""

import tracemalloc

from hypothesis import given
from hypothesis import strategies as st

from mailkeep.smtp.body import Body

octets = st.lists(
    st.sampled_from([b"\r\n", b".", b"\r\n.", b"\r\n.\r\n", b"\n", b"\r", b"a", b"..", b"\n.\n"]),
    max_size=12,
).map(b"".join)
clean = st.lists(st.text("ab.", max_size=5).map(str.encode), min_size=1, max_size=8)


def _fed(data: bytes, cuts: list[int], limit: int = 1000) -> tuple[Body, bytes | None]:
    body, start = Body(limit), 0
    for cut in [*sorted(cuts), len(data)]:
        rest = body.feed(data[start:cut])
        if rest is not None:
            return body, rest + data[cut:]
        start = cut
    return body, None


@given(octets, st.lists(st.integers(0, 60), max_size=6))
def test_only_crlf_dot_crlf_ends_it_wherever_it_is_cut(data: bytes, cuts: list[int]) -> None:
    body, rest = _fed(data, cuts)
    before, end, after = (b"\r\n" + data).partition(b"\r\n.\r\n")
    assert rest == (after if end else None)
    if rest is not None and body.fault() is None:
        assert b"\r" not in before.replace(b"\r\n", b"")
        assert body.content().count(b"\n") == body.content().count(b"\r\n")


@given(clean, st.lists(st.integers(0, 60), max_size=6), st.binary(max_size=9))
def test_a_message_comes_out_as_it_went_in(
    lines: list[bytes], cuts: list[int], after: bytes
) -> None:
    wire = b"".join(b"." * line.startswith(b".") + line + b"\r\n" for line in lines)
    body, rest = _fed(wire + b".\r\n" + after, cuts)
    assert rest == after
    assert body.fault() is None
    assert body.content() == b"".join(line + b"\r\n" for line in lines)
    assert body.seen == len(wire)


@given(st.integers(0, 60), st.integers(1, 30))
def test_what_is_too_big_is_not_kept(size: int, step: int) -> None:
    body, most = Body(20), 0
    data = b"x" * size + b"\r\n.\r\nnext"
    rest = None
    for start in range(0, len(data), step):
        if (rest := body.feed(data[start : start + step])) is not None:
            break
        most = max(most, body.held)
    assert rest is not None
    assert most <= 20 + 7 + step
    assert (body.fault() or "")[:9] == ("552 5.3.4" if size + 2 > 20 else "")


def test_where_there_is_no_room_nothing_is_kept_and_the_end_is_found() -> None:
    body = Body(1000)
    assert body.feed(b"x" * 500 + b"\r\n.") is None
    body.give_up()
    assert body.held < 10
    assert body.feed(b"\r\nQUIT\r\n") == b"QUIT\r\n"
    assert (body.fault() or "").startswith("452 4.3.1")


def test_long_lines_and_lone_ends() -> None:
    for data, fault in (
        (b"x" * 998 + b"\r\n", None),
        (b"." + b"x" * 998 + b"\r\n", None),
        (b"x" * 1000 + b"\r\n", "500 5.5.2"),
        (b"a\nb\r\n", None),
        (b"a\rb\r\n", "550 5.6.11"),
    ):
        body = Body(5000)
        body.feed(data + b".\r\n")
        assert (body.fault() or "")[:10].strip() == (fault or "")


def test_no_line_of_it_is_made_an_object() -> None:
    """Anybody could have a gigabyte taken by 36 MB of empty lines."""
    body = Body(2_000_000)
    body.feed(b"\r\n" * 500_000 + b".\r\n")
    tracemalloc.start()
    try:
        assert body.fault() is None
        assert tracemalloc.get_traced_memory()[1] < 100_000
    finally:
        tracemalloc.stop()
