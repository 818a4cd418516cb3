"""Our own bounds, and which providers could not carry a message."""

import msgspec
import pytest

from mailkeep.base.errors import Invalid
from mailkeep.base.secret import Secret
from mailkeep.mail import fitting
from mailkeep.mail.intake import to_outgoing
from mailkeep.mail.types import Content, StreamSettings
from mailkeep.providers.errors import MisconfiguredProvider
from mailkeep.providers.message import Address, Attachment, Shown
from mailkeep.providers.types import ProviderConfig

PLAIN = Content(sender="us@example.com", to="ada@example.net", subject="x", text="x")


def file(size: int, name: str = "a.pdf") -> Attachment:
    return Attachment(name, bytes(size))


def people(count: int) -> tuple[Address, ...]:
    return tuple(Address(f"u{number}@example.net") for number in range(count))


def account(kind: str, **options: str) -> ProviderConfig:
    return ProviderConfig(kind, kind, "", Secret("k"), None, None, options, "party")


ACCOUNTS = {kind: account(kind) for kind in ("mandrill", "postmark", "smtp")}


def unfit(content: Content, accounts: dict[str, ProviderConfig] = ACCOUNTS) -> dict[str, str]:
    message = to_outgoing(content, "m", "a", StreamSettings("alert", 1, ()), 0)
    found = fitting.unfit(message, accounts, [*accounts, "unknown"])
    return {name: field for name, (field, _) in found.items()}


def changed(**fields: object) -> Content:
    return msgspec.structs.replace(PLAIN, **fields)


@pytest.mark.parametrize(
    ("content", "field"),
    [
        (changed(cc=people(50)), "cc"),
        (changed(more_to=people(50)), "to"),
        (changed(shown=Shown(people(51))), "To"),
        (changed(attachments=(file(fitting.MAX_SIZE),)), "attachments"),
        (changed(html="ä" * (fitting.MAX_SIZE // 2 + 1)), "html"),
    ],
)
def test_what_is_over_our_bounds_names_its_field(content: Content, field: str) -> None:
    with pytest.raises(Invalid) as refused:
        fitting.check(content, secret=False)
    assert refused.value.field == field


def test_what_is_within_our_bounds() -> None:
    fitting.check(changed(cc=people(20), bcc=people(29)), secret=False)
    fitting.check(changed(attachments=(file(fitting.MAX_SIZE - 1),)), secret=False)
    fitting.check(changed(shown=Shown(people(50))), secret=False)


@pytest.mark.parametrize(
    ("content", "field"),
    [
        (changed(more_to=people(1)), "to[1]"),
        (changed(cc=people(1)), "cc"),
        (changed(bcc=people(1)), "bcc"),
        (changed(shown=Shown((Address("ada@example.net"), *people(1)))), "To"),
        (changed(attachments=(file(60_000), file(60_000))), "attachments"),
    ],
)
def test_a_secret_is_for_one_person(content: Content, field: str) -> None:
    with pytest.raises(Invalid) as refused:
        fitting.check(content, secret=True)
    assert refused.value.field == field
    fitting.check(changed(attachments=(file(60_000),)), secret=True)
    fitting.check(changed(shown=Shown((Address("ADA@example.net"),))), secret=True)


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (PLAIN, {}),
        (changed(attachments=(file(7 << 20),)), {}),
        # Sizes count in base64, as the providers count them.
        (changed(attachments=(file(8 << 20),)), {"postmark": "attachments"}),
        (
            changed(attachments=(file(19 << 20),)),
            {"mandrill": "attachments", "postmark": "attachments", "smtp": "attachments"},
        ),
        (
            changed(attachments=(file(1), file(1, "Setup.EXE "))),
            {"postmark": "attachments[1].filename"},
        ),
    ],
)
def test_which_providers_cannot_carry_it(content: Content, expected: dict[str, str]) -> None:
    assert unfit(content) == expected


def test_an_account_may_take_less_than_its_kind() -> None:
    small = {"relay": msgspec.structs.replace(account("smtp", max_size="10240000"), name="relay")}
    assert unfit(changed(attachments=(file(7 << 20),)), small) == {}
    assert unfit(changed(attachments=(file(8 << 20),)), small) == {"relay": "attachments"}
    huge = {"postmark": account("postmark", max_size="999999999")}
    assert unfit(changed(attachments=(file(8 << 20),)), huge) == {"postmark": "attachments"}
    with pytest.raises(MisconfiguredProvider):
        unfit(PLAIN, {"smtp": account("smtp", max_size="10 MB")})


def test_what_is_ordinary_is_not_looked_at() -> None:
    assert fitting.plain(PLAIN)
    for content in (
        changed(attachments=(file(1),)),
        changed(cc=people(1)),
        changed(bcc=people(1)),
        changed(more_to=people(1)),
        changed(shown=Shown()),
        changed(text="x" * (fitting.SMALL + 1)),
    ):
        assert not fitting.plain(content)


def test_what_a_request_comes_to_is_counted_over_all_of_its_messages() -> None:
    """Each of them is small, and has as many blind copies as one may have."""
    request = fitting.Request()
    for at in range(100):
        request.take(2_000, 49, f"messages[{at}].")
    with pytest.raises(Invalid, match="more than 5,000 messages: each blind copy") as refused:
        request.take(2_000, 49, "messages[100].")
    assert refused.value.field == "messages[100].bcc"
    with pytest.raises(Invalid, match="more than 100 MB"):
        fitting.Request().take(3_000_000, 49, "")
    fitting.Request().take(3_000_000_000, 0, "")  # its own size is bounded elsewhere
