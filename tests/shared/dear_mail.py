"""Mail that is dear to parse, in the ways that are known; each by its size."""

from collections.abc import Callable

HEAD = b"From: ada@example.net\r\nTo: us@example.com\r\n"
OUTER = b'Content-Type: multipart/mixed; boundary="b"\r\n'


def folded(start: bytes, unit: bytes, size: int) -> bytes:
    """A field of about a size."""
    line = unit * max(1, 900 // len(unit))
    return start + b"\r\n ".join([line] * max(1, size // len(line))) + b"\r\n"


def semicolons(size: int) -> bytes:
    """A quoted string of semicolons, which took the square of its length."""
    return (
        HEAD + folded(b'Content-Type: multipart/mixed; boundary="b"; x="', b";", size) + b"\r\nhi"
    )


DEAR: dict[str, Callable[[int], bytes]] = {
    "a string of semicolons": semicolons,
    "parameters": lambda n: HEAD + folded(b"Content-Type: text/plain", b";a=b", n) + b"\r\nhi",
    "in a part": lambda n: (
        HEAD
        + OUTER
        + b"\r\n--b\r\n"
        + folded(b'Content-type: multipart/mixed; x="', b";", n)
        + b"\r\nhi\r\n--b--\r\n"
    ),
    "in a mail within": lambda n: (
        HEAD
        + b"Content-Type: message/rfc822\r\n\r\n"
        + folded(b'CONTENT-TYPE:multipart/mixed; x="', b";", n)
    ),
    "after lone CRs": lambda n: (
        HEAD.replace(b"\r\n", b"\r") + b'Content-Type: multipart/mixed; x="' + b";" * n + b'"\r\rhi'
    ),
    "in a group of a bounce": lambda n: (
        HEAD
        + b"Content-Type: message/delivery-status\r\n\r\nAction: failed\r\n\r\n"
        + folded(b'Content-Type: multipart/mixed; x="', b";", n)
    ),
    "many fields": lambda n: HEAD + b"a:\r\n" * (n // 4) + b"\r\nhi",
    "a large header": lambda n: HEAD + folded(b"X: ", b"x", 8 * n) + b"\r\nhi",
    "many parts": lambda n: (
        HEAD + OUTER + b"\r\n" + b"--b\r\n\r\nhi\r\n" * (n // 10) + b"--b--\r\n"
    ),
    "mails within mails": lambda n: HEAD + b"Content-Type: message/rfc822\r\n\r\n" * (n // 30),
    "groups of a bounce": lambda n: (
        HEAD + b"Content-Type: message/delivery-status\r\n\r\n" + b"a: b\r\n\r\n" * (n // 8)
    ),
}
