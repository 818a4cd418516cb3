"""Verifies DKIM signatures of received mail (pure): RFC 6376, RFC 8301, RFC 8463.

It answers one question: did the domain in a mail's From sign the whole of it? (Of canaries: did a
domain of ours, whoever it is from?) So it is stricter than a receiver has to be: a signature over a
part of the body (``l=``), by SHA-1, with a short key,
or of a mail with two From fields does not count. Whatever is unclear counts as not signed.

Security: reads hostile input. Fields, signatures and lengths are bounded before anything is
computed; the caller looks the keys up in DNS.
"""

import base64
import binascii
import hashlib
import re
from collections import Counter
from collections.abc import Collection, Mapping
from email.errors import MessageError
from email.utils import getaddresses

import msgspec
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.serialization import load_der_public_key

from .dmarc import below, host

MAX_SIGNATURES = 4  #: of the signing domain that are looked at
MAX_FIELDS = 256
MAX_HEADER = 128 * 1024
MAX_KEY = 4096
#: Of a body. Ten megabytes of empty lines took seconds for each signature, in which no other mail
#: was read; no mail that anybody signs for us has so many.
MAX_LINES = 500_000
MAX_PEOPLE = 8000  #: characters of a field of addresses
SHORTEST = 1024  #: bits of an RSA key (RFC 8301 section 3.2)

_FIELD_NAME = re.compile(rb"[\x21-\x39\x3b-\x7e]{1,100}")
_TAG = re.compile(r"\s*([A-Za-z][A-Za-z0-9_]*)\s*=(.*)", re.DOTALL)
_SIGNED_VALUE = re.compile(rb"((?:^|;)[ \t\r\n]*b[ \t\r\n]*=)[^;]*")
_SELECTOR = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?(?:\.[a-z0-9][a-z0-9-]{0,62}){0,8}")
_WSP = re.compile(rb"[ \t]+")
_ALGORITHMS = {"rsa-sha256": "rsa", "ed25519-sha256": "ed25519"}
#: How a body is read hangs on these: where one is not signed, the same octets say something else.
_READ_BY = frozenset({"content-type", "content-transfer-encoding"})


class Signature(msgspec.Struct, frozen=True):
    """A signature that may be looked at. ``tags``: as they stand in it, without white space."""

    domain: str
    selector: str
    field: bytes
    tags: dict[str, str]

    @property
    def asks(self) -> str:
        """The name under which the key lies."""
        return f"{self.selector}._domainkey.{self.domain}"


class Mail(msgspec.Struct, frozen=True):
    """A received mail, as far as signatures go.

    Attributes:
        sender: the domain of its one From address; "": there is none, or more than one.
        signatures: those of the sender's domain or of one above it, or of those asked for.
    """

    sender: str
    signatures: tuple[Signature, ...]
    fields: tuple[tuple[bytes, bytes], ...]
    body: bytes


def take_apart(raw: bytes, signers: Collection[str] = ()) -> Mail:
    """Which signatures could make a mail authentic. Never raises.

    Args:
        signers: domains whose signatures, or those of one above, are looked at; none: From's.
    """
    raw = raw.replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")
    head, _, body = raw.partition(b"\r\n\r\n")
    nothing = Mail("", (), (), b"")
    if len(head) > MAX_HEADER or b"\0" in head or body.count(b"\r\n") > MAX_LINES:
        return nothing
    fields: list[tuple[bytes, bytes]] = []
    for line in head.split(b"\r\n"):
        if line[:1] in {b" ", b"\t"} and fields:
            fields[-1] = (fields[-1][0], fields[-1][1] + b"\r\n" + line)
            continue
        name, colon, value = line.partition(b":")
        if not colon or not _FIELD_NAME.fullmatch(name.rstrip(b" \t")):
            return nothing
        fields.append((name, value))
        if len(fields) > MAX_FIELDS:
            return nothing
    sender = _sender(fields)
    if not sender:
        return nothing
    found = []
    for name, value in fields:
        if name.strip().lower() == b"dkim-signature":
            one = _signature(value)
            if one is not None and any(below(by, one.domain) for by in signers or (sender,)):
                found.append(one)
    return Mail(sender, tuple(found[:MAX_SIGNATURES]), tuple(fields), body)


def signer(
    mail: Mail, keys: Mapping[str, tuple[str, ...]], now: int, signed: tuple[str, ...] = ()
) -> str:
    """The domain that signed a mail, if it is the one in From; "" for none. As ``holding``."""
    found = holding(mail, keys, now, signed)
    return "" if found is None else found.domain


def holding(
    mail: Mail, keys: Mapping[str, tuple[str, ...]], now: int, signed: tuple[str, ...] = ()
) -> Signature | None:
    """The first signature that holds.

    Args:
        keys: TXT records by the names that the signatures ask for.
        now: seconds since 1970.
        signed: fields that must be among what was signed.
    """
    digests: dict[bool, bytes] = {}  # of the body: reckoned once, however many signatures there are
    for one in mail.signatures:
        if not set(signed) <= set(signed_fields(one.tags)):
            continue
        records = keys.get(one.asks, ())
        # RFC 6376 section 3.6.2.2: with several records nothing is known.
        if len(records) == 1 and _verify(mail, one, records[0], now, digests):
            return one
    return None


def all_holding(mail: Mail, keys: Mapping[str, tuple[str, ...]], now: int) -> tuple[Signature, ...]:
    """Every signature that holds. Args: as of ``holding``."""
    alone = (msgspec.structs.replace(mail, signatures=(one,)) for one in mail.signatures)
    return tuple(one for each in alone if (one := holding(each, keys, now)) is not None)


def signed_part(mail: Mail, one: Signature) -> bytes:
    """A mail without the fields that a signature does not cover: whoever it passes through may
    have added those. Empty where it does not cover how the body is to be read."""
    left, lines = Counter(signed_fields(one.tags)), list[bytes]()
    for name, value in reversed(mail.fields):
        key = name.strip().lower().decode()
        if left[key]:
            left[key] -= 1
            lines.append(name + b":" + value)
        elif key in _READ_BY:
            return b""
    return b"\r\n".join(reversed(lines)) + b"\r\n\r\n" + mail.body


def fingerprint(domain: str, record: str) -> str:
    """A name of a domain's key, by its TXT record: the same under whatever selector it lies."""
    key = (_tags(record) or {}).get("p", "")
    return hashlib.sha256(f"{domain}\0{key}".encode()).hexdigest()[:16]


def octets(one: Signature) -> bytes:
    """A signature that holds, however it is written: base64 has several ways."""
    return base64.b64decode(one.tags["b"])


def _sender(fields: list[tuple[bytes, bytes]]) -> str:
    values = [value for name, value in fields if name.strip().lower() == b"from"]
    if len(values) != 1:
        return ""
    found = people(values[0].replace(b"\r\n", b"").decode("ascii", "replace"))
    if len(found) != 1:
        return ""
    return host(found[0].rpartition("@")[2])


def people(text: str) -> list[str]:
    """The addresses in a field; none where it is too long. Never raises: the library takes a
    function's depth for each comment within another, and has no bound."""
    if len(text) > MAX_PEOPLE:
        return []
    try:
        return [address for _, address in getaddresses([text])]
    except (RecursionError, MessageError, ValueError, TypeError, IndexError):
        return []


def _tags(text: str) -> dict[str, str] | None:
    """The tags of RFC 6376 section 3.2; None where the list is invalid, or has a tag twice."""
    out: dict[str, str] = {}
    for part in text.removesuffix(";").split(";"):
        match = _TAG.fullmatch(part)
        if match is None:
            return None if part.strip() else out
        if match[1] in out:
            return None
        out[match[1]] = "".join(match[2].split())
    return out


def _signature(value: bytes) -> Signature | None:
    try:
        tags = _tags(value.decode("ascii").strip())
    except UnicodeDecodeError:
        return None
    if tags is None or tags.get("v") != "1" or "l" in tags:
        return None
    domain, selector = host(tags.get("d", "")), tags.get("s", "").lower()
    identity = host(tags.get("i", f"@{domain}").rpartition("@")[2])
    if (
        not domain
        or not _SELECTOR.fullmatch(selector)
        or tags.get("a", "") not in _ALGORITHMS
        or not below(identity, domain)
        or "from" not in signed_fields(tags)
        or not (tags.get("b") and tags.get("bh"))
        or tags.get("q", "dns/txt") != "dns/txt"
    ):
        return None
    return Signature(domain, selector, value, tags)


def signed_fields(tags: Mapping[str, str]) -> list[str]:
    """The names of the fields that a signature says it covers."""
    return tags.get("h", "").lower().split(":")


def _verify(mail: Mail, one: Signature, record: str, now: int, digests: dict[bool, bytes]) -> bool:
    tags = one.tags
    expires = tags.get("x", "")
    if expires and (not expires.isdigit() or len(expires) > 12 or int(expires) < now):
        return False
    head, _, body = tags.get("c", "simple/simple").partition("/")
    if {head, body or "simple"} - {"simple", "relaxed"}:
        return False
    try:
        digest = base64.b64decode(tags["bh"], validate=True)
        value = base64.b64decode(tags["b"], validate=True)
    except binascii.Error:
        return False
    relaxed = body == "relaxed"
    if relaxed not in digests:
        digests[relaxed] = hashlib.sha256(_body(mail.body, relaxed=relaxed)).digest()
    if digests[relaxed] != digest:
        return False
    data = _data(mail, one, relaxed=head == "relaxed")
    return _holds(_key(record, _ALGORITHMS[tags["a"]], one), value, data)


def _body(body: bytes, *, relaxed: bool) -> bytes:
    """RFC 6376 sections 3.4.3 and 3.4.4."""
    if relaxed:
        lines = body.split(b"\r\n")
        body = b"\r\n".join(_WSP.sub(b" ", line).rstrip(b" ") for line in lines)
    end = len(body)
    while body[end - 2 : end] == b"\r\n":
        end -= 2
    body = body[:end]
    return body + b"\r\n" if body or not relaxed else b""


def _data(mail: Mail, one: Signature, *, relaxed: bool) -> bytes:
    """What is signed: the named fields from the last upwards, then the signature without ``b``."""
    left: dict[bytes, list[tuple[bytes, bytes]]] = {}
    for name, value in mail.fields:
        left.setdefault(name.strip().lower(), []).append((name, value))
    lines = []
    for wanted in signed_fields(one.tags):
        there = left.get(wanted.encode())
        if there:
            lines.append(_field(*there.pop(), relaxed=relaxed) + b"\r\n")
    name = next(name for name, value in mail.fields if value == one.field)
    bare = _SIGNED_VALUE.sub(rb"\1", one.field, count=1)
    return b"".join(lines) + _field(name, bare, relaxed=relaxed)


def _field(name: bytes, value: bytes, *, relaxed: bool) -> bytes:
    """RFC 6376 sections 3.4.1 and 3.4.2."""
    if not relaxed:
        return name + b":" + value
    value = _WSP.sub(b" ", value.replace(b"\r\n", b"")).strip(b" ")
    return name.strip(b" \t").lower() + b":" + value


def _key(record: str, kind: str, one: Signature) -> RSAPublicKey | Ed25519PublicKey | None:
    """The key record of RFC 6376 section 3.6.1; None where it is invalid, or forbids the
    signature."""
    tags = _tags(record) if len(record) <= MAX_KEY and record.isascii() else None
    if tags is None or tags.get("v", "DKIM1") != "DKIM1" or tags.get("k", "rsa") != kind:
        return None
    flags = tags.get("t", "").split(":")
    strict = "s" in flags and host(one.tags.get("i", "").rpartition("@")[2]) not in {"", one.domain}
    if "y" in flags or strict:
        return None
    if not {"*", "email"} & set(tags.get("s", "*").split(":")):
        return None
    if "sha256" not in tags.get("h", "sha256").split(":"):
        return None
    try:
        raw = base64.b64decode(tags.get("p", ""), validate=True)
        if kind == "ed25519":
            return Ed25519PublicKey.from_public_bytes(raw)
        key = load_der_public_key(raw)
    except (binascii.Error, ValueError, UnsupportedAlgorithm):
        return None
    return key if isinstance(key, RSAPublicKey) and key.key_size >= SHORTEST else None


def _holds(key: RSAPublicKey | Ed25519PublicKey | None, value: bytes, data: bytes) -> bool:
    try:
        if isinstance(key, RSAPublicKey):
            key.verify(value, data, padding.PKCS1v15(), hashes.SHA256())
            return True
        if isinstance(key, Ed25519PublicKey):
            key.verify(value, hashlib.sha256(data).digest())  # RFC 8463 section 3
            return True
    except InvalidSignature:
        return False
    return False
