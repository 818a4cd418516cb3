"""Looks for secrets in octets, however they were packed."""

import base64
import binascii
import gzip
import quopri
import re
import zlib
from collections.abc import Iterator

_PACKED = re.compile(rb"\x1f\x8b\x08|\x78[\x01\x5e\x9c\xda]")
#: Base64 of what begins as gzip or zlib does.
_PACKED_TEXT = re.compile(rb"(?:H4sI|eJ|eA|eN|eF)[A-Za-z0-9+/_-]{16,}={0,2}")


def holds(data: bytes, secrets: dict[str, str]) -> set[str]:
    """The names of the secrets that are in there: as they stand in any case, in base64 of either
    alphabet wherever it begins, folded or not, hexadecimal, quoted-printable, per cent, UTF-16, and
    in what gzip and zlib packed, in base64 or not."""
    found = set()
    wanted = {name: (secret.encode().lower(), _forms(secret)) for name, secret in secrets.items()}
    for layer in _layers(data):
        folded = layer.lower()
        for name, (plain, forms) in wanted.items():
            if plain in folded or any(form in layer for form in forms):
                found.add(name)
    return found


def _forms(secret: str) -> set[bytes]:
    forms = set()
    for text in {secret, secret.lower(), secret.upper()}:
        plain = text.encode()
        for before in range(3):
            # The first and last signs depend on what stands beside it.
            whole = base64.b64encode(b"\0" * before + plain)
            inner = whole[(0, 2, 3)[before] :].rstrip(b"=")
            forms |= {inner[:-1], inner[:-1].translate(bytes.maketrans(b"+/", b"-_"))}
        shown = binascii.hexlify(plain)
        forms |= {shown, shown.upper(), text.encode("utf-16-le"), text.encode("utf-16-be")}
        forms.add(b"".join(b"%%%02X" % one for one in plain))
    return forms


def _layers(data: bytes) -> Iterator[bytes]:
    yield data
    if b"=\n" in data or b"=\r\n" in data:
        yield re.sub(rb"=\r?\n", b"", data)  # soft line breaks (RFC 2045 section 6.7)
    joined = re.sub(rb"[\r\n]", b"", data)
    yield joined
    for one in (data, joined):
        yield from _unpacked(one)
    for run in _PACKED_TEXT.findall(joined):
        text = run.translate(bytes.maketrans(b"-_", b"+/"), b"=")
        text = text[: len(text) - (len(text) % 4 == 1)]
        yield from _unpacked(base64.b64decode(text + b"=" * (-len(text) % 4)))


def _unpacked(data: bytes) -> Iterator[bytes]:
    for match in _PACKED.finditer(data):
        tail = data[match.start() :]
        try:
            yield zlib.decompressobj(47).decompress(tail)  # either header
        except zlib.error:
            continue


def packed(secret: bytes) -> dict[str, bytes]:
    """A secret in every packing that is looked into, for the check of the check."""
    around = b'{"a": "xyz ' + secret + b' and more words"}'
    ways = {
        "plain": around,
        "base64url": base64.urlsafe_b64encode(b"\xff\xfe" + around),
        "folded": base64.encodebytes(around * 4),
        "hex": b"x'" + binascii.hexlify(around) + b"'",
        "gzip": b"noise" + gzip.compress(around) + b"noise",
        "zlib": zlib.compress(around),
        "quoted-printable": quopri.encodestring(b"=\xe9" * 20 + around),
        "per cent": b"".join(b"%%%02X" % one for one in around),
        "utf-16": around.decode().encode("utf-16-le"),
        "zlib in base64": b"row" + base64.b64encode(zlib.compress(around)),
        "base64 in gzip": gzip.compress(base64.b64encode(around)),
    }
    return ways | {
        f"base64 from {n}": b"\0" + base64.b64encode(b"y" * n + around) for n in range(3)
    }
