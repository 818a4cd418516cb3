"""Who keeps a mailbox, by its domain."""

import pytest

from mailkeep.mail import families


@pytest.mark.parametrize(
    ("domain", "family"),
    [
        ("gmail.com", "gmail"),
        ("GoogleMail.com", "gmail"),
        ("hotmail.co.uk", "outlook"),
        ("live.fr", "outlook"),
        ("outlook.com", "outlook"),
        ("yahoo.co.jp", "yahoo"),
        ("yahoo.com.br", "yahoo"),
        ("aol.com", "yahoo"),
        ("me.com", "icloud"),
        ("example.com", "other"),
        ("live.example.com", "other"),
        ("live.shop.com", "other"),
        ("yahoo.com.evil.example", "other"),
        ("notgmail.com", "other"),
        ("gmail.com.example", "other"),
    ],
)
def test_a_family_by_its_domain(domain: str, family: str) -> None:
    assert families.of(f"x@{domain}") == family
