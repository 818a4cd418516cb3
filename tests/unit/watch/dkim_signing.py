"""Signs mail as a domain does, for tests; written from RFC 6376, apart from what verifies."""

import base64
import hashlib
import re

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ed25519, padding, rsa

RSA = rsa.generate_private_key(65537, 2048)
ED = ed25519.Ed25519PrivateKey.generate()


def record(kind: str = "rsa", key: rsa.RSAPrivateKey = RSA) -> str:
    """The TXT record."""
    if kind == "rsa":
        raw = key.public_key().public_bytes(
            serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
        )
    else:
        raw = ED.public_key().public_bytes(
            serialization.Encoding.Raw, serialization.PublicFormat.Raw
        )
    return f"v=DKIM1; k={kind}; p={base64.b64encode(raw).decode()}"


def sign(
    mail: bytes,
    domain: str,
    *,
    kind: str = "rsa",
    how: str = "relaxed/relaxed",
    key: rsa.RSAPrivateKey = RSA,
    fields: tuple[str, ...] = ("from", "to", "subject"),
    more: str = "",
) -> bytes:
    """The mail (CRLF, each field once) with a signature before it, under the selector ``r``."""
    head, _, body = mail.partition(b"\r\n\r\n")
    head_how, body_how = how.split("/")
    if body_how == "relaxed":
        body = re.sub(rb"[ \t]+", b" ", body)
        body = re.sub(rb" +\r\n", b"\r\n", body)
    while body.endswith(b"\r\n"):
        body = body[:-2]
    body += b"\r\n"
    if body == b"\r\n" and body_how == "relaxed":
        body = b""
    digest = base64.b64encode(hashlib.sha256(body).digest()).decode()
    value = (
        f" v=1; a={kind}-sha256; c={how}; d={domain}; s=r;\r\n\th={':'.join(fields)};{more}\r\n"
        f"\tbh={digest};\r\n\tb="
    )
    wanted = {}
    for line in re.sub(rb"\r\n([ \t])", rb"\0\1", head).split(b"\r\n"):
        name = line.partition(b":")[0].strip().lower().decode()
        wanted[name] = line.replace(b"\0", b"\r\n")
    lines = [wanted[one] for one in fields if one in wanted]
    lines.append(b"DKIM-Signature:" + value.encode())
    if head_how == "relaxed":
        lines = [_relaxed(one) for one in lines]
    data = b"\r\n".join(lines)
    if kind == "rsa":
        made = key.sign(data, padding.PKCS1v15(), hashes.SHA256())
    else:
        made = ED.sign(hashlib.sha256(data).digest())
    text = base64.b64encode(made).decode()
    folded = "\r\n\t ".join(text[at : at + 60] for at in range(0, len(text), 60))
    return b"DKIM-Signature:" + value.encode() + folded.encode() + b"\r\n" + mail


def _relaxed(line: bytes) -> bytes:
    name, _, value = line.partition(b":")
    value = re.sub(rb"[ \t]+", b" ", value.replace(b"\r\n", b"")).strip()
    return name.strip().lower() + b":" + value
