"""Hashes of other systems: those that Django and the libraries themselves write."""

import base64
import hashlib

import argon2
import bcrypt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailkeep.accounts import foreign
from mailkeep.base.errors import Invalid

PASSWORD = "correct horse bättery"


def django(encoder: str) -> str:
    """What Django writes, with the least cost that it allows."""
    from django.conf import settings

    if not settings.configured:
        settings.configure()
    from django.contrib.auth import hashers

    made = {
        "pbkdf2": hashers.PBKDF2PasswordHasher,
        "pbkdf2_sha1": hashers.PBKDF2SHA1PasswordHasher,
        "argon2": hashers.Argon2PasswordHasher,
        "bcrypt": hashers.BCryptPasswordHasher,
        "bcrypt_sha256": hashers.BCryptSHA256PasswordHasher,
        "scrypt": hashers.ScryptPasswordHasher,
    }[encoder]()
    if "pbkdf2" in encoder:
        return str(made.encode(PASSWORD, "a-salt", 10))
    if encoder == "scrypt":
        return str(made.encode(PASSWORD, "a-salt", n=16))
    made.rounds = 4
    return str(made.encode(PASSWORD, made.salt()))


@pytest.mark.parametrize(
    "encoder", ["pbkdf2", "pbkdf2_sha1", "argon2", "bcrypt", "bcrypt_sha256", "scrypt"]
)
def test_what_django_writes_is_read(encoder: str) -> None:
    check(django(encoder))


def unpadded(raw: bytes, plus: str = "+") -> str:
    return base64.b64encode(raw).decode().rstrip("=").replace("+", plus)


@pytest.mark.parametrize(
    "text",
    [
        bcrypt.hashpw(PASSWORD.encode(), bcrypt.gensalt(4)).decode(),
        bcrypt.hashpw(PASSWORD.encode(), bcrypt.gensalt(4, b"2a")).decode(),
        bcrypt.hashpw(PASSWORD.encode(), bcrypt.gensalt(4)).decode().replace("$2b$", "$2y$"),
        argon2.PasswordHasher(memory_cost=64, time_cost=1).hash(PASSWORD),
        argon2.PasswordHasher(memory_cost=64, time_cost=1, type=argon2.Type.I).hash(PASSWORD),
        # As passlib writes them.
        "$scrypt$ln=4,r=8,p=1$"
        + unpadded(b"saltsalt")
        + "$"
        + unpadded(hashlib.scrypt(PASSWORD.encode(), salt=b"saltsalt", n=16, r=8, p=1, dklen=32)),
        "$pbkdf2-sha512$10$"
        + unpadded(b"\xff\xfesalt", ".")
        + "$"
        + unpadded(hashlib.pbkdf2_hmac("sha512", PASSWORD.encode(), b"\xff\xfesalt", 10), "."),
    ],
    # Salts are random, and what runs in parallel must have the same names everywhere.
    ids=["bcrypt", "bcrypt-2a", "bcrypt-2y", "argon2id", "argon2i", "scrypt", "pbkdf2-sha512"],
)
def test_what_the_libraries_write_is_read(text: str) -> None:
    check(text)


def check(text: str) -> None:
    found = foreign.read(text)
    assert foreign.derive(found.how, PASSWORD) == found.output
    assert foreign.derive(found.how, PASSWORD + "x") != found.output
    assert len(found.how) <= foreign.LONGEST
    assert not foreign.is_foreign(found.how)
    assert foreign.split(foreign.join(found.how, "$argon2id$…")) == (found.how, "$argon2id$…")
    assert found.output.hex() not in found.how
    assert "correct" not in repr(found)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "not a password hash"),
        ("plain-text", "form that is not known"),
        ("5f4dcc3b5aa765d61d8327deb882cf99", "form that is not known"),
        ("md5$salt$5f4dcc3b5aa765d61d8327deb882cf99", "form that is not known"),
        ("pbkdf2_sha256$99999999$salt$" + "A" * 43 + "=", "rounds"),
        ("pbkdf2_sha256$10$salt$!!!!", "damaged"),
        ("pbkdf2_sha256$10$salt$AAAA", "damaged"),
        ("pbkdf2_sha256$10$" + "s" * 99 + "$" + "A" * 43 + "=", "too long a salt"),
        ("$2b$31$" + "a" * 53, "cost"),
        ("$scrypt$ln=31,r=8,p=1$c2FsdA$" + "A" * 43, "256 MB"),
        ("scrypt$15$salt$8$1$" + "A" * 43 + "=", "damaged"),
        ("$argon2id$v=19$m=9999999,t=1,p=1$c2FsdHNhbHQ$" + "A" * 43, "asks for too much"),
        ("$argon2id$v=19$m=64,t=1,p=1$c2FsdA$" + "A" * 43, "damaged"),
        ("$argon2id$v=19$m=8,t=1,p=4$c2FsdHNhbHQ$" + "A" * 43, "damaged"),
        ("$argon2id$v=19$m=64,t=0,p=1$c2FsdHNhbHQ$" + "A" * 43, "damaged"),
        ("$argon2id$v=19$m=64,t=1,p=0$c2FsdHNhbHQ$" + "A" * 43, "damaged"),
        ("scrypt$131072$salt$1$1$" + "A" * 43 + "=", "damaged"),
        ("pbkdf2_sha256$10$sa|lt$" + "A" * 43 + "=", "not a password hash"),
    ],
)
def test_what_cannot_be_checked_is_refused(text: str, words: str) -> None:
    with pytest.raises(Invalid, match=words):
        foreign.read(text)


def test_bcrypt_looks_at_as_much_as_it_ever_did() -> None:
    long = "a" * 100
    text = bcrypt.hashpw(long[:72].encode(), bcrypt.gensalt(4)).decode()
    found = foreign.read(text)
    assert foreign.derive(found.how, long) == found.output
    assert foreign.derive(found.how, "a\0b") == foreign.derive(found.how, "a")


@given(st.text(max_size=120))
def test_no_text_is_more_than_invalid(text: str) -> None:
    try:
        foreign.read(text)
    except Invalid:
        return


@pytest.mark.parametrize(
    ("cheap", "dear"),
    [
        ("pbkdf2:sha256$10$c2FsdA==$32", "pbkdf2:sha256$90$c2FsdA==$32"),
        ("bcrypt:,2b,04,......................", "bcrypt_sha256:,2y,06,aaaaaaaaaaaaaaaaaaaaa."),
    ],
)
def test_what_a_cheap_one_costs_less_is_made_up_for(
    monkeypatch: pytest.MonkeyPatch, cheap: str, dear: str
) -> None:
    done = []
    pbkdf2, hashpw = hashlib.pbkdf2_hmac, bcrypt.hashpw

    def counted(kind: str, typed: bytes, salt: bytes, rounds: int, length: int | None = None):
        done.append(rounds)
        return pbkdf2(kind, typed, salt, rounds, length)

    def peppered(typed: bytes, setting: bytes) -> bytes:
        done.append(1 << int(setting.split(b"$")[2]))
        return hashpw(typed, setting)

    monkeypatch.setattr(hashlib, "pbkdf2_hmac", counted)
    monkeypatch.setattr(bcrypt, "hashpw", peppered)
    assert foreign.family(cheap) == foreign.family(dear)
    foreign.derive(dear, PASSWORD)
    whole = sum(done)
    done.clear()
    foreign.derive(cheap, PASSWORD)
    foreign.fill(cheap, dear, PASSWORD)
    assert sum(done) == whole == foreign.cost(dear)
    done.clear()
    foreign.fill(dear, cheap, PASSWORD)
    assert done == []


def test_families_differ_in_more_than_cost() -> None:
    hows = [
        "pbkdf2:sha256$10$c2FsdA==$32",
        "pbkdf2:sha1$10$c2FsdA==$20",
        "bcrypt:,2b,04,......................",
        "scrypt:16$8$1$c2FsdA==$32",
        "scrypt:32$8$1$c2FsdA==$32",
        "argon2:id$19$64$1$1$c2FsdHNhbHQ=$32",
    ]
    assert len({foreign.family(one) for one in hows}) == len(hows)
    salted = "scrypt:16$8$1$b3RoZXI=$32"
    assert foreign.family(salted) == foreign.family(hows[3])
