"""The registry of providers whose API manages keys; and the manual steps for the others."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from .sendgrid import SendGridKeys
from .types import ManagesKeys

KEYS: Final[Mapping[str, ManagesKeys]] = MappingProxyType({"sendgrid": SendGridKeys()})

#: By hand, where no API of a provider does it, or none that we speak.
BY_HAND: Final[Mapping[str, str]] = MappingProxyType(
    {
        "mandrill": "Mailchimp Transactional has no API for keys: Settings, SMTP & API info, "
        "add a key, then disable the old one",
        "postmark": "Postmark has no API for server tokens: Servers, API Tokens, generate another "
        "token, then delete the old one",
        "ses": "make another access key of the IAM user, derive its SMTP password, then deactivate "
        "the old one (IAM, Security credentials)",
    }
)
OTHERWISE: Final = "make another key in the pages of {name}, then revoke the old one there"
