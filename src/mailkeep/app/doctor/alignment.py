"""Doctor checks: DKIM keys, DMARC policies and identifier alignment of our mail (pure over
``Records``)."""

import base64
import binascii

import msgspec
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.serialization import load_der_public_key

from .records import Found, Records

_MOST_LABELS = 8  #: of a name whose parents are walked, as the revised DMARC does


class Dkim(msgspec.Struct, frozen=True):
    """A key record (RFC 6376 section 3.6.1).

    Attributes:
        bits: of the key; 256 for Ed25519 (RFC 8463).
        problem: why no signature under it counts; empty when one does.
        testing: receivers are told to treat signed mail as unsigned.
        found: whether DNS could be asked.
    """

    found: Found
    kind: str = "rsa"
    bits: int = 0
    problem: str = ""
    testing: bool = False


class Dmarc(msgspec.Struct, frozen=True):
    """The policy that holds for a domain.

    Attributes:
        where: the name that has it: the domain itself, or its organisational domain.
        policy: ``none``, ``quarantine`` or ``reject``, for this domain.
        strict_dkim, strict_spf: the domains must be the same, not only of one house.
    """

    found: Found
    where: str = ""
    policy: str = ""
    strict_dkim: bool = False
    strict_spf: bool = False
    problem: str = ""


def dkim(records: Records, selector: str, domain: str) -> Dkim:
    """The key under a selector."""
    answer = records.ask(f"{selector}._domainkey.{domain}", "TXT")
    if answer.found in {Found.PENDING, Found.ERROR}:
        return Dkim(answer.found)
    if answer.found is Found.NONE:
        return Dkim(answer.found, problem="there is no key")
    if len(answer.rows) > 1:
        return Dkim(Found.SOME, problem="there are several records, and receivers may read any")
    tags = _tags(answer.rows[0])
    if tags.get("v", "DKIM1") != "DKIM1" or "p" not in tags:
        return Dkim(Found.SOME, problem="the record is not a DKIM key")
    testing = "y" in tags.get("t", "").split(":")
    kind, text = tags.get("k", "rsa").lower(), "".join(tags["p"].split())
    if not text:
        return Dkim(Found.SOME, kind, problem="the key was revoked")
    try:
        data = base64.b64decode(text, validate=True)
        bits = _bits(kind, data)
    except (binascii.Error, ValueError, UnsupportedAlgorithm):
        return Dkim(Found.SOME, kind, problem="the key cannot be read", testing=testing)
    return Dkim(Found.SOME, kind, bits, testing=testing)


def dmarc(records: Records, domain: str) -> Dmarc:
    """The policy of a domain: its own, or that of the nearest name above it that has one."""
    for name in _upwards(domain):
        answer = records.ask(f"_dmarc.{name}", "TXT")
        if answer.found in {Found.PENDING, Found.ERROR}:
            return Dmarc(answer.found)
        texts = [one for one in answer.rows if _is_policy(one)]
        if len(texts) > 1:
            return Dmarc(Found.SOME, name, problem="it has several records: none of them counts")
        if texts:
            return _policy(_tags(texts[0]), name, own=name == domain)
    return Dmarc(Found.NONE)


def organisation(records: Records, domain: str) -> str:
    """The name under which everything is of one house: the highest one that has a policy (the tree
    walk of the revised DMARC). Without any, the domain alone."""
    found = domain.lower()
    for name in _upwards(domain):
        rows = records.ask(f"_dmarc.{name}", "TXT").rows
        if any(_is_policy(one) for one in rows):
            found = name
    return found


def aligned(sender: str, other: str, organisation: str, *, strict: bool) -> bool:
    """Whether a domain that was proven vouches for the one in From (RFC 7489 section 3.1)."""
    sender, other = sender.lower(), other.lower()
    return sender == other if strict else below(other, organisation)


def below(name: str, parent: str) -> bool:
    """Whether ``name`` is ``parent``, or of it."""
    return name == parent or name.endswith(f".{parent}")


def _policy(tags: dict[str, str], where: str, *, own: bool) -> Dmarc:
    policy = tags.get("p", "").lower() if own else (tags.get("sp") or tags.get("p", "")).lower()
    known = policy in {"none", "quarantine", "reject"}
    return Dmarc(
        Found.SOME,
        where,
        policy,
        strict_dkim=tags.get("adkim", "r").lower() == "s",
        strict_spf=tags.get("aspf", "r").lower() == "s",
        problem="" if known else "it has no policy that receivers know",
    )


def _is_policy(text: str) -> bool:
    return text.replace(" ", "").lower().startswith("v=dmarc1")


def _upwards(domain: str) -> list[str]:
    """The name and those above it, but no top-level domain; a long one jumps to its end."""
    labels = domain.lower().split(".")
    starts = range(max(0, len(labels) - _MOST_LABELS), max(1, len(labels) - 1))
    above = [".".join(labels[start:]) for start in starts]
    return above if above[0] == domain.lower() else [domain.lower(), *above]


def _tags(text: str) -> dict[str, str]:
    pairs = (one.partition("=") for one in text.split(";"))
    return {name.strip().lower(): value.strip() for name, _, value in pairs if name.strip()}


def _bits(kind: str, data: bytes) -> int:
    if kind == "ed25519":
        if len(data) != 32:
            raise ValueError("an Ed25519 key has 32 bytes")
        return 256
    key = load_der_public_key(data)
    if kind != "rsa" or not isinstance(key, RSAPublicKey):
        raise ValueError("not an RSA key")
    return key.key_size
