"""DKIM signatures as a provider adds them (RFC 6376, rsa-sha256, relaxed/relaxed).

They are real signatures under keys of this process: whoever holds the public key can verify them.
No DNS publishes it, so to the world they are invalid.
"""

import base64
import hashlib
import re

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa

_SIGNED = ("from", "to", "cc", "subject", "date", "message-id", "reply-to", "mime-version")
_SPACE = re.compile(rb"[ \t]+")


class Signer:
    """One key, generated at the start, for every domain the stand-in signs for."""

    def __init__(self) -> None:
        self._key = rsa.generate_private_key(public_exponent=65537, key_size=2048)

    @property
    def public_key(self) -> str:
        """The ``p=`` of the key record (RFC 6376 section 3.6.1)."""
        der = self._key.public_key().public_bytes(
            serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
        )
        return base64.b64encode(der).decode()

    def sign(self, message: bytes, domain: str, selector: str, at: int) -> bytes:
        """Return a ``DKIM-Signature`` header field, folded, with its line end.

        Args:
            message: the whole message with CRLF line ends.
            at: seconds since the epoch.
        """
        head, _, body = message.partition(b"\r\n\r\n")
        fields = _fields(head)
        names = [name for name in _SIGNED if any(name == field for field, _ in fields)]
        body_hash = base64.b64encode(hashlib.sha256(relaxed_body(body)).digest()).decode()
        value = (
            f"v=1; a=rsa-sha256; c=relaxed/relaxed; d={domain}; s={selector};"
            f" t={at}; h={':'.join(names)};\r\n bh={body_hash};\r\n b="
        )
        # RFC 6376 section 5.4.2: of fields that occur more than once, the last is signed.
        last = dict(fields)
        signed = b"".join(relaxed_field(name, last[name]) + b"\r\n" for name in names)
        signed += relaxed_field("dkim-signature", value.encode())
        signature = self._key.sign(signed, padding.PKCS1v15(), hashes.SHA256())
        encoded = base64.b64encode(signature).decode()
        lines = [encoded[i : i + 70] for i in range(0, len(encoded), 70)]
        return b"DKIM-Signature: " + value.encode() + "\r\n ".join(lines).encode() + b"\r\n"


def _fields(head: bytes) -> list[tuple[str, bytes]]:
    unfolded: list[bytes] = []
    for line in head.split(b"\r\n"):
        if line[:1] in {b" ", b"\t"} and unfolded:
            unfolded[-1] += b"\r\n" + line
        else:
            unfolded.append(line)
    pairs = [line.partition(b":") for line in unfolded]
    return [(name.strip().lower().decode("latin-1"), value) for name, sep, value in pairs if sep]


def relaxed_field(name: str, value: bytes) -> bytes:
    """RFC 6376 section 3.4.2, without the line end."""
    flat = _SPACE.sub(b" ", value.replace(b"\r\n", b"")).strip(b" \t")
    return name.lower().encode() + b":" + flat


def relaxed_body(body: bytes) -> bytes:
    """RFC 6376 section 3.4.4."""
    lines = [_SPACE.sub(b" ", line).rstrip(b" ") for line in body.split(b"\r\n")]
    while lines and not lines[-1]:
        lines.pop()
    return b"".join(line + b"\r\n" for line in lines)
